"""The friendly engine: chat, measure and switch adapters from any thread.

Everything below runs on one thread; a chat goes before background work, which is done in short slices.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from assistant.engine.types import AdapterUse, Message, Reply, Sampling, Scored, TokenisedPair
from assistant.engine.worker import EngineThread
from assistant.errors import AdapterError, ContextFull, ModelError

if TYPE_CHECKING:
    from assistant.engine.adapters import AdapterSet
    from assistant.engine.generate import Generator
    from assistant.engine.handles import ContextHandle, ModelHandle
    from assistant.engine.template import ChatTemplate

T = TypeVar("T")

BATCH_TOKENS = 512


class Engine:
    """One model, loaded on first use, with the adapters in force."""

    def __init__(
        self,
        model_path: Path,
        *,
        context_tokens: int = 4096,
        threads: int | None = None,
        gpu_layers: int = -1,
        first_adapters: Callable[[], Sequence[AdapterUse]] | None = None,
    ) -> None:
        """Nothing is loaded yet. `threads` None takes all cores; `gpu_layers` -1 offloads all it can.

        `first_adapters` is asked once, right after loading and before the first answer. When one of those
        can't be used, the base model answers and `adapter_problem` says why.
        """
        self.model_path = model_path
        self.model_name = model_path.stem
        self.context_tokens = context_tokens
        self.threads = threads or os.cpu_count() or 1
        self._gpu_layers = gpu_layers
        self._thread = EngineThread()
        self._first_adapters = first_adapters
        self._adapters: tuple[AdapterUse, ...] = ()
        self._parts: _Parts | None = None
        self._borrowed = 0
        self._rested = False
        self.adapter_problem: AdapterError | None = None

    @property
    def may_use_gpu(self) -> bool:
        """Whether the owner lets the model, and with it tuning, use a GPU."""
        return self._gpu_layers != 0

    @property
    def adapters(self) -> tuple[AdapterUse, ...]:
        return self._adapters

    def load(self) -> None:
        """Load the model and wait until it is ready. Raises ModelError."""
        self._thread.call(self._ready)

    def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        on_piece: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        grammar: str | None = None,
        background: bool = False,
        adapters: bool | Sequence[AdapterUse] = True,
        cut: bool = True,
        prefix: str = "",
    ) -> Reply:
        """Answer the conversation; blocks until the answer is complete.

        `on_piece` gets each new piece of text on the engine thread; `cancel` is checked before each token.
        With `background` waiting chats go first. `adapters` are those in force (True), none (False: the base
        model answers) or exactly these, for this answer alone. The oldest messages are left out when the
        context is full; without `cut` that raises ContextFull instead. With `prefix` the answer goes on
        behind this text, and only what is new is given. Raises ModelError and AdapterError.
        """

        def job() -> Reply:
            parts = self._ready()
            begun = parts.model.tokenise(prefix, special=False) if prefix else []
            prompt, dropped = self._fit(parts, list(messages), sampling.max_tokens, len(begun), cut=cut)
            prompt += begun
            uses = self._adapters if adapters is True else tuple(adapters or ())
            with ExitStack() as stack:
                if uses != self._adapters:
                    stack.callback(parts.generator.forget)
                    stack.enter_context(parts.adapters.instead(uses))
                    parts.generator.forget()
                reply = parts.generator.answer(
                    prompt, sampling, on_piece=on_piece, cancel=cancel, grammar=grammar
                )
            used = tuple(use.version for use in uses if use.strength)
            return replace(reply, adapters=used, dropped=dropped)

        return self._thread.call(job, background=background)

    def context_used(self, messages: Sequence[Message]) -> int:
        """Tokens of these messages under the chat template."""
        return self._thread.call(lambda: len(self._ready().template.prompt(messages)))

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Token ids of a conversation up to where the answer begins."""
        return self._thread.call(lambda: tuple(self._ready().template.prompt(messages)))

    def pair(self, messages: Sequence[Message], answer: str) -> TokenisedPair:
        """A prompt with the answer that should follow it, as token ids."""
        return self._thread.call(lambda: self._ready().template.pair(messages, answer))

    def text(self, tokens: Sequence[int]) -> str:
        """The text of an answer's tokens, without end-of-turn markers."""

        def job() -> str:
            model = self._ready().model
            pieces = (model.piece(token) for token in tokens if not model.is_end(token))
            return b"".join(pieces).decode("utf-8", "replace")

        return self._thread.call(job)

    @property
    def layers(self) -> int:
        """Number of transformer layers."""
        return self._thread.call(lambda: self._ready().model.layers)

    def set_adapters(self, uses: Sequence[AdapterUse]) -> None:
        """Answer with exactly these adapters from now on.

        The cache is cleared and the logits are checked to have moved. Raises AdapterError and leaves the
        former set in force when one of them can't be used.
        """

        def job() -> None:
            parts = self._ready()
            try:
                parts.adapters.replace(uses)
            finally:
                parts.generator.forget()
            self._adapters = tuple(uses)

        self._thread.call(job)

    def measure(
        self,
        pairs: Sequence[TokenisedPair],
        nodes: Sequence[str] = (),
        *,
        top: int = 0,
        adapters: Sequence[AdapterUse] = (),
    ) -> Iterator[Scored]:
        """Losses and activations of pairs under exactly these adapters (see `Measurement.run`).

        Group by group, as background work. Raises ModelError and AdapterError.
        """

        def start() -> Iterator[Scored]:
            from assistant.engine.adapters import loaded
            from assistant.engine.measure import Measurement

            with self._borrowed_model() as model:
                measurement = Measurement(model, threads=self.threads)
                try:
                    with loaded(model, measurement, adapters):
                        yield from measurement.run(pairs, nodes, top=top)
                finally:
                    measurement.close()

        return self._thread.slices(start)

    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        tokens: int,
        adapters: Sequence[AdapterUse] = (),
        repeat_penalty: float = 1.0,
    ) -> Iterator[list[list[int]]]:
        """Short greedy answers to many prompts under exactly these adapters (see `Completion.run`).

        Group by group and step by step, as background work: the conversation's cache is left alone, and a
        chat waits no longer than one step. Raises ModelError and AdapterError.
        """

        def start() -> Iterator[list[list[int]]]:
            from assistant.engine.adapters import loaded
            from assistant.engine.complete import Completion

            with self._borrowed_model() as model:
                completion = Completion(model, threads=self.threads)
                try:
                    with loaded(model, completion, adapters):
                        yield from completion.run(prompts, tokens=tokens, repeat_penalty=repeat_penalty)
                finally:
                    completion.close()

        return self._thread.slices(start)

    def slices(self, start: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Advance any generator on the engine thread so that a chat message preempts it."""
        return self._thread.slices(start)

    def rest(self) -> None:
        """Free the model and its cache until somebody needs them; the adapters stay in force.

        For work that runs without the model, so that its memory is not needed on top. Coming back takes a
        fraction of a second. Does nothing while a measurement is going on.
        """

        def job() -> None:
            if self._parts is not None and not self._borrowed:
                self._parts.close()
                self._parts = None
                self._rested = True

        self._thread.call(job)

    def close(self) -> None:
        """Free the model. Later calls raise ModelError."""

        def job() -> None:
            if self._parts is not None:
                self._parts.close()
                self._parts = None

        try:
            self._thread.call(job)
        except ModelError:
            return
        self._thread.close()

    def _ready(self) -> _Parts:
        if self._parts is None:
            self._parts = _Parts.load(self)
            uses = self._adapters
            if not self._rested and self._first_adapters is not None:
                uses = tuple(self._first_adapters())
            if uses:
                try:
                    self._parts.adapters.replace(uses)
                    self._adapters = uses
                except AdapterError as error:
                    self._adapters = ()
                    self.adapter_problem = error
        return self._parts

    @contextmanager
    def _borrowed_model(self) -> Iterator[ModelHandle]:
        """The model, which does not rest as long as somebody holds it between slices."""
        self._borrowed += 1
        try:
            yield self._ready().model
        finally:
            self._borrowed -= 1

    def _fit(
        self, parts: _Parts, messages: list[Message], max_tokens: int, begun: int = 0, *, cut: bool
    ) -> tuple[list[int], int]:
        """The prompt without the oldest messages that leave no room for an answer, and how many those are."""
        from assistant.engine.generate import ANSWER_ROOM

        limit = self.context_tokens - begun - min(max_tokens, ANSWER_ROOM, self.context_tokens // 4)
        dropped = 0
        while True:
            prompt = parts.template.prompt(messages)
            if len(prompt) <= limit:
                return prompt, dropped
            first = 1 if messages[0].role == "system" else 0
            if len(messages) - first <= 1 or not cut:
                what = "message" if len(messages) - first <= 1 else "conversation"
                raise ContextFull(f"The {what} is {len(prompt)} tokens long; at most {limit} fit.")
            # A question goes together with its answer, so that the roles keep alternating.
            gone = 2 if len(messages) - first > 2 else 1
            del messages[first : first + gone]
            dropped += gone


class _Parts:
    """What a loaded engine owns, in the order in which it is freed."""

    def __init__(self, model: ModelHandle, context: ContextHandle, template: ChatTemplate) -> None:
        from assistant.engine.adapters import AdapterSet
        from assistant.engine.generate import Generator

        self.model = model
        self.context = context
        self.template = template
        self.adapters: AdapterSet = AdapterSet(model, context)
        self.generator: Generator = Generator(model, context)

    @staticmethod
    def load(engine: Engine) -> _Parts:
        from assistant.engine.handles import ContextHandle, ModelHandle
        from assistant.engine.template import ChatTemplate

        model = ModelHandle(engine.model_path, gpu_layers=engine._gpu_layers)
        try:
            context = ContextHandle(
                model,
                context_tokens=engine.context_tokens,
                batch_tokens=BATCH_TOKENS,
                threads=engine.threads,
                outputs=1,
            )
            return _Parts(model, context, ChatTemplate(model))
        except ModelError:
            model.close()
            raise

    def close(self) -> None:
        self.generator.close()
        self.adapters.close()
        self.context.close()
        self.model.close()
