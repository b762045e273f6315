"""The model families that layer-chain can tune: one description each, and what the file says about the rest.

All of them are decoders with a norm before each half of a layer, rotary positions and a gated feed-forward.
Biases and norms of queries and keys are used wherever the file holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from tuning.examples import TuningError
from tuning.weights import Weights

MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What sets one family apart.

    rotary:     which numbers of a head turn together: neighbours ("pairs") or those half a head apart.
                Where it is pairs, llama.cpp has the rows of q and k reordered against transformers.
    activation: of the gate; "gelu" is the tanh approximation.
    post_norms: norms also after each half, before the residual sum.
    scaled_embedding: token embeddings are multiplied by √width.
    sliding_period:   every so many layers one sees everything, the others only the sliding window; 0 is all.
    """

    rotary: Literal["pairs", "halves"] = "halves"
    activation: Literal["silu", "gelu"] = "silu"
    post_norms: bool = False
    scaled_embedding: bool = False
    sliding_period: int = 0


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "llama": Architecture(rotary="pairs"),
        "qwen2": Architecture(),
        "qwen3": Architecture(),
        "gemma3": Architecture(activation="gelu", post_norms=True, scaled_embedding=True, sliding_period=6),
    }
)
# Gemma 3 turns slower in the layers that see everything; files state the other base only since 2026.
LOCAL_ROPE_BASE = 10_000.0
# Only the largest Gemma 3 scales its scores by the width a head would have, not by the one it has.
GEMMA3_27B_LAYERS = 62


@dataclass(frozen=True, slots=True)
class Geometry:
    """Hyperparameters of one model: of its attention, its norms and its embedding."""

    architecture: Architecture
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    score_scale: float
    rope_base: float
    rope_scale: float
    local_rope_base: float
    sliding_window: int
    norm_epsilon: float
    embedding_scale: float

    @staticmethod
    def of(weights: Weights) -> Geometry:
        """Read them from the file. Raises TuningError for a model this module does not know."""
        architecture = ARCHITECTURES.get(weights.architecture)
        if architecture is None:
            raise TuningError(
                f"layer-chain tuning does not support the architecture {weights.architecture!r}"
            )
        if weights.number("expert_count", 0):
            raise TuningError("layer-chain tuning does not support mixtures of experts")
        layers = int(weights.number("block_count"))
        heads = int(weights.number("attention.head_count"))
        width = int(weights.number("embedding_length"))
        head_width = int(weights.number("attention.key_length", width // heads))
        if int(weights.number("rope.dimension_count", head_width)) != head_width:
            raise TuningError("layer-chain tuning does not support heads that are rotated in part")
        scaling = weights.text("rope.scaling.type", "linear")
        if scaling not in ("none", "linear"):
            raise TuningError(f"layer-chain tuning does not support the rotary scaling {scaling!r}")
        factor = weights.number("rope.scaling.factor", 1.0) if scaling == "linear" else 1.0
        largest = weights.architecture == "gemma3" and layers == GEMMA3_27B_LAYERS
        return Geometry(
            architecture=architecture,
            layers=layers,
            heads=heads,
            kv_heads=int(weights.number("attention.head_count_kv", heads)),
            head_width=head_width,
            score_scale=(width // heads if largest else head_width) ** -0.5,
            rope_base=weights.number("rope.freq_base", 10_000.0),
            rope_scale=1.0 / (factor or 1.0),
            local_rope_base=weights.number("rope.freq_base_swa", LOCAL_ROPE_BASE),
            sliding_window=int(weights.number("attention.sliding_window", 0)),
            norm_epsilon=weights.number("attention.layer_norm_rms_epsilon", 1e-5),
            embedding_scale=width**0.5 if architecture.scaled_embedding else 1.0,
        )

    def sees(self, index: int) -> int | None:
        """How many tokens back layer `index` sees, itself included; None is all of them."""
        period = self.architecture.sliding_period
        local = bool(period and self.sliding_window) and index % period < period - 1
        return self.sliding_window if local else None

    def frequencies(self, index: int, factors: np.ndarray | None) -> np.ndarray:
        """Radians per token for each rotated pair of layer `index`, float32 [head_width / 2].

        `factors` are the model's own divisors (Llama 3.1 and later), where it has any.
        """
        exponents = -np.arange(0, self.head_width, 2, dtype=np.float32) / self.head_width
        if self.sees(index) is not None:
            return np.float32(self.local_rope_base) ** exponents
        found = np.float32(self.rope_base) ** exponents * np.float32(self.rope_scale)
        return found if factors is None else found / factors
