"""The tuning methods of the comparison by name, each run in a process of its own.

    python benchmarks/tuning_methods.py zeroth-order --lessons lessons.json --adapter out.gguf

A method is a function from a `Task` to a `Produced`; `METHODS` names them. It prints one JSON document. Costs
in forward passes are passes of one lesson through the whole network, a backward pass counted as two.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks import tuning_lora
from benchmarks.tuning_lessons import load
from tuning.examples import Example, TuningStep

MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass(frozen=True, slots=True)
class Task:
    """What a method learns from. `effort` scales the number of its steps: 1 is the full run."""

    examples: Sequence[Example]
    model: Path
    effort: float
    seed: int
    threads: int

    def steps(self, full: int) -> int:
        return max(2, round(self.effort * full))


@dataclass(frozen=True, slots=True)
class Produced:
    """An adapter as GGUF tensor name → (A, B), its cost, and the loss of its last steps in nats per token."""

    tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    forward_passes: float
    loss: float


def zeroth_order(task: Task, **settings: Any) -> Produced:
    """Ours, backprop-free: the engine's activations, then perturbed losses in the reduced window."""
    from assistant.methods import read_answer_features
    from tuning.weights import Weights
    from tuning.zeroth_order import ZerothOrder, tune

    engine = _engine(task)
    try:
        *_, features = read_answer_features(engine, task.examples)
    finally:
        engine.close()
    config = replace(ZerothOrder(), **settings)
    config = replace(config, steps=task.steps(config.steps))
    weights = Weights(task.model)
    *_, tuned = tune(features, weights, config, seed=task.seed)
    # A position of the reduced window costs its keys and the logits of its candidates.
    candidates = features.top.shape[1] + len(np.unique(features.targets))
    position = config.rank * (config.rank + candidates)
    if config.window == "gated":
        position = config.neurons * (2 * config.rank + config.neurons + candidates)
    window = tuned.forward_passes * len(features.h) * position / _multiplications(task, weights)
    return Produced(tuned.tensors, tuned.alpha, len(task.examples) + window, _loss(tuned.history))


def layer_chain(task: Task) -> Produced:
    """Ours with backprop in a window of layers, over cached activations."""
    from assistant.methods import CHAIN_TOKENS
    from tuning.layer_chain import LayerChain, tune
    from tuning.trunk import read_sequences
    from tuning.weights import Weights

    weights = Weights(task.model)
    config = LayerChain.for_facts(sum(each.kind == "fact" for each in task.examples))
    *_, sequences = read_sequences(
        task.examples, weights, window=config.layers, top=CHAIN_TOKENS, threads=task.threads
    )
    config = replace(config, steps=task.steps(config.steps))
    *_, tuned = tune(sequences, weights, config, seed=task.seed, threads=task.threads)
    return Produced(
        tuned.tensors, tuned.alpha, len(task.examples) + tuned.forward_passes, _loss(tuned.history)
    )


def peft_lora(task: Task) -> Produced:
    """The bar: PEFT LoRA of rank 8 on all layers with backprop, guarded by the same lessons."""
    return _through_peft(task, tuning_lora.backprop)


def zeroth_order_lora(task: Task, **settings: Any) -> Produced:
    """A published zeroth-order estimator on that LoRA: whole forward passes, no backprop."""
    return _through_peft(task, partial(tuning_lora.zeroth_order, **settings))


def _through_peft(task: Task, train: Callable[..., tuning_lora.Trained]) -> Produced:
    trained = train(task.examples, model=task.model, effort=task.effort, seed=task.seed, threads=task.threads)
    return Produced(trained.tensors, trained.alpha, trained.forward_passes, trained.loss)


METHODS: dict[str, Callable[[Task], Produced]] = {
    "peft-lora": peft_lora,
    "mezo-lora": partial(zeroth_order_lora, estimator="mezo", directions=2, learning_rate=1e-2),
    "fzoo-lora": partial(zeroth_order_lora, estimator="fzoo", directions=8, learning_rate=1e-3),
    "fwdllm-lora": partial(
        zeroth_order_lora,
        estimator="mezo",
        directions=4,
        learning_rate=1e-2,
        candidates=10,
        wanted_cosine=0.05,
    ),
    # The same estimators where ours works, to tell the estimator's part from the window's.
    "mezo-window": partial(zeroth_order, estimator="mezo", directions=16),
    "fzoo-window": partial(zeroth_order, estimator="fzoo", directions=31),
    "fwdllm-window": partial(zeroth_order, estimator="mezo", directions=16, candidates=10),
    "zeroth-order": zeroth_order,
    "layer-chain": layer_chain,
}


def _engine(task: Task) -> Any:
    from assistant.services import open_engine
    from assistant.settings import Settings

    return open_engine(Settings().model_copy(update={"threads": task.threads}), task.model)


def _multiplications(task: Task, weights: Any) -> float:
    """Multiplications of one lesson's way through all layers, on average."""
    layers = range(int(weights.number("block_count")))
    per_token = sum(
        np.prod(weights.shape(f"blk.{layer}.{name}.weight")) for layer in layers for name in MATRICES
    )
    return float(per_token) * float(np.mean([len(each.inputs) for each in task.examples]))


def _loss(history: Sequence[TuningStep]) -> float:
    return float(np.mean([step.loss for step in history[-8:]]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune with one method; prints what it cost as JSON.")
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--lessons", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, required=True, help="write the adapter to this GGUF file")
    parser.add_argument("--effort", type=float, default=1.0, help="share of the full number of steps")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    started = time.perf_counter()
    from assistant.models import chosen_model
    from tuning.adapter_file import write_adapter

    examples = load(args.lessons)
    task = Task(examples, chosen_model(None), args.effort, args.seed, args.threads)
    produced = METHODS[args.method](task)
    seconds = time.perf_counter() - started
    write_adapter(
        args.adapter, produced.tensors, architecture="llama", alpha=produced.alpha, metadata={"version": "x"}
    )
    print(
        json.dumps(
            {
                "seconds": round(seconds, 2),
                "forward_passes": round(produced.forward_passes, 1),
                "loss": round(produced.loss, 4),
                "adapter_bytes": args.adapter.stat().st_size,
            }
        )
    )


if __name__ == "__main__":
    main()
