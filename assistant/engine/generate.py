"""One answer, token by token, on a context that keeps the keys and values of the conversation so far."""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Callable, Sequence

from assistant.engine.bindings import raw
from assistant.engine.handles import Batch, ContextHandle, ModelHandle
from assistant.engine.measure import log_softmax_at
from assistant.engine.types import Reply, Sampling
from assistant.errors import ModelError

PENALTY_WINDOW = 64
# Room kept for an answer when a long conversation is cut to fit.
ANSWER_ROOM = 256


class Sampler:
    """A chain of llama.cpp samplers; `grammar` is GBNF."""

    def __init__(self, model: ModelHandle, sampling: Sampling, grammar: str | None) -> None:
        """Raises ModelError for a grammar that llama.cpp does not accept."""
        self.chain = raw.llama_sampler_chain_init(raw.llama_sampler_chain_default_params())
        if grammar is not None:
            rules = raw.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
            if not rules:
                raw.llama_sampler_free(self.chain)
                raise ModelError("The grammar can't be parsed.")
            raw.llama_sampler_chain_add(self.chain, rules)
        if sampling.repeat_penalty != 1.0:
            penalties = raw.llama_sampler_init_penalties(
                model.vocabulary, PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0
            )
            raw.llama_sampler_chain_add(self.chain, penalties)
        if sampling.temperature <= 0.0:
            raw.llama_sampler_chain_add(self.chain, raw.llama_sampler_init_greedy())
            return
        raw.llama_sampler_chain_add(self.chain, raw.llama_sampler_init_top_k(sampling.top_k))
        raw.llama_sampler_chain_add(self.chain, raw.llama_sampler_init_top_p(sampling.top_p, 1))
        raw.llama_sampler_chain_add(self.chain, raw.llama_sampler_init_temp(sampling.temperature))
        raw.llama_sampler_chain_add(self.chain, raw.llama_sampler_init_dist(sampling.seed & 0xFFFFFFFF))

    def next(self, context: ContextHandle) -> int:
        return int(raw.llama_sampler_sample(self.chain, context.pointer, -1))

    def close(self) -> None:
        raw.llama_sampler_free(self.chain)


class Generator:
    """Answers prompts on one context and reuses the longest prefix it has already seen."""

    def __init__(self, model: ModelHandle, context: ContextHandle) -> None:
        self._model = model
        self._context = context
        self._batch = Batch(context.batch_tokens)
        self._seen: list[int] = []

    def forget(self) -> None:
        """Start cold: what is cached was computed under other adapters."""
        self._context.forget()
        self._seen = []

    def answer(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        on_piece: Callable[[str], None] | None,
        cancel: threading.Event | None,
        grammar: str | None,
    ) -> Reply:
        """Generate until the turn ends, the limit or the context is reached, or `cancel` is set.

        Raises ModelError when the engine fails; what was produced until then has gone to `on_piece`.
        """
        started = time.perf_counter()
        sampler = Sampler(self._model, sampling, grammar)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pieces: list[str] = []
        count, loss, first_token_s, stopped = 0, 0.0, 0.0, "length"
        try:
            if not self._read(prompt, cancel):
                return Reply("", 0, len(prompt), 0.0, time.perf_counter() - started, "cancelled")
            room = min(sampling.max_tokens, self._context.context_tokens - len(prompt))
            while count < room:
                if cancel is not None and cancel.is_set():
                    stopped = "cancelled"
                    break
                token = sampler.next(self._context)
                count += 1
                loss -= log_softmax_at(self._context.logits(), token)
                if count == 1:
                    first_token_s = time.perf_counter() - started
                if self._model.is_end(token):
                    stopped = "end"
                    break
                _emit(decoder.decode(self._model.piece(token)), pieces, on_piece)
                if count < room:
                    self._feed([token])
            _emit(decoder.decode(b"", final=True), pieces, on_piece)
        except ModelError:
            self.forget()
            raise
        finally:
            sampler.close()
        generating_s = time.perf_counter() - started - first_token_s
        speed = (count - 1) / generating_s if count > 1 and generating_s > 0 else 0.0
        return Reply(
            "".join(pieces),
            count,
            len(prompt),
            speed,
            first_token_s,
            stopped,
            mean_loss=loss / count if count else None,
        )

    def _read(self, prompt: Sequence[int], cancel: threading.Event | None) -> bool:
        """Evaluate what of the prompt is not cached yet, in batches. False when cancelled on the way."""
        # The last token is always evaluated again, because its logits are needed.
        same = 0
        for former, token in zip(self._seen, prompt[:-1], strict=False):
            if former != token:
                break
            same += 1
        if same < len(self._seen):
            self._context.forget(start=same)
            self._seen = self._seen[:same]
        size = self._context.batch_tokens
        for start in range(same, len(prompt), size):
            if cancel is not None and cancel.is_set():
                return False
            self._feed(prompt[start : start + size])
        return True

    def _feed(self, tokens: Sequence[int]) -> None:
        self._batch.clear()
        position = len(self._seen)
        for offset, token in enumerate(tokens):
            self._batch.add(token, position + offset, [0], output=offset == len(tokens) - 1)
        self._batch.decode(self._context)
        self._seen.extend(tokens)

    def close(self) -> None:
        self._batch.close()


def _emit(piece: str, pieces: list[str], on_piece: Callable[[str], None] | None) -> None:
    if piece:
        pieces.append(piece)
        if on_piece is not None:
            on_piece(piece)
