"""Small linear stand-ins for the layers above a window, through which the global loss reaches the head.

ChainFed's GPO sends the window's output through the later adapters alone. That needs adapters in series with
their layers; LoRA inside a matrix means nothing without its layer. A frozen map of low rank, fitted once to
what the layer adds to the residual stream, takes that place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

_RIDGE = 1e-2
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Surrogate:
    """h ↦ h + bias + (h / rms(h)) reduce expand, for rows of the residual stream.

    reduce: float32 [width, r], expand: float32 [r, width], bias: float32 [width].
    """

    reduce: torch.Tensor
    expand: torch.Tensor
    bias: torch.Tensor

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + self.bias + (_unit(hidden) @ self.reduce) @ self.expand


def fit_surrogate(
    before: np.ndarray, after: np.ndarray, rank: int, device: torch.device | str = "cpu"
) -> Surrogate:
    """Reduced-rank ridge regression of what a layer adds, from rows [n, width] that enter and leave it."""
    entered, left = torch.from_numpy(before), torch.from_numpy(after)
    normal = _unit(entered)
    added = left - entered
    centre, bias = normal.mean(0), added.mean(0)
    normal, added = normal - centre, added - bias
    gram = normal.T @ normal
    ridge = _RIDGE * gram.diagonal().mean() + _TINY
    whole = torch.linalg.solve(gram + ridge * torch.eye(len(gram)), normal.T @ added)
    # Of all maps of this rank the best for these rows keeps the main directions of the fitted values.
    _, main = torch.linalg.eigh(whole.T @ gram @ whole)
    expand = main[:, -rank:].T
    reduce = whole @ expand.T
    bias = bias - (centre @ reduce) @ expand
    return Surrogate(reduce.to(device), expand.contiguous().to(device), bias.to(device))


def _unit(hidden: torch.Tensor) -> torch.Tensor:
    return hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + _TINY)
