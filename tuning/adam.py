"""Adam (Kingma & Ba 2015, algorithm 1) for a handful of small matrices.

torch's own optimisers load its compiler when they are made: 70 MB and two seconds for ten lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


class Adam:
    """Moves `parameters` along their gradients; state is two tensors of each one's shape."""

    def __init__(
        self, parameters: Sequence[torch.Tensor], *, betas: tuple[float, float], epsilon: float = 1e-8
    ) -> None:
        self._parameters = tuple(parameters)
        self._betas = betas
        self._epsilon = epsilon
        self._means = [torch.zeros_like(each) for each in parameters]
        self._squares = [torch.zeros_like(each) for each in parameters]
        self._steps = 0

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One step along the gradients, which are cleared. Parameters without one stay as they are."""
        self._steps += 1
        first, second = self._betas
        correction = (1.0 - second**self._steps) ** 0.5
        rate = learning_rate * correction / (1.0 - first**self._steps)
        for parameter, mean, square in zip(self._parameters, self._means, self._squares, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            mean.lerp_(gradient, 1.0 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
            parameter.addcdiv_(mean, square.sqrt().add_(self._epsilon * correction), value=-rate)
            parameter.grad = None

    def state(self) -> tuple[int, list[torch.Tensor]]:
        """Steps so far, and the means followed by the mean squares."""
        return self._steps, [*self._means, *self._squares]

    @torch.no_grad()
    def restore(self, steps: int, tensors: Sequence[torch.Tensor]) -> None:
        """Go on from what `state` returned."""
        self._steps = steps
        for mine, saved in zip((*self._means, *self._squares), tensors, strict=True):
            mine.copy_(saved)
