"""Why does it know this? Evidence about one answer, from the base model, the versions and the learned pairs.

Nothing here is proof: an answer can come from the base model, from the chat before it, or from several pairs
together. What can be measured is how much likelier this answer became with each version, and which pairs mean
nearly the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assistant.comparing import BASE, NOW, ComparingEngine, Side, answer, side
from assistant.conversation import Conversation
from assistant.engine.types import Message, opening
from assistant.errors import AdapterError, ModelError, UsageError
from assistant.models import model_sha256
from assistant.recall import MeasuringEngine, mean_loss

if TYPE_CHECKING:
    from pathlib import Path
    from threading import Event

    from assistant.engine.types import AdapterUse, Reply, Sampling
    from assistant.settings import Settings
    from assistant.store import Pair, Store, Turn

NEAREST = 5
RECENT_VERSIONS = 5

Embed = Callable[[Sequence[str]], np.ndarray]
"""texts -> float32 [n, d], unit vectors."""


class WhyEngine(ComparingEngine, MeasuringEngine, Protocol):
    """The part of the engine that is needed here."""

    @property
    def model_path(self) -> Path: ...
    @property
    def model_name(self) -> str: ...
    @property
    def context_tokens(self) -> int: ...
    def context_used(self, messages: Sequence[Message]) -> int: ...
    def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        on_piece: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        adapters: bool | Sequence[AdapterUse] = True,
        prefix: str = "",
    ) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Near:
    """A learned pair that means nearly the same. `similarity` is the cosine to question and answer."""

    pair: Pair
    similarity: float
    chat_id: int | None


@dataclass(frozen=True, slots=True)
class Loss:
    """-log p of the answer in nats per token, under `name`: base, now, "without vNNNN" or a version alone."""

    name: str
    loss: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for where an answer came from.

    `losses` are empty when the answer is too long to measure; `alone` says that the chat before the
    question did not fit and was left out.
    """

    turn_id: int
    question: str
    answer: str
    base_answer: str
    answer_now: str
    losses: tuple[Loss, ...]
    nearest: tuple[Near, ...]
    alone: bool = False

    def sentences(self) -> list[str]:
        """The evidence in words, and what it does not show."""
        told = []
        same = self.base_answer.strip() == self.answer_now.strip()
        if same:
            told.append("The base model alone says the same, so nothing learned is needed for it.")
        else:
            told.append("The base model alone says something else, so what was learned changes this answer.")
        largest = self._largest_change()
        if largest is not None:
            name, change = largest
            told.append(f"{name} makes the largest difference: {change:+.2f} nats per token without it.")
        if self.nearest and self.nearest[0].similarity >= 0.5:
            near = self.nearest[0]
            told.append(f"Pair {near.pair.id} means nearly the same ({near.similarity:.2f}).")
        else:
            told.append("No learned pair means nearly the same.")
        if self.alone:
            told.append("The chat before the question was left out, because it is too long to measure.")
        return [*told, "This is evidence, not proof: it may also have said so by chance or from the chat."]

    def _largest_change(self) -> tuple[str, float] | None:
        now = next((each.loss for each in self.losses if each.name == NOW), None)
        without = [each for each in self.losses if each.name.startswith("without ")]
        if now is None or not without:
            return None
        largest = max(without, key=lambda each: abs(each.loss - now))
        return largest.name.removeprefix("without "), largest.loss - now


def why(store: Store, engine: WhyEngine, settings: Settings, embed: Embed, turn_id: int) -> Evidence:
    """Evidence about a saved answer. Blocks while the model answers twice and measures.

    Raises:
        UsageError: no such turn, or it is no answer to a question.
        ModelError: the model cannot be used.
    """
    reply = store.chats.turn(turn_id)
    if reply.role != "assistant" or reply.reply_to is None or not reply.content.strip():
        raise UsageError("Only an answer to a question can be looked at.", hint="Name the turn of an answer.")
    question = store.chats.turn(reply.reply_to)
    conversation = Conversation(store, engine, settings, reply.chat_id)
    messages = conversation.messages(until=question.id)
    base_sha256 = model_sha256(engine.model_path, store.paths)
    sides = _sides(store, base_sha256)
    said = {
        name: answer(engine, side(store, store.paths, base_sha256, name), messages, settings).text
        for name in (BASE, NOW)
    }
    losses, alone = _losses(engine, sides, messages, question, reply, settings)
    return Evidence(
        turn_id,
        question.content,
        reply.content,
        said[BASE],
        said[NOW],
        losses,
        nearest_pairs(store, embed, question.content, reply.content),
        alone,
    )


def nearest_pairs(store: Store, embed: Embed, question: str, answer_text: str) -> tuple[Near, ...]:
    """The learned pairs whose question and answer mean most nearly the same, the nearest first.

    None when the embedding model is missing.
    """
    from selection.embedding import EmbedderMissing

    pairs = [pair for pair in store.pairs.list(None) if pair.learned_in]
    if not pairs:
        return ()
    texts = [f"{question}\n{answer_text}", *(f"{pair.question}\n{pair.answer}" for pair in pairs)]
    try:
        vectors = embed(texts)
    except EmbedderMissing:
        return ()  # The rest of the evidence stands without it.
    similar = vectors[1:] @ vectors[0]
    order = np.argsort(-similar)[:NEAREST]
    return tuple(
        Near(pairs[number], round(float(similar[number]), 4), _chat_of(store, pairs[number]))
        for number in order.tolist()
    )


def _sides(store: Store, base_sha256: str) -> list[Side]:
    """Base, now, now without each version in force, and recent versions in its place."""
    now = side(store, store.paths, base_sha256, NOW)
    sides = [side(store, store.paths, base_sha256, BASE), now]
    for use in now.uses:
        rest = tuple(other for other in now.uses if other != use)
        sides.append(Side(f"without {use.version}", rest))
    in_force = {use.version for use in now.uses}
    recent = [version for version in store.versions.list() if version.base_sha256 == base_sha256]
    for version in recent[-RECENT_VERSIONS:]:
        if version.id not in in_force:
            sides.append(side(store, store.paths, base_sha256, version.id))
    return sides


def _losses(
    engine: WhyEngine,
    sides: Sequence[Side],
    messages: Sequence[Message],
    question: Turn,
    reply: Turn,
    settings: Settings,
) -> tuple[tuple[Loss, ...], bool]:
    """The answer's loss under each side, and whether the chat before the question was left out for it."""
    short = [*opening(settings.system_prompt), Message("user", question.content)]
    for told, alone in ((messages, False), (short, True)):
        pair = engine.pair(told, reply.content)
        try:
            found = []
            for each in sides:
                try:
                    found.append(Loss(each.name, round(mean_loss(engine, [pair], each.uses), 4)))
                except AdapterError:
                    continue  # A version whose file is gone can't be asked.
        except ModelError:
            continue
        return tuple(found), alone and len(messages) > len(short)
    return (), True


def _chat_of(store: Store, pair: Pair) -> int | None:
    return None if pair.turn_id is None else store.chats.turn(pair.turn_id).chat_id
