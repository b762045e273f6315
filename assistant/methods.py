"""The tuning methods by name: which activations each wants, and how it is run.

Adapts what the engine measured to what `tuning/` takes, and back to an adapter file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.engine.types import Scored
from assistant.errors import AdapterError, DiskFull
from tuning.examples import TuningError, TuningStep

LIKELY_TOKENS = 32


@dataclass(frozen=True, slots=True)
class TuningData:
    """Measured sequences: `scored` groups in order, and per sequence its answer, kind and weight."""

    scored: tuple[Scored, ...]
    targets: tuple[np.ndarray, ...]
    kinds: tuple[str, ...]
    weights: np.ndarray


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a method found; `write` puts it into a file."""

    tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    architecture: str
    history: tuple[TuningStep, ...]
    forward_passes: float

    def write(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the adapter. Raises DiskFull; no partial file stays behind."""
        from tuning.adapter_file import write_adapter

        try:
            write_adapter(
                path, self.tensors, architecture=self.architecture, alpha=self.alpha, metadata=metadata
            )
        except OSError as error:
            raise DiskFull(f"The adapter can't be written: {error.strerror}.") from error


@dataclass(frozen=True, slots=True)
class Method:
    """`wanted(layers)` names the activations (last-layer nodes, every-token nodes, likely tokens)."""

    wanted: Callable[[int], tuple[tuple[str, ...], tuple[str, ...], int]]
    tune: Callable[..., Iterator[TuningStep | Tuned]]


def _layer_chain_wanted(layers: int) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    from tuning.layer_chain import LayerChain

    return (), (_window_input(layers, LayerChain().layers),), LIKELY_TOKENS


def _window_input(layers: int, window: int) -> str:
    return f"l_out-{layers - window - 1}"


def _layer_chain(data: TuningData, model: Path, *, seed: int, threads: int) -> Iterator[TuningStep | Tuned]:
    from tuning.examples import Sequences
    from tuning.layer_chain import LayerChain, tune
    from tuning.weights import Weights

    try:
        weights = Weights(model)
        node = next(iter(data.scored[0].tokens))
        sequences = Sequences(
            prefix=data.scored[0].prefix[node],
            inputs=tuple(each for scored in data.scored for each in scored.tokens[node]),
            targets=data.targets,
            top=_per_sequence(data),
            kinds=data.kinds,
            weights=data.weights,
        )
        config = LayerChain.for_facts(data.kinds.count("fact"))
        for item in tune(sequences, weights, config, seed=seed, threads=threads):
            if isinstance(item, TuningStep):
                yield item
            else:
                yield Tuned(item.tensors, item.alpha, weights.architecture, item.history, item.forward_passes)
    except TuningError as error:
        raise AdapterError(
            f"This model can't be tuned: {error}.", hint="Try --method zeroth-order."
        ) from error


def _per_sequence(data: TuningData) -> tuple[np.ndarray, ...]:
    """The likely tokens of each sequence, [answer tokens, k]."""
    parts: list[np.ndarray] = []
    for scored in data.scored:
        parts.extend(np.split(scored.top, np.cumsum(scored.lengths)[:-1]))
    return tuple(parts)


METHODS: dict[str, Method] = {
    "layer-chain": Method(_layer_chain_wanted, _layer_chain),
}
