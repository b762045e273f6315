"""The tuning methods by name: how each reads the examples, and how it is run.

Adapts token ids and the engine's measurements to what `tuning/` takes, and its results to an adapter file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from assistant.engine.engine import Engine
from assistant.engine.types import TokenisedPair
from assistant.errors import AdapterError, DiskFull
from assistant.paths import Paths, run_log
from assistant.room import require_room
from tuning.examples import Example, TuningError, TuningStep

if TYPE_CHECKING:
    from tuning.answer_features import AnswerFeatures
    from tuning.chainfed import ChainFed
    from tuning.layer_chain import LayerChain
    from tuning.run_log import WindowLog
    from tuning.weights import Weights

# Candidates per position. The reduced window of zeroth-order is exact only on them; layer-chain draws others.
WINDOW_TOKENS = 32
CHAIN_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a method found; `write` puts it into a file. `windows` replay it, if the method can."""

    tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    architecture: str
    history: tuple[TuningStep, ...]
    forward_passes: float
    windows: tuple[WindowLog, ...] = ()

    def write(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the adapter, and the log of its run beside it. Raises DiskFull; no half file stays."""
        from tuning.adapter_file import write_adapter
        from tuning.run_log import RunLog, write_run_log

        try:
            if self.windows:
                log = RunLog(self.windows, self.architecture, self.alpha, metadata)
                write_run_log(run_log(path), log)
            write_adapter(
                path, self.tensors, architecture=self.architecture, alpha=self.alpha, metadata=metadata
            )
        except OSError as error:
            raise DiskFull(f"The adapter can't be written: {error.strerror}.") from error


class Found(Protocol):
    """The result that every method of `tuning/` ends with."""

    @property
    def tensors(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]: ...
    @property
    def alpha(self) -> float: ...
    @property
    def history(self) -> tuple[TuningStep, ...]: ...
    @property
    def forward_passes(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Method:
    """`read` yields shares done and then its data; `tune` takes that data and yields steps and a Tuned.

    Both do their work in slices on the engine thread; tuning never needs the model in the engine, and reading
    only where `reads_in_engine` says so. Both may keep files of the run in the home folder. `general_prompts`
    is how many prompts guard against spill-over: a guard costs one forward pass, and a method with cheaper
    steps makes use of more.
    """

    read: Callable[[Engine, Sequence[Example], Paths], Iterator[Any]]
    tune: Callable[..., Iterator[TuningStep | Tuned]]
    general_prompts: int
    reads_in_engine: bool


@lru_cache(maxsize=1)
def _weights(model: Path) -> Weights:
    """The model's tensors, opened once for reading and tuning. Raises TuningError."""
    from tuning.weights import Weights

    return Weights(model)


@dataclass(frozen=True, slots=True)
class _Chained:
    """What the two methods in torch have read, and how they go on. `key` stands for all that was put in."""

    data: Any
    config: Any
    device: str
    key: str


def _read_layer_chain(engine: Engine, examples: Sequence[Example], paths: Paths) -> Iterator[Any]:
    def begin(weights: Weights, device: str) -> tuple[LayerChain, Iterator[Any]]:
        from tuning.layer_chain import LayerChain
        from tuning.trunk import read_sequences

        config = LayerChain.for_facts(sum(each.kind == "fact" for each in examples))
        _require_room(examples, weights, config, device, paths, adapted=config.layers, mapped=False)
        return config, read_sequences(
            examples, weights, window=config.layers, top=CHAIN_TOKENS, threads=engine.threads, device=device
        )

    return _read_in_torch(engine, examples, begin)


def _read_chainfed(engine: Engine, examples: Sequence[Example], paths: Paths) -> Iterator[Any]:
    def begin(weights: Weights, device: str) -> tuple[ChainFed, Iterator[Any]]:
        from tuning.chainfed import ChainFed, read_chain

        config, layers = ChainFed(), int(weights.number("block_count"))
        _require_room(examples, weights, config, device, paths, adapted=layers, mapped=True)
        return config, read_chain(
            examples,
            weights,
            config,
            top=CHAIN_TOKENS,
            folder=paths.home,
            threads=engine.threads,
            device=device,
        )

    return _read_in_torch(engine, examples, begin)


def _read_in_torch(
    engine: Engine,
    examples: Sequence[Example],
    begin: Callable[[Weights, str], tuple[LayerChain | ChainFed, Iterator[Any]]],
) -> Iterator[Any]:
    def start() -> Iterator[Any]:
        from tuning.device import best_device

        device = best_device(gpu=engine.may_use_gpu)
        with _clear_errors("Try --method zeroth-order."):
            config, items = begin(_weights(engine.model_path), device)
            key = _key(examples, config, engine.model_path)
            for item in items:
                yield item if isinstance(item, float) else _Chained(item, config, device, key)

    return engine.slices(start)


def _tune_in_torch(
    read: _Chained, model: Path, *, seed: int, threads: int, paths: Paths
) -> Iterator[TuningStep | Tuned]:
    from tuning.chainfed import Chain, tune_chain
    from tuning.checkpoint import Checkpoint
    from tuning.layer_chain import tune

    run: Callable[..., Iterator[Any]] = tune_chain if isinstance(read.data, Chain) else tune
    checkpoint = Checkpoint(paths.tuning_checkpoint, f"{read.key}:{seed}")
    with _clear_errors("Try --method zeroth-order."):
        weights = _weights(model)
        for item in run(
            read.data,
            weights,
            read.config,
            seed=seed,
            threads=threads,
            device=read.device,
            checkpoint=checkpoint,
        ):
            yield item if isinstance(item, TuningStep) else _tuned(item, weights.architecture)


def _read_zeroth_order(engine: Engine, examples: Sequence[Example], _: Paths) -> Iterator[Any]:
    return read_answer_features(engine, examples)


def read_answer_features(engine: Engine, examples: Sequence[Example]) -> Iterator[float | AnswerFeatures]:
    """What the serving engine computes at answer tokens; yields shares done and then the features."""
    from tuning.answer_features import AnswerFeatures

    last = engine.layers - 1
    nodes = (f"ffn_swiglu-{last}", f"l_out-{last}", f"ffn_norm-{last}")
    pairs = [TokenisedPair(each.prompt, each.answer) for each in examples]
    groups = []
    done = 0
    for scored in engine.measure(pairs, nodes, top=WINDOW_TOKENS):
        groups.append(scored)
        done += len(scored.lengths)
        yield done / len(pairs)
    yield AnswerFeatures(
        a=np.concatenate([scored.features[nodes[0]] for scored in groups]),
        h=np.concatenate([scored.features[nodes[1]] for scored in groups]),
        targets=np.concatenate([np.array(each.answer, dtype=np.int64) for each in examples]),
        top=np.concatenate([scored.top for scored in groups]),
        lengths=tuple(len(each.answer) for each in examples),
        kinds=tuple(each.kind for each in examples),
        weights=np.array([each.weight for each in examples], dtype=np.float32),
        x=np.concatenate([scored.features[nodes[2]] for scored in groups]),
    )


def _tune_zeroth_order(
    data: Any, model: Path, *, seed: int, threads: int, paths: Paths
) -> Iterator[TuningStep | Tuned]:
    from tuning.zeroth_order import ZerothOrder, tune

    with _clear_errors("Try --method layer-chain."):
        weights = _weights(model)
        for item in tune(data, weights, ZerothOrder(), seed=seed):
            if isinstance(item, TuningStep):
                yield item
            else:
                yield replace(_tuned(item, weights.architecture), windows=item.windows)


@contextmanager
def _clear_errors(hint: str) -> Iterator[None]:
    """Turns what `tuning/` refuses into words with a next step."""
    try:
        yield
    except TuningError as error:
        raise AdapterError(f"This model can't be tuned: {error}.", hint=hint) from error
    except OSError as error:
        raise DiskFull(f"Files of the learning run can't be written: {error.strerror}.") from error


def _require_room(
    examples: Sequence[Example],
    weights: Weights,
    config: LayerChain | ChainFed,
    device: str,
    paths: Paths,
    *,
    adapted: int,
    mapped: bool,
) -> None:
    """Refuse before starting what memory or disk can't hold. Raises ModelError and DiskFull."""
    from tuning.device import free_memory
    from tuning.llama_layer import product_dtype
    from tuning.needs import Plan, needs_of

    plan = Plan(
        window=min(config.layers, adapted),
        adapted=adapted,
        rank=config.rank,
        per_step=sum(config.per_step.values()),
        sampled_tokens=config.sampled_tokens,
        exact=CHAIN_TOKENS,
        mapped=mapped,
    )
    needs = needs_of(examples, weights, plan, product_bytes=product_dtype(device).itemsize)
    require_room(needs, available=free_memory(device), folder=paths.home)


def _key(examples: Sequence[Example], config: LayerChain | ChainFed, model: Path) -> str:
    """Stands for everything a run starts from but its seed: with the same key it comes out the same."""
    status = model.stat()
    inputs = (list(examples), config, str(model.resolve()), status.st_size, status.st_mtime_ns)
    return hashlib.sha256(repr(inputs).encode()).hexdigest()


def _tuned(item: Found, architecture: str) -> Tuned:
    return Tuned(item.tensors, item.alpha, architecture, item.history, item.forward_passes)


METHODS: dict[str, Method] = {
    "layer-chain": Method(_read_layer_chain, _tune_in_torch, general_prompts=200, reads_in_engine=False),
    "chainfed": Method(_read_chainfed, _tune_in_torch, general_prompts=200, reads_in_engine=False),
    "zeroth-order": Method(_read_zeroth_order, _tune_zeroth_order, general_prompts=200, reads_in_engine=True),
}
