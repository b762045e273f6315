"""Final norm and output head for training: exact for the tokens that matter and sampled for the rest.

Sampled softmax: each step draws other tokens, and each drawn one stands for its share of the rest of the
vocabulary. With a fixed set, probability moves to tokens at which nobody looks.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from tuning.examples import Sequences, exact_tokens
from tuning.llama_layer import rms_norm
from tuning.weights import Weights


class SampledHead:
    """The head of one model over the tokens of one job."""

    def __init__(
        self,
        weights: Weights,
        sequences: Sequences,
        sampled: int,
        rng: np.random.Generator,
        device: torch.device | str = "cpu",
    ) -> None:
        """`sampled` tokens of the rest are drawn at each `resample`. Raises TuningError."""
        self._rng = rng
        self._device = device
        self._head = weights.rows(weights.head)
        self._exact = exact_tokens(sequences)
        vocabulary = weights.shape(weights.head)[0]
        self._rest = np.setdiff1d(np.arange(vocabulary), self._exact, assume_unique=True)
        self._sampled = min(sampled, len(self._rest))
        self._norm = torch.from_numpy(weights.tensor("output_norm.weight")).to(device)
        self._epsilon = weights.number("attention.layer_norm_rms_epsilon", 1e-5)
        known = len(self._exact)
        self._rows = torch.empty(known + self._sampled, weights.shape(weights.head)[1], device=device)
        self._rows[:known] = torch.from_numpy(self._head.take(self._exact)).to(device)
        self._log_weights = torch.zeros(known + self._sampled, device=device)
        if self._sampled:
            self._log_weights[known:] = math.log(len(self._rest) / self._sampled)
        self.resample()

    def resample(self) -> None:
        """Draw other tokens for the rest."""
        if self._sampled:
            drawn = np.sort(self._rng.choice(self._rest, size=self._sampled, replace=False))
            self._rows[len(self._exact) :] = torch.from_numpy(self._head.take(drawn)).to(self._device)

    def log_probabilities(self, hidden: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of exact and drawn tokens, a drawn one counting for those it stands for."""
        logits = rms_norm(hidden, self._norm, self._epsilon) @ self._rows.T + self._log_weights
        return logits.log_softmax(-1)

    def positions(self, targets: np.ndarray) -> torch.Tensor:
        """Where these token ids stand among the exact ones."""
        return torch.from_numpy(np.searchsorted(self._exact, targets)).to(self._device)
