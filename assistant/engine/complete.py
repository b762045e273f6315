"""Greedy continuations of many prompts at once: one batch row per prompt, weights read once a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assistant.engine.handles import AdapterHandle, Batch, ContextHandle, ModelHandle
from assistant.engine.measure import BATCH_TOKENS
from tuning.examples import shared_prefix

SEQUENCES = 32


class Completion:
    """A context for short answers to many prompts, used for guard prompts and checks."""

    def __init__(self, model: ModelHandle, *, threads: int) -> None:
        """Allocate the context. Raises ModelError when memory does not suffice."""
        self._model = model
        self._context = ContextHandle(
            model,
            context_tokens=2 * BATCH_TOKENS,
            batch_tokens=BATCH_TOKENS,
            threads=threads,
            outputs=SEQUENCES,
            sequences=SEQUENCES,
        )
        self._batch = Batch(BATCH_TOKENS, SEQUENCES)

    def apply(self, adapters: Sequence[tuple[AdapterHandle, float]]) -> None:
        """Answer under these adapters from now on."""
        self._context.apply(adapters)

    def run(
        self, prompts: Sequence[Sequence[int]], *, tokens: int, repeat_penalty: float = 1.0
    ) -> Iterator[list[list[int]]]:
        """Greedy token ids of each prompt's answer, at most `tokens` of them, end-of-turn included.

        Yields one list per group of prompts, in order, so that a chat can be served in between.
        Raises ModelError for a prompt longer than the batch.
        """
        start = 0
        while start < len(prompts):
            group = list(prompts[start : start + SEQUENCES])
            while len(group) > 1 and sum(map(len, group)) > BATCH_TOKENS:
                group.pop()
            yield self._group(group, tokens, repeat_penalty)
            start += len(group)

    def _group(self, prompts: list[Sequence[int]], tokens: int, penalty: float) -> list[list[int]]:
        self._context.forget()
        self._batch.clear()
        shared = shared_prefix(prompts)
        for position in range(shared):
            self._batch.add(prompts[0][position], position, range(len(prompts)), output=False)
        last: dict[int, int] = {}
        for sequence, prompt in enumerate(prompts):
            for position in range(shared, len(prompt)):
                self._batch.add(prompt[position], position, [sequence], output=position == len(prompt) - 1)
            last[sequence] = len(self._batch) - 1
        answers: list[list[int]] = [[] for _ in prompts]
        for step in range(tokens):
            self._batch.decode(self._context)
            for sequence, index in last.items():
                answers[sequence].append(_pick(self._context.logits(index), answers[sequence], penalty))
            alive = [s for s in last if not self._model.is_end(answers[s][-1])]
            if not alive or step == tokens - 1:
                break
            self._batch.clear()
            last = {}
            for sequence in alive:
                position = len(prompts[sequence]) + len(answers[sequence]) - 1
                self._batch.add(answers[sequence][-1], position, [sequence], output=True)
                last[sequence] = len(self._batch) - 1
        return answers

    def close(self) -> None:
        self._batch.close()
        self._context.close()


def _pick(logits: np.ndarray, former: Sequence[int], penalty: float) -> int:
    """The likeliest token after the repeat penalty of llama.cpp's sampler."""
    if penalty != 1.0 and former:
        seen = np.unique(former)
        logits[seen] = np.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    return int(logits.argmax())
