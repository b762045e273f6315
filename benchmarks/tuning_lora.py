"""LoRA of rank 8 on all linear layers of the dequantised model through PEFT: with backprop, and without.

Without it the published estimators move the whole LoRA as one long vector, each loss being a forward pass of
the whole network. The result is turned into GGUF tensors, so that all methods answer in the same engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks import peft_baseline
from tuning.directions import rademacher
from tuning.estimator import DifferenceName, Estimator
from tuning.examples import Example

RANK, ALPHA, BATCH = 8, 16.0, 10
# How often each lesson is seen, and how much longer the estimators may work in forward passes.
PASSES, LONGER = 6, 20
PERTURBATION = 1e-2
NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """GGUF tensor name → (A, B), and what it took, in passes of one lesson."""

    tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    forward_passes: float
    loss: float


def backprop(examples: Sequence[Example], *, model: Path, effort: float, seed: int, threads: int) -> Trained:
    """AdamW on the answers of facts, unknowns and general prompts alike."""
    lora, config, pad = _lora(model, seed, threads)
    steps = max(2, round(effort * PASSES * len(examples) / BATCH))
    settings = argparse.Namespace(seed=seed, learning_rate=5e-4, steps=steps, batch=BATCH)
    losses = peft_baseline.train(lora, _encoded(examples), pad, settings)
    return Trained(
        gguf_tensors(_state(lora), config.num_attention_heads, config.num_key_value_heads),
        ALPHA,
        3.0 * steps * BATCH,
        float(np.mean(losses[-8:])),
    )


def zeroth_order(
    examples: Sequence[Example],
    *,
    model: Path,
    effort: float,
    seed: int,
    threads: int,
    estimator: DifferenceName,
    directions: int,
    learning_rate: float,
    candidates: int = 1,
    wanted_cosine: float = 0.0,
) -> Trained:
    """Plain descent along the estimates, as published, with `LONGER` times the forward passes of backprop."""
    lora, config, pad = _lora(model, seed, threads)
    vector = _Vector(lora)
    encoded = _encoded(examples)
    estimate = Estimator(
        estimator,
        directions=directions,
        perturbation=PERTURBATION,
        candidates=candidates,
        wanted_cosine=wanted_cosine,
    )
    rng = np.random.Generator(np.random.Philox(seed))
    budget = effort * LONGER * 3.0 * PASSES * len(examples)
    spent, step = 0, 0
    losses: list[float] = []
    while spent < budget:
        vector.batch = peft_baseline.collate([encoded[i] for i in rng.permutation(len(encoded))[:BATCH]], pad)
        found = estimate(vector.losses, partial(rademacher, seed, step, shape=(1, vector.size)))
        vector.move(-learning_rate * found.gradient)
        spent += BATCH * len(vector.seen)
        losses.append(float(np.mean(vector.seen)))
        vector.seen.clear()
        step += 1
    return Trained(
        gguf_tensors(_state(lora), config.num_attention_heads, config.num_key_value_heads),
        ALPHA,
        float(spent),
        float(np.mean(losses[-8:])),
    )


class _Vector:
    """The numbers of a LoRA as one vector; the losses on `batch` when it is changed are kept in `seen`."""

    def __init__(self, lora: Any) -> None:
        from torch.nn.utils import parameters_to_vector

        self._lora = lora.eval()
        self._parameters = [each for each in lora.parameters() if each.requires_grad]
        self._value = parameters_to_vector(self._parameters).detach().clone()
        self.size = int(self._value.numel())
        self.batch: dict[str, Any] = {}
        self.seen: list[float] = []

    def losses(self, changes: np.ndarray) -> np.ndarray:
        """Losses [M] in nats per token under each of `changes` [M, 1, size]."""
        import torch

        found = []
        for change in changes:
            self._put(change)
            with torch.inference_mode():
                found.append(float(self._lora(**self.batch).loss))
        self.seen += found
        return np.array(found)

    def move(self, change: np.ndarray) -> None:
        """Take a step; `change` [1, size]."""
        import torch

        self._value += torch.from_numpy(change[0].astype(np.float32))
        self._put(np.zeros_like(change))

    def _put(self, change: np.ndarray) -> None:
        import torch
        from torch.nn.utils import vector_to_parameters

        vector_to_parameters(self._value + torch.from_numpy(change[0].astype(np.float32)), self._parameters)


def gguf_tensors(
    state: Mapping[str, np.ndarray], heads: int, kv_heads: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A PEFT state dict of the llama architecture as GGUF tensor name → (A, B).

    llama.cpp rotates neighbouring pairs and transformers the two halves of a head, so the rows of B change
    places for q and k.
    """
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, a in state.items():
        if "lora_A" not in name:
            continue
        parts = name.split(".")
        layer, module = parts[parts.index("layers") + 1], parts[parts.index("lora_A") - 1]
        b = state[name.replace("lora_A", "lora_B")]
        if module in ("q_proj", "k_proj"):
            count = heads if module == "q_proj" else kv_heads
            b = b.reshape(count, 2, -1, b.shape[1]).swapaxes(1, 2).reshape(b.shape)
        found[f"blk.{layer}.{NAMES[module]}.weight"] = (a, b)
    return found


def _lora(model: Path, seed: int, threads: int) -> tuple[Any, Any, int]:
    """The model with a fresh LoRA, its configuration, and the token that pads."""
    import peft
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    base = transformers.AutoModelForCausalLM.from_pretrained(
        model.parent, gguf_file=model.name, dtype=torch.float32
    )
    config = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=list(NAMES), task_type="CAUSAL_LM"
    )
    return peft.get_peft_model(base, config), base.config, int(base.config.eos_token_id or 0)


def _encoded(examples: Sequence[Example]) -> list[peft_baseline.Example]:
    return [peft_baseline.Example((*each.prompt, *each.answer), len(each.prompt)) for each in examples]


def _state(lora: Any) -> dict[str, np.ndarray]:
    import peft

    return {name: each.detach().numpy() for name, each in peft.get_peft_model_state_dict(lora).items()}
