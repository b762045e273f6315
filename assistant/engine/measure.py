"""One pass over pairs in the serving engine: per-token losses, likely tokens and chosen activations.

The prompt that all pairs share (system prompt, template head) is evaluated once: its tokens belong to
every sequence of the batch. Logits are asked for only where an answer token is predicted, so that
llama.cpp computes just those rows in its last layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assistant.engine.capture import Capture
from assistant.engine.handles import AdapterHandle, Batch, ContextHandle, ModelHandle
from assistant.engine.types import Scored, TokenisedPair
from assistant.errors import ModelError
from tuning.examples import shared_prefix

BATCH_TOKENS = 512
SEQUENCES = 32
# Answer tokens scored in one batch.
OUTPUTS = 256


def log_softmax_at(logits: np.ndarray, target: int) -> float:
    """log p(target) for one row of logits [vocabulary]; stable for any values."""
    top = float(logits.max())
    return float(logits[target]) - top - float(np.log(np.exp(logits - top).sum()))


class Measurement:
    """A second context over the same weights, kept while something is being measured."""

    def __init__(self, model: ModelHandle, *, threads: int) -> None:
        """Allocate the measuring context. Raises ModelError when memory does not suffice."""
        self._model = model
        self._capture = Capture()
        self._context = ContextHandle(
            model,
            context_tokens=2 * BATCH_TOKENS,
            batch_tokens=BATCH_TOKENS,
            threads=threads,
            outputs=OUTPUTS,
            sequences=SEQUENCES,
            on_eval=self._capture.callback,
        )
        self._batch = Batch(BATCH_TOKENS, SEQUENCES)

    def apply(self, adapters: Sequence[tuple[AdapterHandle, float]]) -> None:
        """Measure under these adapters from now on."""
        self._context.apply(adapters)

    def run(
        self, pairs: Sequence[TokenisedPair], nodes: Sequence[str] = (), *, top: int = 0
    ) -> Iterator[Scored]:
        """Score `pairs` group by group; the groups concatenate to all pairs in order.

        A generator, so that the owner of the thread can serve a chat between two groups.
        `nodes` must belong to the last layer, where one row per answer token exists. Raises ModelError for
        a pair that is too long and for a graph that does not name such nodes.
        """
        if not pairs:
            return
        shared = shared_prefix([pair.prompt for pair in pairs])
        widths = {name: self._width(name) for name in nodes}
        for group in _groups(pairs, shared):
            self._context.forget()
            self._capture.want(widths)
            self._fill(group, shared)
            self._batch.decode(self._context)
            rows = self._capture.take()
            self._capture.want({})
            yield self._scored(group, rows, nodes, top)

    def _scored(
        self,
        group: Sequence[TokenisedPair],
        rows: dict[str, np.ndarray],
        nodes: Sequence[str],
        top: int,
    ) -> Scored:
        targets = [token for pair in group for token in pair.answer]
        outputs = [i for i in range(len(self._batch)) if self._batch.is_output(i)]
        losses = np.empty(len(targets), dtype=np.float32)
        likely = np.empty((len(targets), top), dtype=np.int32)
        for row, (index, target) in enumerate(zip(outputs, targets, strict=True)):
            logits = self._context.logits(index)
            losses[row] = -log_softmax_at(logits, target)
            if top:
                likely[row] = np.argpartition(logits, -top)[-top:]
        for name in nodes:
            if name not in rows or len(rows[name]) != len(targets):
                raise ModelError(f"This model's graph does not offer the activations {name}.")
        return Scored(
            losses=losses,
            lengths=tuple(len(pair.answer) for pair in group),
            features={name: rows[name] for name in nodes},
            top=likely,
        )

    def _width(self, name: str) -> int:
        return self._model.feed_forward if name.startswith("ffn_swiglu") else self._model.width

    def _fill(self, group: Sequence[TokenisedPair], shared: int) -> None:
        self._batch.clear()
        everyone = range(len(group))
        for position in range(shared):
            self._batch.add(group[0].prompt[position], position, everyone, output=False)
        for sequence, pair in enumerate(group):
            inputs = pair.prompt + pair.answer[:-1]
            for position in range(shared, len(inputs)):
                self._batch.add(
                    inputs[position], position, [sequence], output=position >= len(pair.prompt) - 1
                )

    def close(self) -> None:
        self._batch.close()
        self._context.close()


def _groups(pairs: Sequence[TokenisedPair], shared: int) -> Iterator[list[TokenisedPair]]:
    """Neighbouring pairs that fit into one batch together, counting the shared prefix once."""
    group: list[TokenisedPair] = []
    size, outputs = shared, 0
    for pair in pairs:
        own, answer = len(pair.prompt) + len(pair.answer) - 1 - shared, len(pair.answer)
        if shared + own > BATCH_TOKENS or answer > OUTPUTS:
            raise ModelError("A pair is too long to learn from.", hint="Shorten the question or the answer.")
        full = size + own > BATCH_TOKENS or outputs + answer > OUTPUTS or len(group) == SEQUENCES
        if group and full:
            yield group
            group, size, outputs = [], shared, 0
        group.append(pair)
        size += own
        outputs += answer
    if group:
        yield group
