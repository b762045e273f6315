"""One transformer layer of the llama kind in torch, with LoRA on its seven matrices.

Works in GGUF space: q and k rows are in llama.cpp's rotary order, so that an adapter trained here is written
as it is; what families differ in stands in `architectures.py`. The shared prefix runs through the layer once
for all sequences, and those are packed end to end: only the attention sees them padded, so that no matrix
product is spent on padding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from tuning.architectures import MATRICES, Geometry
from tuning.weights import Weights

ROWS_AT_ONCE = 64


class Packing:
    """Sequences of different length laid end to end, [tokens, ...], and padded, [N, longest, ...]."""

    def __init__(self, lengths: Sequence[int], device: torch.device | str = "cpu") -> None:
        """`lengths` are the tokens of each of the N sequences, at least one each."""
        self.lengths = tuple(lengths)
        self.longest = max(lengths)
        self.positions = torch.cat([torch.arange(length) for length in lengths]).to(device)
        owners = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        self._owners = owners.to(device)

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        """[tokens, ...] → [N, longest, ...], zeros after the end of each sequence."""
        room = x.new_zeros(len(self.lengths), self.longest, *x.shape[1:])
        return room.index_put((self._owners, self.positions), x)

    def packed(self, x: torch.Tensor) -> torch.Tensor:
        """[N, longest, ...] → [tokens, ...]."""
        return x[self._owners, self.positions]


def product_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """Number format of the products with frozen weights: bfloat16 where the processor multiplies it natively.

    That is four times as fast there and rounds no more than the engine, which holds activations in 8 bits.
    Norms, attention, residual stream, adapters, losses and the optimiser stay in float32.
    """
    if torch.device(device).type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        native = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
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
        device: torch.device | str = "cpu",
    ) -> None:
        """Dequantise the layer, into `product_dtype()`. With rank 0 it only runs forward.

        A is uniform of unit gain, drawn from `rng`, and B is zero, so training starts at the base.
        """

        def found(name: str) -> torch.Tensor | None:
            full = f"blk.{index}.{name}"
            return torch.from_numpy(weights.tensor(full)).to(device) if weights.has(full) else None

        def needed(name: str) -> torch.Tensor:
            return torch.from_numpy(weights.tensor(f"blk.{index}.{name}.weight")).to(device)

        self.index = index
        self._geometry = geometry
        self._weight = {name: needed(name).to(product_dtype(device)) for name in MATRICES}
        self._bias = {name: found(f"{name}.bias") for name in MATRICES}
        self._attn_norm, self._ffn_norm = needed("attn_norm"), needed("ffn_norm")
        self._head_norm = {name: found(f"{name}_norm.weight") for name in ("attn_q", "attn_k")}
        posts = geometry.architecture.post_norms
        self._attn_post_norm = needed("post_attention_norm") if posts else None
        self._ffn_post_norm = needed("post_ffw_norm") if posts else None
        factors = weights.tensor("rope_freqs.weight") if weights.has("rope_freqs.weight") else None
        self._frequencies = torch.from_numpy(geometry.frequencies(index, factors)).to(device)
        self._sees = geometry.sees(index)
        self._scale = alpha / rank if rank else 0.0
        self.a: dict[str, torch.Tensor] = {}
        self.b: dict[str, torch.Tensor] = {}
        if not rank:
            return
        if rng is None:
            raise ValueError("a trainable layer needs a random generator")
        for name in MATRICES:
            rows, columns = self._weight[name].shape
            bound = math.sqrt(3.0 / columns)
            start = rng.uniform(-bound, bound, size=(rank, columns)).astype(np.float32)
            self.a[name] = torch.from_numpy(start).to(device).requires_grad_()
            self.b[name] = torch.zeros(rows, rank, device=device, requires_grad=True)

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [*self.a.values(), *self.b.values()]

    def tensors(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """The adapter of this layer by GGUF tensor name, as (A, B)."""
        return {
            f"blk.{self.index}.{name}.weight": (
                self.a[name].detach().cpu().numpy(),
                self.b[name].detach().cpu().numpy(),
            )
            for name in self.a
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Go on from these (A, B), named as in `tensors`. Raises KeyError and ValueError."""
        for name in self.a:
            a, b = tensors[f"blk.{self.index}.{name}.weight"]
            if self.a[name].shape != a.shape or self.b[name].shape != b.shape:
                raise ValueError(f"{name} has another shape")
            self.a[name].copy_(torch.from_numpy(a))
            self.b[name].copy_(torch.from_numpy(b))

    def _linear(self, name: str, x: torch.Tensor, adapted: bool) -> torch.Tensor:
        y, bias = _product(x, self._weight[name]), self._bias[name]
        y = y if bias is None else y + bias
        return y + (x @ self.a[name].T) @ self.b[name].T * self._scale if adapted else y

    def _turned(self, name: str, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Queries or keys [tokens, heads, width], normed where the model does so and rotated by position."""
        norm = self._head_norm[name]
        if norm is not None:
            x = rms_norm(x, norm, self._geometry.norm_epsilon)
        angle = positions.float()[:, None, None] * self._frequencies
        cos, sin = angle.cos(), angle.sin()
        if self._geometry.architecture.rotary == "pairs":
            even, odd = x[..., 0::2], x[..., 1::2]
            return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)
        low, high = x.chunk(2, -1)
        return torch.cat((low * cos - high * sin, high * cos + low * sin), -1)

    def _attention(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, before: int
    ) -> torch.Tensor:
        """[N, heads, T, width] of queries that follow `before` keys which all of them share → [N, T, …]."""
        steps, device = query.shape[2], query.device
        distance = torch.arange(steps, device=device)[:, None] + before
        distance = distance - torch.arange(before + steps, device=device)
        mask = distance >= 0
        if self._sees is not None:
            mask &= distance < self._sees
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, enable_gqa=True, scale=self._geometry.score_scale
        )
        return mixed.transpose(1, 2).flatten(2)

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
        at_prefix, at = torch.arange(start, device=own.device), packing.positions + start

        def project(name: str, x: torch.Tensor, heads: int, positions: torch.Tensor | None) -> torch.Tensor:
            y = self._linear(name, x, adapted).unflatten(-1, (heads, -1))
            return y if positions is None else self._turned(name, y, positions)

        def keys_or_values(name: str, rotated: bool) -> tuple[torch.Tensor, torch.Tensor]:
            """Those of the prefix [1, heads, S, width], and of all sequences [N, heads, S + T, width]."""
            first = project(name, normed_prefix, g.kv_heads, at_prefix if rotated else None)
            rest = packing.padded(project(name, normed, g.kv_heads, at if rotated else None))
            first = first.transpose(0, 1)[None]
            return first, torch.cat([first.expand(count, -1, -1, -1), rest.transpose(1, 2)], 2)

        key_prefix, key = keys_or_values("attn_k", True)
        value_prefix, value = keys_or_values("attn_v", False)
        query = packing.padded(project("attn_q", normed, g.heads, at)).transpose(1, 2)
        mixed = packing.packed(self._attention(query, key, value, start))
        if rows is not None:
            return prefix, self._after(own[rows], mixed[rows], adapted)
        query_prefix = project("attn_q", normed_prefix, g.heads, at_prefix).transpose(0, 1)[None]
        mixed_prefix = self._attention(query_prefix, key_prefix, value_prefix, 0)[0]
        return self._after(prefix, mixed_prefix, adapted), self._after(own, mixed, adapted)

    def _after(self, x: torch.Tensor, mixed: torch.Tensor, adapted: bool) -> torch.Tensor:
        """The residual stream x and what the attention mixed for it [tokens, …] → the layer's output."""
        x = x + self._post_normed(self._linear("attn_output", mixed, adapted), self._attn_post_norm)
        normed = rms_norm(x, self._ffn_norm, self._geometry.norm_epsilon)
        gate = self._linear("ffn_gate", normed, adapted)
        if self._geometry.architecture.activation == "gelu":
            gate = functional.gelu(gate, approximate="tanh")
        else:
            gate = functional.silu(gate)
        fed = self._linear("ffn_down", gate * self._linear("ffn_up", normed, adapted), adapted)
        return x + self._post_normed(fed, self._ffn_post_norm)

    def _post_normed(self, x: torch.Tensor, norm: torch.Tensor | None) -> torch.Tensor:
        return x if norm is None else rms_norm(x, norm, self._geometry.norm_epsilon)
