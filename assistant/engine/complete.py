"""Greedy continuations of many prompts at once: one batch row per prompt, weights read once a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assistant.engine.handles import AdapterHandle, Batch, ContextHandle, ModelHandle
from assistant.engine.measure import BATCH_TOKENS
from tuning.examples import shared_prefix

SEQUENCES = 32
READ_AT_ONCE = 64
"""Prompt tokens read before others get a turn: about half a second on two slow cores."""


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

        Yields the answers of one group of prompts after the other, in order, and an empty list after each
        step in between, so that a chat can be served. Raises ModelError for a prompt longer than the context.
        """
        start = 0
        while start < len(prompts):
            group = list(prompts[start : start + SEQUENCES])
            while len(group) > 1 and sum(map(len, group)) > BATCH_TOKENS:
                group.pop()
            answers: list[list[int]] = [[] for _ in group]
            for _ in self._steps(group, answers, tokens, repeat_penalty):
                yield []
            yield answers
            start += len(group)

    def _steps(
        self, prompts: list[Sequence[int]], answers: list[list[int]], tokens: int, penalty: float
    ) -> Iterator[None]:
        """Fill `answers`, yielding after each evaluation."""
        self._context.forget()
        shared = shared_prefix(prompts)
        # (token, position, sequences, whether its logits are wanted)
        queue: list[tuple[int, int, Sequence[int], bool]] = [
            (prompts[0][position], position, range(len(prompts)), False) for position in range(shared)
        ]
        for sequence, prompt in enumerate(prompts):
            for position in range(shared, len(prompt)):
                queue.append((prompt[position], position, [sequence], position == len(prompt) - 1))
        while queue:
            read, queue = queue[:READ_AT_ONCE], queue[READ_AT_ONCE:]
            self._evaluate(read, answers, penalty)
            yield
            if queue:
                continue
            queue = [
                (answer[-1], len(prompts[sequence]) + len(answer) - 1, [sequence], True)
                for sequence, answer in enumerate(answers)
                if len(answer) < tokens and not self._model.is_end(answer[-1])
            ]

    def _evaluate(
        self, read: list[tuple[int, int, Sequence[int], bool]], answers: list[list[int]], penalty: float
    ) -> None:
        self._batch.clear()
        for token, position, sequences, output in read:
            self._batch.add(token, position, sequences, output=output)
        self._batch.decode(self._context)
        for index, (_, _, sequences, output) in enumerate(read):
            if output:
                answer = answers[sequences[0]]
                answer.append(_pick(self._context.logits(index), answer, penalty))

    def close(self) -> None:
        self._batch.close()
        self._context.close()


def _pick(logits: np.ndarray, former: Sequence[int], penalty: float) -> int:
    """The likeliest token after the repeat penalty of llama.cpp's sampler."""
    if penalty != 1.0 and former:
        seen = np.unique(former)
        logits[seen] = np.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    return int(logits.argmax())
