"""Tiny random models of each supported family: in transformers, and the same as a GGUF file.

Written as llama.cpp's converter writes them: q and k of llama reordered, 1 added to Gemma's norms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

WIDTH, FEED_FORWARD, HEADS, KV_HEADS, HEAD_WIDTH, VOCABULARY = 32, 48, 4, 2, 16, 96
FAMILIES = ("llama", "llama-3.1", "qwen2", "qwen3", "gemma3")

_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_GEMMA_NAMES = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def tiny_model(family: str) -> Any:
    """A random causal language model in transformers; norms and biases are random as well."""
    import torch
    import transformers as hf

    common: dict[str, Any] = dict(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=FEED_FORWARD,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=128,
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        attn_implementation="eager",
    )
    torch.manual_seed(5)
    match family:
        case "llama":
            config: Any = hf.LlamaConfig(**common, num_hidden_layers=4, tie_word_embeddings=False)
        case "llama-3.1":
            scaling = {
                "rope_type": "llama3",
                "rope_theta": 10_000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            }
            config = hf.LlamaConfig(
                **common, num_hidden_layers=4, tie_word_embeddings=True, rope_parameters=scaling
            )
        case "qwen2":
            config = hf.Qwen2Config(**common, num_hidden_layers=4, tie_word_embeddings=False)
        case "qwen3":
            config = hf.Qwen3Config(
                **common, num_hidden_layers=4, head_dim=HEAD_WIDTH, tie_word_embeddings=True
            )
        case _:
            config = hf.Gemma3TextConfig(
                **common,
                num_hidden_layers=7,
                head_dim=HEAD_WIDTH,
                query_pre_attn_scalar=HEAD_WIDTH,
                sliding_window=5,
                rope_parameters={
                    "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
                    "full_attention": {"rope_type": "linear", "rope_theta": 1_000_000.0, "factor": 8.0},
                },
            )
    model = hf.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, each in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                each += 0.3 * torch.randn_like(each)
    return model


def write_model(family: str, model: Any, path: Path) -> None:
    """The same model as a float32 GGUF file without a vocabulary."""
    from gguf import GGUFWriter, RopeScalingType

    config, gemma = model.config, family == "gemma3"
    head_width = getattr(config, "head_dim", None) or WIDTH // HEADS
    writer = GGUFWriter(str(path), family.partition("-")[0])
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(VOCABULARY)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if gemma:
        writer.add_sliding_window(config.sliding_window)
        writer.add_rope_freq_base(1_000_000.0)
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(8.0)
    else:
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_rope_dimension_count(head_width)
    if family == "llama-3.1":
        plain = 10_000.0 ** (-np.arange(0, head_width, 2) / head_width)
        factors = plain / model.model.rotary_emb.inv_freq.numpy()
        writer.add_tensor("rope_freqs.weight", factors.astype(np.float32))
    for name, values in model.state_dict().items():
        found = _gguf_name(name, gemma)
        if found is None or (found == "output.weight" and config.tie_word_embeddings):
            continue
        tensor = values.detach().float().numpy()
        if gemma and "norm" in found:
            tensor = tensor + 1.0
        if family.startswith("llama") and (".attn_q." in found or ".attn_k." in found):
            heads = HEADS if ".attn_q." in found else KV_HEADS
            split = tensor.reshape(heads, 2, -1, *tensor.shape[1:])
            tensor = split.swapaxes(1, 2).reshape(tensor.shape)
        writer.add_tensor(found, np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _gguf_name(name: str, gemma: bool) -> str | None:
    whole = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in whole:
        return whole[name]
    parts = name.split(".")
    if parts[:2] != ["model", "layers"]:
        return None
    module, kind = ".".join(parts[3:-1]), parts[-1]
    known = _NAMES | (_GEMMA_NAMES if gemma else {})
    return f"blk.{parts[2]}.{known[module]}.{kind}"


def write_random_llama(path: Path, *, layers: int = 6) -> None:
    """A random model of the llama family that is 32 wide, with its head tied to the embeddings."""
    from gguf import GGUFWriter

    rng = np.random.default_rng(2)
    inner = HEADS * HEAD_WIDTH
    shapes: dict[str, tuple[int, ...]] = {
        "attn_norm": (WIDTH,),
        "ffn_norm": (WIDTH,),
        "attn_q": (inner, WIDTH),
        "attn_k": (KV_HEADS * HEAD_WIDTH, WIDTH),
        "attn_v": (KV_HEADS * HEAD_WIDTH, WIDTH),
        "attn_output": (WIDTH, inner),
        "ffn_gate": (FEED_FORWARD, WIDTH),
        "ffn_up": (FEED_FORWARD, WIDTH),
        "ffn_down": (WIDTH, FEED_FORWARD),
    }
    tensors = {
        f"blk.{layer}.{name}.weight": (1.0 if len(shape) == 1 else 0.0) + rng.normal(scale=0.2, size=shape)
        for layer in range(layers)
        for name, shape in shapes.items()
    }
    tensors["token_embd.weight"] = rng.normal(size=(VOCABULARY, WIDTH))
    tensors["output_norm.weight"] = rng.uniform(0.5, 1.5, size=WIDTH)
    writer = GGUFWriter(str(path), "llama")
    writer.add_block_count(layers)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    for name, values in tensors.items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
