"""What tuning learns from: sequences of cached activations with the tokens they should predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["fact", "unknown", "general"]


class TuningError(ValueError):
    """The data or the model can't be tuned on; the message says why."""


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


@dataclass(frozen=True, slots=True)
class Candidates:
    """The tokens whose logits are computed.

    tokens: int64 [K] ids; the first `exact` of them ascending and complete, the rest sampled.
    weight: how many tokens of the vocabulary each sampled one stands for.
    """

    tokens: np.ndarray
    exact: int
    weight: float

    def positions(self, ids: np.ndarray) -> np.ndarray:
        """Where these exact tokens stand among the candidates."""
        return np.searchsorted(self.tokens[: self.exact], ids)

    def log_weights(self) -> np.ndarray:
        """float32 [K], added to the logits before a softmax."""
        weights = np.zeros(len(self.tokens), dtype=np.float32)
        if self.weight:
            weights[self.exact :] = np.log(self.weight)
        return weights


def candidate_tokens(
    sequences: Sequences, vocabulary: int, sampled: int, rng: np.random.Generator
) -> Candidates:
    """All targets and all likely tokens exactly, and `sampled` tokens drawn from the rest of the vocabulary.

    Sampled softmax: without the sample, probability would move to tokens at which nobody looks.
    """
    parts = [*sequences.targets, *(each.ravel() for each in sequences.top)]
    exact = np.unique(np.concatenate(parts).astype(np.int64))
    rest = np.setdiff1d(np.arange(vocabulary), exact, assume_unique=True)
    count = min(sampled, len(rest))
    drawn = np.sort(rng.choice(rest, size=count, replace=False)) if count else np.empty(0, dtype=np.int64)
    return Candidates(np.concatenate([exact, drawn]), len(exact), len(rest) / count if count else 0.0)
