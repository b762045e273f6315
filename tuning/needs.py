"""What a run of layer-chain or ChainFed will take, told before it starts from token counts and shapes alone.

Lower bounds: libraries, the allocator's slack and what runs beside come on top. A run that is refused by them
would have failed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuning.architectures import MATRICES
from tuning.examples import Example, shared_prefix
from tuning.trunk import GROUP
from tuning.weights import Weights

_FLOAT = 4
# What autograd keeps of a layer for each token, in multiples of its width and of its feed-forward width.
_KEPT_WIDTHS, _KEPT_INNER = 10, 5


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes of memory and of disk."""

    memory: int
    disk: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a configuration decides its cost.

    adapted: layers that get an adapter, at least `window` of them. mapped: activations lie in two files, not
    in memory. per_step: sequences of one step. exact: tokens kept per answer token, besides its target.
    """

    window: int
    adapted: int
    rank: int
    per_step: int
    sampled_tokens: int
    exact: int
    mapped: bool


def needs_of(examples: Sequence[Example], weights: Weights, plan: Plan, *, product_bytes: int = 4) -> Needs:
    """`product_bytes` is the size of a frozen weight once dequantised. Raises TuningError."""
    last = int(weights.number("block_count")) - 1
    shapes = [weights.shape(f"blk.{last}.{name}.weight") for name in MATRICES]
    vocabulary, width = weights.shape(weights.head)
    inner = weights.shape(f"blk.{last}.ffn_up.weight")[0]
    shared = shared_prefix([each.prompt for each in examples])
    lengths = sorted((len(each.inputs) - shared for each in examples), reverse=True)
    answers = sorted((len(each.answer) for each in examples), reverse=True)

    layer = sum(math.prod(shape) for shape in shapes) * product_bytes
    adapter = sum(sum(shape) for shape in shapes) * plan.rank * _FLOAT
    activations = sum(lengths) * width * _FLOAT
    head = (min(vocabulary, sum(answers) * (plan.exact + 1)) + plan.sampled_tokens) * width * _FLOAT
    logits = sum(answers[: plan.per_step]) * head // width
    kept = sum(lengths[: plan.per_step]) * (_KEPT_WIDTHS * width + _KEPT_INNER * inner) * _FLOAT
    group = sum(lengths[:GROUP]) * (2 * width + 3 * inner) * _FLOAT

    # Parameters, gradients and the optimiser's two moments of the window; the other adapters only lie there.
    trained = 4 * plan.window * adapter + (plan.adapted - plan.window) * adapter
    training = plan.window * (layer + kept) + trained + head + 3 * logits
    reading = layer + group
    if plan.mapped:
        return Needs(max(reading, training), 2 * activations + 3 * plan.adapted * adapter)
    # While reading, what enters the window stays beside what goes on.
    return Needs(max(reading + 2 * activations, training + activations), 6 * plan.window * adapter)
