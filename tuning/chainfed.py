"""ChainFed on one device: a window of layers slides up the network, with a local and a global loss.

Wu et al., "Beyond End-to-End", ACL 2026 (arXiv 2604.06819), with the paper's names for its three parts:

* FOAT: tuning starts at the first layer whose output is no longer like the embedding (linear CKA below T);
* DLCT: the window of Q layers moves up by one each round, so that neighbours are tuned together;
* GPO: besides the loss of the head put right on the window (local), the loss through what stands for the
  layers above (global), weighted by λ. The window at the top has the plain end-to-end loss.

What differs: one device, so nothing is averaged; adapters are LoRA, which llama.cpp can serve, and not
bottlenecks in series, so later layers are stood for by fitted linear maps (`surrogates.py`); the lessons and
their losses are those of layer-chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import torch

from tuning.activations import Activations
from tuning.architectures import Geometry
from tuning.checkpoint import Checkpoint, State, generator_state, restore_generator
from tuning.examples import Example, Kind, Sequences, TuningStep
from tuning.layer_chain import Tuned
from tuning.lessons import Batch, Lessons, Losses
from tuning.llama_layer import Layer
from tuning.sampled_head import SampledHead
from tuning.similarity import linear_cka
from tuning.surrogates import Surrogate, fit_surrogate
from tuning.trunk import GROUP, likeliest
from tuning.weights import Weights
from tuning.window import Tensors, Window

# Rows to which surrogates are fitted, and sequences that decide where to start.
FIT_SEQUENCES = 128


@dataclass(frozen=True, slots=True)
class ChainFed:
    """Settings of the method; the defaults are the published ones where they carry over.

    layers:        Q, those of a window, which are tuned together.
    foat:          whether to start where `threshold` (T) says; else at the lowest layer.
    dlct:          whether windows overlap in all but one layer; else they lie side by side.
    gpo:           whether the global loss, weighted by `global_weight` (λ), joins the local one.
    rounds:        steps of one window before it moves on.
    passes:        how often the chain is gone through.
    """

    layers: int = 8
    foat: bool = True
    dlct: bool = True
    gpo: bool = True
    threshold: float = 0.8
    global_weight: float = 0.2
    local_weight: float = 1.0
    surrogate_rank: int = 32
    passes: int = 2
    rounds: int = 5
    rank: int = 16
    alpha: float = 16.0
    facts_per_step: int = 11
    unknowns_per_step: int = 5
    generals_per_step: int = 4
    learning_rate: float = 2e-3
    spill_weight: float = 1.0
    sampled_tokens: int = 2048

    @property
    def per_step(self) -> dict[Kind, int]:
        """How many sequences of each kind one step sees."""
        return {
            "fact": self.facts_per_step,
            "unknown": self.unknowns_per_step,
            "general": self.generals_per_step,
        }

    def windows(self, first: int, layers: int) -> list[int]:
        """The lowest layer of each window of one pass; the last window ends at the head."""
        top = max(0, layers - self.layers)
        first = min(first, top)
        return [*range(first, top, 1 if self.dlct else self.layers), top]


@dataclass(frozen=True, slots=True)
class Chain:
    """What tuning starts from.

    sequences:  activations entering layer `first`; `inputs` are views of `moving`.
    first:      the lowest layer that is tuned.
    similarity: CKA of each layer's output with the embedding, as far as it was looked at.
    surrogates: by layer, for those above the first window.
    base:       last hidden states [A, width] of the untouched model on the general sequences, by index.
    still, moving: the activations at `first`, and those that go up with the window.
    """

    sequences: Sequences
    first: int
    similarity: tuple[float, ...]
    surrogates: dict[int, Surrogate]
    base: dict[int, torch.Tensor]
    still: Activations
    moving: Activations


def read_chain(
    examples: Sequence[Example],
    weights: Weights,
    config: ChainFed,
    *,
    top: int,
    folder: Path,
    threads: int = 2,
    device: torch.device | str = "cpu",
) -> Iterator[float | Chain]:
    """Run all examples through the network once; yields the share done after each layer, the result last.

    Activations lie in two unnamed files in `folder`. Raises TuningError and OSError.
    """
    torch.set_num_threads(threads)
    geometry = Geometry.of(weights)
    similarity: tuple[float, ...] = ()
    first = 0
    if config.foat:
        first, similarity = _start_layer(examples, weights, config, folder, device)
    first = config.windows(first, geometry.layers)[0]
    moving = Activations(examples, weights, folder, device)
    fitted = range(0, len(examples), -(-len(examples) // FIT_SEQUENCES))
    surrogates: dict[int, Surrogate] = {}
    still = moving
    for index in range(geometry.layers):
        if index == first:
            still = moving.copy()
        wanted = config.gpo and index >= first + config.layers
        before = moving.answers(fitted) if wanted else None
        moving.advance(Layer(weights, index, geometry, device=device), adapted=False)
        if before is not None:
            after = moving.answers(fitted)
            surrogates[index] = fit_surrogate(before, after, config.surrogate_rank, device)
        yield (index + 1) / (geometry.layers + 1)
    last = moving.answers(range(len(examples)))
    with torch.no_grad():
        likely = likeliest(weights, torch.from_numpy(last).to(device), top)
    ends = np.cumsum([len(each.answer) for each in examples])[:-1]
    base = {
        i: torch.from_numpy(rows.copy()).to(device)
        for i, rows in enumerate(np.split(last, ends))
        if examples[i].kind == "general"
    }
    moving.reset(still)
    sequences = Sequences(
        prefix=moving.prefix.cpu().numpy(),
        inputs=moving.inputs,
        targets=tuple(np.array(each.answer, dtype=np.int64) for each in examples),
        top=tuple(np.split(likely, ends)),
        kinds=tuple(each.kind for each in examples),
        weights=np.array([each.weight for each in examples], dtype=np.float32),
    )
    yield Chain(sequences, first, similarity, surrogates, base, still, moving)


def _start_layer(
    examples: Sequence[Example],
    weights: Weights,
    config: ChainFed,
    folder: Path,
    device: torch.device | str,
) -> tuple[int, tuple[float, ...]]:
    """FOAT: the first layer whose CKA with the embedding is below T, from one batch; and all CKA seen."""
    few = list(examples[:: max(1, len(examples) // GROUP)][:GROUP])
    geometry = Geometry.of(weights)
    probe = Activations(few, weights, folder, device)
    embedding = np.concatenate(probe.inputs)
    seen: list[float] = []
    for index in range(geometry.layers - config.layers):
        probe.advance(Layer(weights, index, geometry, device=device), adapted=False)
        seen.append(linear_cka(np.concatenate(probe.inputs), embedding))
        if seen[-1] < config.threshold:
            return index, tuple(seen)
    return max(0, geometry.layers - config.layers), tuple(seen)


def tune_chain(
    chain: Chain,
    weights: Weights,
    config: ChainFed,
    *,
    seed: int,
    threads: int = 2,
    device: torch.device | str = "cpu",
    checkpoint: Checkpoint | None = None,
) -> Iterator[TuningStep | Tuned]:
    """Train window after window; yields a TuningStep after each step and the result last.

    The losses of a step are those of the local head. A generator, like `layer_chain.tune`; a `checkpoint` is
    written when a window is done. Raises TuningError.
    """
    torch.set_num_threads(threads)
    job = _Job(chain, weights, config, seed, device)
    state = checkpoint.load() if checkpoint else None
    done = job.restore(state) if state is not None else 0
    windows = config.windows(chain.first, job.layers)
    for number in range(done // len(windows) * len(windows), done):
        job.move(windows[number % len(windows)])  # the activations follow what was done before the crash
    if state is not None:
        job.resume(state)
    for number in range(done, config.passes * len(windows)):
        job.move(windows[number % len(windows)])
        for _ in range(config.rounds):
            yield job.step(config.passes * len(windows) * config.rounds)
        if checkpoint:
            checkpoint.save(*job.state(number + 1))
    yield job.result()


class _Job:
    """One run: the window, the activations that enter it, and the adapters of all layers so far."""

    def __init__(
        self, chain: Chain, weights: Weights, config: ChainFed, seed: int, device: torch.device | str
    ) -> None:
        self._chain, self._config = chain, config
        self._rng = np.random.Generator(np.random.Philox(seed))
        self._window = Window(weights, rank=config.rank, alpha=config.alpha, rng=self._rng, device=device)
        self.layers = self._window.geometry.layers
        head = SampledHead(weights, chain.sequences, config.sampled_tokens, self._rng, device)
        self._lessons = Lessons(chain.sequences, config.per_step, head, self._rng, device)
        self._lessons.hold_to(chain.base)
        self._adapters: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._history: list[TuningStep] = []
        # In passes of one sequence through one layer.
        self._cost = 0.0

    def move(self, first: int) -> None:
        """Put the window on layer `first` and those above it; activations go along."""
        moving, window = self._chain.moving, self._window
        if window.layers and first < window.layers[0].index:
            self._remember(window.tensors())
            while window.layers:
                window.leave()
        if not window.layers:
            moving.reset(self._chain.still)
        while moving.depth < first:
            layer = window.leave()
            self._remember(layer.tensors())
            moving.advance(layer, adapted=True)
            self._cost += len(self._chain.sequences.inputs)
            del layer  # before the next one is dequantised
        above = moving.depth + len(window.layers)
        for index in range(above, min(first + self._config.layers, self.layers)):
            known = f"blk.{index}.attn_q.weight" in self._adapters
            window.enter(index, self._adapters if known else None)

    def step(self, steps: int) -> TuningStep:
        """One update of the window."""
        config, done = self._config, len(self._history)
        rate = config.learning_rate * min(1.0, (done + 1) / 8) * (1.0 - 0.9 * done / steps)
        batch = self._lessons.deal()
        states = self._window.states(batch, self._chain.moving.prefix)
        local = self._lessons.losses(batch, states)
        self._total(batch, states, local).backward()
        self._window.step(rate)
        self._cost += 3.0 * len(self._window.layers) * (len(batch.taught) + len(batch.general))
        self._history.append(TuningStep(done + 1, steps, local.taught.item(), local.spill.item()))
        return self._history[-1]

    def _total(self, batch: Batch, states: torch.Tensor, local: Losses) -> torch.Tensor:
        """Local loss + λ global loss; at the top the two are one."""
        config = self._config
        loss = local.taught + config.spill_weight * local.spill
        above = self._window.layers[-1].index + 1
        if above == self.layers or not config.gpo:
            return loss
        later = (self._chain.surrogates[index] for index in range(above, self.layers))
        end = self._lessons.losses(batch, reduce(lambda hidden, layer: layer(hidden), later, states))
        return config.local_weight * loss + config.global_weight * (
            end.taught + config.spill_weight * end.spill
        )

    def result(self) -> Tuned:
        self._remember(self._window.tensors())
        return Tuned(self._adapters, self._config.alpha, tuple(self._history), self._cost / self.layers)

    def state(self, done: int) -> tuple[dict[str, np.ndarray], dict[str, object]]:
        """What a checkpoint keeps after `done` windows."""
        self._remember(self._window.tensors())
        arrays = {f"window.{name}": each for name, each in self._window.arrays().items()}
        for name, (a, b) in self._adapters.items():
            arrays[f"a.{name}"], arrays[f"b.{name}"] = a, b
        values = {
            "done": done,
            "generator": generator_state(self._rng),
            "lessons": self._lessons.state(),
            "history": [astuple(each) for each in self._history],
            "cost": self._cost,
        }
        return arrays, values

    def restore(self, state: State) -> int:
        """Take over the adapters; how many windows were done."""
        names = [name.removeprefix("a.") for name in state.arrays if name.startswith("a.")]
        self._adapters = {name: (state.arrays[f"a.{name}"], state.arrays[f"b.{name}"]) for name in names}
        return int(state.values["done"])

    def resume(self, state: State) -> None:
        """Take over the rest, once the window is where it was."""
        own = {
            name.removeprefix("window."): each
            for name, each in state.arrays.items()
            if name.startswith("window.")
        }
        if self._window.layers:
            self._window.restore(own)
        restore_generator(self._rng, state.values["generator"])
        self._lessons.restore(state.values["lessons"])
        self._history = [TuningStep(*step) for step in state.values["history"]]
        self._cost = state.values["cost"]

    def _remember(self, tensors: Tensors) -> None:
        """A copy: what the window trains on must not change it."""
        self._adapters |= {name: (a.copy(), b.copy()) for name, (a, b) in tensors.items()}
