"""Plain values that cross the engine's border. Importing this module loads no library."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message in the OpenAI shape; `role` is system, user or assistant."""

    role: str
    content: str


def opening(system_prompt: str) -> list[Message]:
    """How every conversation begins: the system prompt, or nothing when it is blank.

    Learning and answering must begin alike, or what was learned would be asked under another prompt.
    """
    prompt = system_prompt.strip()
    return [Message("system", prompt)] if prompt else []


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `temperature` 0 is greedy (then `seed` has no effect)."""

    temperature: float = 0.0
    top_p: float = 0.95
    top_k: int = 40
    repeat_penalty: float = 1.1
    seed: int = 0
    max_tokens: int = 512


@dataclass(frozen=True, slots=True)
class AdapterUse:
    """An adapter file as it is applied: `strength` 1.0 is as trained, 0 is off."""

    version: str
    path: Path
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished answer. `stopped` is "end", "length" (token limit or full context) or "cancelled".

    `dropped` counts the oldest messages that were left out because the context is full. `mean_loss` is how
    unsure the model was of what it said: -log p of its own tokens in nats, averaged over the answer
    (length-normalised likelihood; Malinin and Gales, ICLR 2021), before temperature and penalties.
    """

    text: str
    tokens: int
    prompt_tokens: int
    tokens_per_s: float
    time_to_first_token_s: float
    stopped: str
    adapters: tuple[str, ...] = ()
    dropped: int = 0
    mean_loss: float | None = None


@dataclass(frozen=True, slots=True)
class TokenisedPair:
    """A prompt and its answer as token ids; the answer ends with the end-of-turn token."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """What one pass over pairs returned; T is the number of answer tokens of all pairs in order.

    losses:   float32 [T], nats per answer token under the adapters in force.
    lengths:  answer tokens of each pair; they sum to T.
    features: node name → float32 [T, width], at the positions that predict answer tokens.
    top:      int32 [T, k], the k likeliest tokens per answer position, unordered.
    """

    losses: np.ndarray
    lengths: tuple[int, ...]
    features: dict[str, np.ndarray] = field(default_factory=dict)
    top: np.ndarray = field(default_factory=lambda: np.empty((0, 0), dtype=np.int32))
