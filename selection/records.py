"""Plain values that cross selection's border. Knows numpy and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Action = Literal["keep", "replace", "drop", "remove"]


@dataclass(frozen=True, slots=True)
class Scores:
    """The three scores of Qin et al. (DAC'24), each in [0, 1] and higher is better.

    eoe: entropy of embedding, how varied the text is.
    dss: domain specific score, how much of it is topic words.
    idd: in-domain dissimilarity, how new it is among kept items of the same topic.
    """

    eoe: float
    dss: float
    idd: float

    def exceeds(self, other: Scores) -> bool:
        """Whether all three scores are strictly higher than the other's."""
        return self.eoe > other.eoe and self.dss > other.dss and self.idd > other.idd

    def in_words(self) -> str:
        return f"variety {self.eoe:.3f}, topic words {self.dss:.4f}, novelty {self.idd:.3f}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished turn, ready to be considered.

    embedding: float32 [dim], L2-normalised. token_embeddings: float32 [n_tokens, dim].
    embedder:  name of what made them; vectors of different embedders cannot be compared.
    """

    turn_id: int
    text: str = field(repr=False)
    embedding: np.ndarray = field(compare=False, repr=False)
    token_embeddings: np.ndarray = field(compare=False, repr=False)
    embedder: str = ""


@dataclass(frozen=True, slots=True)
class BufferItem:
    """A turn the buffer holds, or one that asks to be held. `embedding` is float32 [dim], L2-normalised."""

    turn_id: int
    text: str = field(repr=False)
    domain: str
    scores: Scores
    embedding: np.ndarray = field(compare=False, repr=False)
    embedder: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happened to a turn and why; `reason` holds numbers and topic names, never words of the turn.

    action: keep (there was room), replace (`replaced` had to go), drop, or remove (taken out on request).
    scores: as they were at that moment. number: position in the history, rising, starting at 1.
    """

    action: Action
    turn_id: int
    replaced: int | None
    reason: str
    scores: Scores
    domain: str
    number: int = 0
