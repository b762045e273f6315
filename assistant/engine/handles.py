"""Owners of llama.cpp handles: a model, its contexts, its adapters. Each frees what it holds, once.

Not thread-safe: everything here is used from the engine thread only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.engine import bindings
from assistant.engine.bindings import raw
from assistant.errors import AdapterError, ModelError
from assistant.models import check_gguf


class ModelHandle:
    """A loaded GGUF model and its vocabulary."""

    def __init__(self, path: Path, *, gpu_layers: int = 0) -> None:
        """Load the weights with mmap; `gpu_layers` -1 offloads all. Raises ModelError."""
        check_gguf(path)
        params = raw.llama_model_default_params()
        params.n_gpu_layers = 0x7FFFFFFF if gpu_layers < 0 else gpu_layers
        self.path = path
        self.pointer = raw.llama_model_load_from_file(str(path).encode(), params)
        if not self.pointer:
            raise ModelError(f"llama.cpp can't load {path.name}: {bindings.last_problem('unknown reason')}.")
        self.vocab = raw.llama_model_get_vocab(self.pointer)
        self.layers = int(raw.llama_model_n_layer(self.pointer))
        self.width = int(raw.llama_model_n_embd(self.pointer))
        self.vocabulary = int(raw.llama_vocab_n_tokens(self.vocab))
        self.architecture = self.metadata("general.architecture")
        self.feed_forward = int(self.metadata(f"{self.architecture}.feed_forward_length") or 0)

    def metadata(self, key: str) -> str:
        """One metadata value as text, empty when absent."""
        buffer = ctypes.create_string_buffer(512)
        length = raw.llama_model_meta_val_str(self.pointer, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def chat_template(self) -> str | None:
        """The Jinja chat template stored in the GGUF, None when it has none."""
        template = raw.llama_model_chat_template(self.pointer, None)
        return template.decode("utf-8") if template else None

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """Token ids of `text`; with `special`, markers such as <|im_end|> become single tokens."""
        data = text.encode("utf-8")
        room = len(data) + 8
        buffer = (raw.llama_token * room)()
        count = raw.llama_tokenize(self.vocab, data, len(data), buffer, room, False, special)
        if count < 0:
            raise ModelError("The text can't be tokenised by this model.")
        return list(buffer[:count])

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes one token stands for; they may end inside a UTF-8 character."""
        buffer = ctypes.create_string_buffer(256)
        length = raw.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, special)
        return buffer.raw[: max(length, 0)]

    def special_text(self, token: int) -> str:
        return self.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def is_end(self, token: int) -> bool:
        return bool(raw.llama_vocab_is_eog(self.vocab, token))

    @property
    def begin_token(self) -> int:
        return int(raw.llama_vocab_bos(self.vocab))

    @property
    def end_token(self) -> int:
        return int(raw.llama_vocab_eos(self.vocab))

    def close(self) -> None:
        if self.pointer:
            raw.llama_model_free(self.pointer)
            self.pointer = None


class AdapterHandle:
    """One LoRA adapter loaded beside the model."""

    def __init__(self, model: ModelHandle, path: Path) -> None:
        """Load `path`. Raises AdapterError for a missing, corrupt or foreign file."""
        if not path.is_file():
            raise AdapterError(f"The adapter file {path.name} is missing.")
        pointer = raw.llama_adapter_lora_init(model.pointer, str(path).encode())
        # A failed load is a NULL pointer object, for which `is None` is false.
        if not pointer:
            raise AdapterError(
                f"The adapter {path.name} can't be used: {bindings.last_problem('corrupt file')}."
            )
        self.pointer = pointer

    def close(self) -> None:
        if self.pointer:
            raw.llama_adapter_lora_free(self.pointer)
            self.pointer = None


class ContextHandle:
    """A llama.cpp context: the KV cache and the compute buffers of one stream of work."""

    def __init__(
        self,
        model: ModelHandle,
        *,
        context_tokens: int,
        batch_tokens: int,
        threads: int,
        outputs: int,
        sequences: int = 1,
        on_eval: Any = None,
    ) -> None:
        """Allocate the context. Raises ModelError when memory does not suffice.

        `on_eval` is a ggml evaluation callback. `outputs` is how many tokens of one batch may ask for
        logits; each costs twice the vocabulary in float32, for small models more than everything else.
        """
        params = raw.llama_context_default_params()
        params.n_ctx = context_tokens
        params.n_batch = params.n_ubatch = batch_tokens
        params.n_seq_max = sequences
        params.n_outputs_max = outputs
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        params.no_perf = True
        if on_eval is not None:
            params.cb_eval = on_eval
        self._on_eval = on_eval  # llama.cpp keeps only the raw pointer
        self.model = model
        self.batch_tokens = batch_tokens
        self.pointer = raw.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise ModelError(
                f"There is not enough memory for a context of {context_tokens} tokens.",
                hint="Lower the setting `context_tokens`, or choose a smaller model.",
            )
        self.memory = raw.llama_get_memory(self.pointer)
        self.context_tokens = int(raw.llama_n_ctx(self.pointer))

    def forget(self, *, start: int = 0) -> None:
        """Drop cached keys and values from position `start` on; from 0, all of them."""
        if start == 0:
            raw.llama_memory_clear(self.memory, True)
        else:
            raw.llama_memory_seq_rm(self.memory, 0, start, -1)

    def apply(self, adapters: Sequence[tuple[AdapterHandle, float]]) -> None:
        """Replace the whole adapter set and forget the cache, whose keys belong to the former set."""
        count = len(adapters)
        if count:
            pointers = (raw.llama_adapter_lora_p_ctypes * count)(*(handle.pointer for handle, _ in adapters))
            scales = (ctypes.c_float * count)(*(strength for _, strength in adapters))
            failed = raw.llama_set_adapters_lora(self.pointer, pointers, count, scales)
        else:
            failed = raw.llama_set_adapters_lora(self.pointer, None, 0, None)
        if failed:
            raise AdapterError("llama.cpp refused the adapter set.")
        self.forget()

    def logits(self, index: int = -1) -> np.ndarray:
        """A copy of the logits of one output, float32 [vocabulary]."""
        pointer = raw.llama_get_logits_ith(self.pointer, index)
        return np.ctypeslib.as_array(pointer, shape=(self.model.vocabulary,)).copy()

    def close(self) -> None:
        if self.pointer:
            raw.llama_free(self.pointer)
            self.pointer = None


class Batch:
    """A llama.cpp batch that can put one token into several sequences."""

    def __init__(self, tokens: int, sequences: int = 1) -> None:
        self._batch = raw.llama_batch_init(tokens, 0, sequences)
        self._room, self._sequences = tokens, sequences
        self._batch.n_tokens = 0

    def add(self, token: int, position: int, sequences: Sequence[int], *, output: bool) -> None:
        i = self._batch.n_tokens
        if i >= self._room or len(sequences) > self._sequences:
            raise ValueError("The batch is full.")
        self._batch.token[i] = token
        self._batch.pos[i] = position
        self._batch.n_seq_id[i] = len(sequences)
        for k, sequence in enumerate(sequences):
            self._batch.seq_id[i][k] = sequence
        self._batch.logits[i] = output
        self._batch.n_tokens = i + 1

    def __len__(self) -> int:
        return int(self._batch.n_tokens)

    def is_output(self, index: int) -> bool:
        return bool(self._batch.logits[index])

    def clear(self) -> None:
        self._batch.n_tokens = 0

    def decode(self, context: ContextHandle) -> None:
        """Evaluate the batch. Raises ModelError when it does not fit or the engine fails."""
        status = raw.llama_decode(context.pointer, self._batch)
        if status == 1:
            raise ModelError(
                "The text does not fit into the context.", hint="Raise the setting `context_tokens`."
            )
        if status != 0:
            raise ModelError(f"llama.cpp failed to evaluate the text (status {status}).")

    def close(self) -> None:
        raw.llama_batch_free(self._batch)
