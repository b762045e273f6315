"""One transformer layer of the llama family in torch, with LoRA on its seven matrices.

Works in GGUF space: q and k rows are in llama.cpp's rotary order (neighbouring pairs), so that an adapter
trained here is written as it is. The shared prefix runs through the layer once for all sequences, and those
are packed end to end: only the attention sees them padded, so that no matrix product is spent on padding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from tuning.examples import TuningError
from tuning.weights import Weights

MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
ARCHITECTURES = ("llama",)
ROWS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Geometry:
    """Hyperparameters of the attention and the norms."""

    heads: int
    kv_heads: int
    head_width: int
    rope_base: float
    norm_epsilon: float

    @staticmethod
    def of(weights: Weights) -> Geometry:
        """Read them from the file. Raises TuningError for an architecture this module does not know."""
        if weights.architecture not in ARCHITECTURES:
            raise TuningError(
                f"layer-chain tuning does not support the architecture {weights.architecture!r}"
            )
        heads = int(weights.number("attention.head_count"))
        width = int(weights.number("embedding_length"))
        return Geometry(
            heads=heads,
            kv_heads=int(weights.number("attention.head_count_kv", heads)),
            head_width=int(weights.number("attention.key_length", width // heads)),
            rope_base=weights.number("rope.freq_base", 10000.0),
            norm_epsilon=weights.number("attention.layer_norm_rms_epsilon", 1e-5),
        )


class Packing:
    """Sequences of different length laid end to end, [tokens, ...], and padded, [N, longest, ...]."""

    def __init__(self, lengths: Sequence[int]) -> None:
        """`lengths` are the tokens of each of the N sequences, at least one each."""
        self.lengths = tuple(lengths)
        self.longest = max(lengths)
        counts = torch.tensor(lengths)
        self.positions = torch.cat([torch.arange(length) for length in lengths])
        self._owners = torch.repeat_interleave(torch.arange(len(lengths)), counts)

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        """[tokens, ...] → [N, longest, ...], zeros after the end of each sequence."""
        room = x.new_zeros(len(self.lengths), self.longest, *x.shape[1:])
        return room.index_put((self._owners, self.positions), x)

    def packed(self, x: torch.Tensor) -> torch.Tensor:
        """[N, longest, ...] → [tokens, ...]."""
        return x[self._owners, self.positions]


def product_dtype() -> torch.dtype:
    """Number format of the products with frozen weights: bfloat16 where the processor multiplies it natively.

    That is four times as fast there and rounds no more than the engine, which holds activations in 8 bits.
    Norms, attention, residual stream, adapters, losses and the optimiser stay in float32.
    """
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return torch.bfloat16 if native else torch.float32


def rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * weight


def _product(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x [n, in] times weight [out, in] transposed, in the weight's number format, as float32 [n, out]."""
    if weight.dtype == torch.float32:
        return x @ weight.T
    # A kernel is compiled and kept for every n (300 MB in a run), so only a few different n are let through.
    missing = -len(x) % ROWS_AT_ONCE
    return (functional.pad(x.to(weight.dtype), (0, 0, 0, missing)) @ weight.T)[: len(x)].float()


class Layer:
    """Frozen weights of layer `index` plus trainable A [rank, in] and B [out, rank] per matrix."""

    def __init__(
        self,
        weights: Weights,
        index: int,
        geometry: Geometry,
        *,
        rank: int = 0,
        alpha: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Dequantise the layer, into `product_dtype()`. With rank 0 it only runs forward.

        A is uniform of unit gain, drawn from `rng`, and B is zero, so training starts at the base.
        """
        self.index = index
        self._geometry = geometry
        self._weight = {
            name: torch.from_numpy(weights.tensor(f"blk.{index}.{name}.weight")).to(product_dtype())
            for name in MATRICES
        }
        self._attn_norm = torch.from_numpy(weights.tensor(f"blk.{index}.attn_norm.weight"))
        self._ffn_norm = torch.from_numpy(weights.tensor(f"blk.{index}.ffn_norm.weight"))
        self.a: dict[str, torch.Tensor] = {}
        self.b: dict[str, torch.Tensor] = {}
        if rank == 0 or rng is None:
            return
        self._scale = alpha / rank
        for name in MATRICES:
            rows, columns = self._weight[name].shape
            bound = math.sqrt(3.0 / columns)
            start = rng.uniform(-bound, bound, size=(rank, columns)).astype(np.float32)
            self.a[name] = torch.from_numpy(start).requires_grad_()
            self.b[name] = torch.zeros(rows, rank, requires_grad=True)

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [*self.a.values(), *self.b.values()]

    def tensors(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """The adapter of this layer by GGUF tensor name, as (A, B)."""
        return {
            f"blk.{self.index}.{name}.weight": (self.a[name].detach().numpy(), self.b[name].detach().numpy())
            for name in MATRICES
        }

    def _linear(self, name: str, x: torch.Tensor, adapted: bool) -> torch.Tensor:
        y = _product(x, self._weight[name])
        return y + (x @ self.a[name].T) @ self.b[name].T * self._scale if adapted else y

    def _rotated(self, x: torch.Tensor, heads: int, positions: torch.Tensor) -> torch.Tensor:
        """[tokens, heads·width] → [tokens, heads, width], each token rotated by its position."""
        width = self._geometry.head_width
        x = x.unflatten(-1, (heads, width))
        frequency = self._geometry.rope_base ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
        angle = positions.float()[:, None, None] * frequency
        even, odd = x[..., 0::2], x[..., 1::2]
        cos, sin = angle.cos(), angle.sin()
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)

    def forward(
        self,
        prefix: torch.Tensor,
        own: torch.Tensor,
        packing: Packing,
        rows: torch.Tensor | None,
        *,
        adapted: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the layer over the shared prefix [S, width] and the packed sequences [tokens, width].

        With `rows` (a boolean mask [tokens]) only those rows get past the attention: in the last layer
        nothing else is needed, and `own` comes back as [rows, width]. `adapted` False is the base layer.
        """
        g, start, count = self._geometry, prefix.shape[0], len(packing.lengths)
        normed_prefix = rms_norm(prefix, self._attn_norm, g.norm_epsilon)
        normed = rms_norm(own, self._attn_norm, g.norm_epsilon)
        at_prefix, at = torch.arange(start), packing.positions + start

        def project(name: str, x: torch.Tensor, heads: int, positions: torch.Tensor | None) -> torch.Tensor:
            y = self._linear(name, x, adapted)
            return y.unflatten(-1, (heads, -1)) if positions is None else self._rotated(y, heads, positions)

        def keys_or_values(name: str, rotated: bool) -> tuple[torch.Tensor, torch.Tensor]:
            """Those of the prefix [1, heads, S, width], and of all sequences [N, heads, S + T, width]."""
            first = project(name, normed_prefix, g.kv_heads, at_prefix if rotated else None)
            rest = packing.padded(project(name, normed, g.kv_heads, at if rotated else None))
            first = first.transpose(0, 1)[None]
            return first, torch.cat([first.expand(count, -1, -1, -1), rest.transpose(1, 2)], 2)

        key_prefix, key = keys_or_values("attn_k", True)
        value_prefix, value = keys_or_values("attn_v", False)
        query = packing.padded(project("attn_q", normed, g.heads, at)).transpose(1, 2)
        steps = packing.longest
        mask = torch.cat(
            [torch.ones(steps, start, dtype=torch.bool), torch.ones(steps, steps, dtype=torch.bool).tril()], 1
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)
        mixed = packing.packed(mixed.transpose(1, 2).flatten(2))
        if rows is not None:
            own, mixed = own[rows], mixed[rows]
            return prefix, self._feed(own + self._linear("attn_output", mixed, adapted), adapted)
        query_prefix = project("attn_q", normed_prefix, g.heads, at_prefix).transpose(0, 1)[None]
        mixed_prefix = functional.scaled_dot_product_attention(
            query_prefix, key_prefix, value_prefix, is_causal=True, enable_gqa=True
        )
        mixed_prefix = mixed_prefix.transpose(1, 2).flatten(2)[0]
        prefix = self._feed(prefix + self._linear("attn_output", mixed_prefix, adapted), adapted)
        return prefix, self._feed(own + self._linear("attn_output", mixed, adapted), adapted)

    def _feed(self, x: torch.Tensor, adapted: bool) -> torch.Tensor:
        normed = rms_norm(x, self._ffn_norm, self._geometry.norm_epsilon)
        gate = functional.silu(self._linear("ffn_gate", normed, adapted))
        return x + self._linear("ffn_down", gate * self._linear("ffn_up", normed, adapted), adapted)
