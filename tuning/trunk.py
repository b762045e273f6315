"""The layers below the window, run once over all examples and streamed from the file one at a time.

At no moment is more than one of these layers in memory. The serving engine could give the same activations,
but for file types without a fast matrix product its prompt reading is several times slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from tuning.architectures import Geometry
from tuning.examples import Example, Sequences, shared_prefix
from tuning.llama_layer import Layer, Packing, product_dtype, rms_norm
from tuning.weights import Weights

GROUP = 32
HEAD_ROWS = 1024


def read_sequences(
    examples: Sequence[Example],
    weights: Weights,
    *,
    window: int,
    top: int,
    threads: int = 2,
    device: torch.device | str = "cpu",
) -> Iterator[float | Sequences]:
    """Activations entering the last `window` layers; yields the share done after each layer, the result last.

    A generator, so that the caller can pause between layers. Raises TuningError for an architecture that
    is not supported.
    """
    torch.set_num_threads(threads)
    geometry = Geometry.of(weights)
    total = int(weights.number("block_count"))
    shared = shared_prefix([each.prompt for each in examples])
    groups = grouped(examples)
    packings = [Packing([len(examples[i].inputs) - shared for i in group], device) for group in groups]
    scale = geometry.embedding_scale
    prefix = embedded(weights, examples[0].prompt[:shared], scale).to(device)
    states = [
        embedded(weights, [token for i in group for token in examples[i].inputs[shared:]], scale).to(device)
        for group in groups
    ]
    with torch.no_grad():
        for index in range(total - window):
            layer = Layer(weights, index, geometry, device=device)
            prefix, states = _through(layer, prefix, states, packings)
            yield (index + 1) / (total + 1)
        entering, entering_prefix = states, prefix
        for index in range(total - window, total):
            layer = Layer(weights, index, geometry, device=device)
            prefix, states = _through(layer, prefix, states, packings)
            yield (index + 1) / (total + 1)
        inputs: dict[int, np.ndarray] = {}
        rows: dict[int, torch.Tensor] = {}
        for group, packing in zip(groups, packings, strict=True):
            before, after = entering.pop(0), states.pop(0)
            parts = zip(group, before.split(packing.lengths), after.split(packing.lengths), strict=True)
            for i, enters, leaves in parts:
                inputs[i] = enters.cpu().numpy().copy()
                rows[i] = leaves[-len(examples[i].answer) :].clone()
        likely = likeliest(weights, torch.cat([rows[i] for i in range(len(examples))]), top)
    ends = np.cumsum([len(each.answer) for each in examples])[:-1]
    yield Sequences(
        prefix=entering_prefix.cpu().numpy().copy(),
        inputs=tuple(inputs[i] for i in range(len(examples))),
        targets=tuple(np.array(each.answer, dtype=np.int64) for each in examples),
        top=tuple(np.split(likely, ends)),
        kinds=tuple(each.kind for each in examples),
        weights=np.array([each.weight for each in examples], dtype=np.float32),
    )


def grouped(examples: Sequence[Example]) -> list[list[int]]:
    """Indices in groups of like length, so that little is padded."""
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].inputs))
    return [order[start : start + GROUP] for start in range(0, len(order), GROUP)]


def embedded(weights: Weights, tokens: Sequence[int], scale: float) -> torch.Tensor:
    """What enters the first layer, [tokens, width]."""
    return torch.from_numpy(weights.tensor("token_embd.weight", list(tokens))) * scale


def _through(
    layer: Layer, prefix: torch.Tensor, states: Sequence[torch.Tensor], packings: Sequence[Packing]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    passed = [
        layer.forward(prefix, each, packing, None, adapted=False)
        for each, packing in zip(states, packings, strict=True)
    ]
    return passed[0][0], [own for _, own in passed]


def likeliest(weights: Weights, hidden: torch.Tensor, count: int) -> np.ndarray:
    """The `count` likeliest tokens per row, int32; the head is dequantised in parts."""
    device = hidden.device
    norm = torch.from_numpy(weights.tensor("output_norm.weight")).to(device)
    normed = rms_norm(hidden, norm, weights.number("attention.layer_norm_rms_epsilon", 1e-5))
    normed = normed.to(product_dtype(device))
    vocabulary = weights.shape(weights.head)[0]
    values = torch.empty(len(hidden), 0, device=device)
    tokens = torch.empty(len(hidden), 0, dtype=torch.long, device=device)
    for start in range(0, vocabulary, HEAD_ROWS):
        ids = np.arange(start, min(start + HEAD_ROWS, vocabulary))
        rows = torch.from_numpy(weights.tensor(weights.head, ids)).to(device, normed.dtype)
        best = (normed @ rows.T).float().topk(min(count, len(ids)), -1)
        values, tokens = torch.cat([values, best.values], 1), torch.cat([tokens, best.indices + start], 1)
        kept = values.topk(min(count, values.shape[1]), -1)
        values, tokens = kept.values, tokens.gather(1, kept.indices)
    return tokens.cpu().numpy().astype(np.int32)
