"""What tuning learns from: sequences of cached activations with the tokens they should predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["fact", "unknown", "general"]


class TuningError(ValueError):
    """The data or the model can't be tuned on; the message says why."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the answer that should follow it, as token ids; the answer closes the turn."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    kind: Kind
    weight: float = 1.0

    @property
    def inputs(self) -> tuple[int, ...]:
        """The tokens that are read; the last `len(answer)` of them predict the answer."""
        return self.prompt + self.answer[:-1]


@dataclass(frozen=True, slots=True)
class Sequences:
    """Activations of N question-answer sequences at one depth of the network.

    prefix:  float32 [S, width], the tokens all sequences share (system prompt), computed once.
    inputs:  per sequence float32 [T, width], its own tokens; the last A rows predict its answer.
    targets: per sequence int64 [A], the answer's tokens, the last one ending the turn.
    top:     per sequence int [A, k], the likeliest tokens of the base model at those rows.
    kinds:   what each sequence is for. A "fact" is learned, an "unknown" is answered with "I don't know
             that yet", a "general" one keeps the base model's own distribution.
    weights: float32 [N], importance of each sequence inside its kind.
    """

    prefix: np.ndarray
    inputs: tuple[np.ndarray, ...]
    targets: tuple[np.ndarray, ...]
    top: tuple[np.ndarray, ...]
    kinds: tuple[Kind, ...]
    weights: np.ndarray

    def __post_init__(self) -> None:
        sizes = {len(self.inputs), len(self.targets), len(self.top), len(self.kinds), len(self.weights)}
        if len(sizes) != 1:
            raise TuningError("inputs, targets, top, kinds and weights must have one entry per sequence")
        if "fact" not in self.kinds:
            raise TuningError("there is nothing to learn: no sequence of kind 'fact'")

    def of(self, kind: Kind) -> list[int]:
        """Indices of the sequences of one kind."""
        return [i for i, each in enumerate(self.kinds) if each == kind]


@dataclass(frozen=True, slots=True)
class TuningStep:
    """Where a running job is; losses in nats per answer token, `spill` the KL on general prompts."""

    step: int
    steps: int
    loss: float
    spill: float


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, leaving at least one of its own to each.

    What is computed at these tokens (system prompt, head of the chat template) is computed once for all.
    """
    shortest = min(len(prompt) for prompt in prompts) - 1
    for position in range(shortest):
        if any(prompt[position] != prompts[0][position] for prompt in prompts):
            return position
    return shortest


def exact_tokens(sequences: Sequences) -> np.ndarray:
    """Every token that is a target or likely under the base model, int64 ascending."""
    parts = [*sequences.targets, *(each.ravel() for each in sequences.top)]
    return np.unique(np.concatenate(parts).astype(np.int64))
