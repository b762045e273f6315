"""Neighbouring layers with trainable adapters, and an optimiser for each. Only these are ever dequantised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from tuning.adam import Adam
from tuning.architectures import Geometry
from tuning.examples import TuningError
from tuning.lessons import Batch
from tuning.llama_layer import Layer
from tuning.weights import Weights

BETAS = (0.9, 0.99)
Tensors = Mapping[str, tuple[np.ndarray, np.ndarray]]


class Window:
    """Layers `first` … `first + len - 1` of a model; moves up one layer at a time."""

    def __init__(
        self,
        weights: Weights,
        *,
        rank: int,
        alpha: float,
        rng: np.random.Generator,
        device: torch.device | str = "cpu",
    ) -> None:
        self._weights = weights
        self.geometry = Geometry.of(weights)
        self._rank, self._alpha, self._rng, self._device = rank, alpha, rng, device
        self.layers: list[Layer] = []
        self._optimisers: list[Adam] = []

    def enter(self, index: int, start: Tensors | None = None) -> None:
        """Take in layer `index` above the others. Its adapter starts from `start`, or at the base.

        Raises TuningError where `start` lacks a matrix of the layer or has another rank.
        """
        layer = Layer(
            self._weights,
            index,
            self.geometry,
            rank=self._rank,
            alpha=self._alpha,
            rng=self._rng,
            device=self._device,
        )
        if start is not None:
            try:
                layer.load(start)
            except (KeyError, RuntimeError) as error:
                raise TuningError(f"the former adapter does not fit layer {index}") from error
        self.layers.append(layer)
        self._optimisers.append(Adam(layer.parameters, betas=BETAS))

    def leave(self) -> Layer:
        """Let go of the lowest layer; what the optimiser knew of it is forgotten."""
        self._optimisers.pop(0)
        return self.layers.pop(0)

    def states(self, batch: Batch, prefix: torch.Tensor, *, adapted: bool = True) -> torch.Tensor:
        """What leaves the window at the answer tokens of a batch, [rows, width]."""
        own = batch.own
        for layer in self.layers:
            rows = batch.rows if layer is self.layers[-1] else None
            prefix, own = layer.forward(prefix, own, batch.packing, rows, adapted=adapted)
        return own

    def step(self, rate: float) -> None:
        for optimiser in self._optimisers:
            optimiser.step(rate)

    def tensors(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The adapters by GGUF tensor name, as (A, B); they share memory with the window."""
        return {name: pair for layer in self.layers for name, pair in layer.tensors().items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Adapters and optimisers for a checkpoint."""
        found: dict[str, np.ndarray] = {}
        for layer, optimiser in zip(self.layers, self._optimisers, strict=True):
            steps, moments = optimiser.state()
            found[f"{layer.index}.steps"] = np.array(steps)
            for number, each in enumerate([*layer.parameters, *moments]):
                found[f"{layer.index}.{number}"] = each.detach().cpu().numpy()
        return found

    @torch.no_grad()
    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what `arrays` returned, for the same layers."""
        for layer, optimiser in zip(self.layers, self._optimisers, strict=True):
            count = 3 * len(layer.parameters)
            saved = [torch.from_numpy(arrays[f"{layer.index}.{number}"]) for number in range(count)]
            for parameter, value in zip(layer.parameters, saved, strict=False):
                parameter.copy_(value)
            optimiser.restore(int(arrays[f"{layer.index}.steps"]), saved[len(layer.parameters) :])
