"""Plain values that cross selection's border. Knows numpy and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Action = Literal["keep", "replace", "drop", "remove"]

NO_TOPIC = -1
"""The topic of an item under a policy that does not sort items into topics."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The three scores of Qin et al. (DAC'24), each in [0, 1] and higher is better.

    eoe: entropy of embedding, how varied the text is.
    dss: domain specific score, how much of it is topic words.
    idd: in-domain dissimilarity, how new it is among kept items of the same domain.
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

    embedding:    float32 [dim], L2-normalised. token_embeddings: float32 [n_tokens, dim].
    embedder:     name of what made them; vectors of different embedders cannot be compared.
    learnability: how much tuning on it would change the model, if whoever tunes has said so; any scale,
        higher is more. For instance the loss of the answer minus its loss under the base model.
    """

    turn_id: int
    text: str = field(repr=False)
    embedding: np.ndarray = field(compare=False, repr=False)
    token_embeddings: np.ndarray = field(compare=False, repr=False)
    embedder: str = ""
    learnability: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What a policy sees of a turn: numbers, no text.

    embedding: float32 [dim], L2-normalised. tokens: how many tokens `eoe` was computed from.
    domain:    the lexicon topic with most hits; empty where no lexicon is used.
    """

    turn_id: int
    embedding: np.ndarray = field(compare=False, repr=False)
    eoe: float = 0.0
    tokens: int = 0
    dss: float = 0.0
    domain: str = ""
    learnability: float | None = None

    @property
    def meanings(self) -> float:
        """Spectral entropy of the token embeddings in nats, the log of how many distinct meanings there are.

        Unlike `eoe` it is not divided by log n, so that two unlike words do not count as much as a page.
        """
        return self.eoe * math.log(self.tokens) if self.tokens > 1 else 0.0


@dataclass(frozen=True, slots=True)
class BufferItem:
    """A turn the buffer holds. `embedding` is float32 [dim], L2-normalised.

    scores: as they are now; `idd` changes when items of the same domain come and go.
    topic:  the cluster under a policy that makes clusters, else NO_TOPIC.
    since:  how many turns had been considered when it was kept, itself included.
    kept:   when that was, ISO 8601 in UTC; empty if it was before this was recorded.
    """

    turn_id: int
    text: str = field(repr=False)
    domain: str
    scores: Scores
    embedding: np.ndarray = field(compare=False, repr=False)
    embedder: str = ""
    tokens: int = 0
    topic: int = NO_TOPIC
    since: int = 0
    learnability: float | None = None
    kept: str = field(default="", compare=False)

    def item(self) -> Item:
        """What a policy sees of it."""
        return Item(
            self.turn_id, self.embedding, self.scores.eoe, self.tokens, self.scores.dss, self.domain,
            self.learnability,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """What happened to a turn and why; `reason` holds numbers and topic names, never words of the turn.

    action: keep (there was room), replace (`replaced` had to go), drop, or remove (taken out on request).
    scores: as they were at that moment. number: position in the history, rising, starting at 1.
    decided: when, ISO 8601 in UTC. policy: the rule that decided; both empty in rows of an older release.
    """

    action: Action
    turn_id: int
    replaced: int | None
    reason: str
    scores: Scores
    domain: str
    number: int = 0
    policy: str = ""
    topic: int = NO_TOPIC
    decided: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What became of one batch: how many turns were kept in a free place, exchanged, and dropped."""

    kept: int
    replaced: int
    dropped: int

    @property
    def considered(self) -> int:
        return self.kept + self.replaced + self.dropped


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything known about one turn's place in the buffer.

    item:       the turn as it is kept now; None if it is not.
    replaced:   the turn it was kept instead of, if it was.
    rank:       1 is the last that would have to go; turns the policy cannot tell apart share a rank.
    topic_size: how many kept turns share its topic, itself included; None without topics.
    swept:      it was looked at in bulk, where only what is kept is recorded.
    """

    turn_id: int
    policy: str
    item: BufferItem | None
    replaced: int | None
    rank: int | None
    held: int
    topic_size: int | None
    swept: bool
    decisions: tuple[Decision, ...]
