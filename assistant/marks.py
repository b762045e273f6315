"""What the owner says about an answer: good, bad, edited, not to be learned from — and the way back.

Marks are the record; the pairs of a turn are derived from them. `settle` computes the state each pair should
have from the marks that stand, so that undo is simply "forget the last mark and settle again". Knows the
store; never sees the screen or the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.errors import UsageError
from assistant.store.pairs import question_key

if TYPE_CHECKING:
    from assistant.store import Pair, Store, Turn

KINDS = ("good", "bad", "edit", "skip")
COMPLAINTS = ("bad", "skip")
GOOD_WEIGHT = 0.5
"""A praised answer counts half as much as one the owner wrote."""
QUOTE_LENGTH = 60

OnSkip = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class MarkResult:
    """What happened, as a sentence for the status line, and the pair it concerns if there is one.

    `replaced` are the older answers to the same question that are no longer in force because of it.
    """

    message: str
    pair_id: int | None = None
    replaced: tuple[Pair, ...] = ()


def apply_mark(
    store: Store,
    turn_id: int,
    kind: str,
    text: str | None = None,
    *,
    on_skip: OnSkip | None = None,
    waiting: Callable[[], int] | None = None,
) -> MarkResult:
    """Mark an answer and say what will happen with the mark.

    `kind` is good, bad, edit (with `text`, what the answer should have been) or skip. `on_skip` is told the
    turn so that the selection buffer can drop it; `waiting` counts the pairs not yet learned.
    Raises UsageError when the turn is no answer or an edit has no text.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no mark {kind!r}.", hint=f"Use one of {', '.join(KINDS)}.")
    turn = _answer(store, turn_id)
    if kind == "edit":
        if text is None or not text.strip():
            raise UsageError("A correction needs text.", hint="Write what the answer should have been.")
        text = text.strip()
        _question(store, turn)
    former = store.marks.latest(turn_id)
    in_force = {pair.id for pair in store.pairs.list("active")}
    store.marks.add(turn_id, kind, text if kind == "edit" else None)
    pair_id = settle(store, turn_id, former=former.kind if former else None)
    if kind == "skip" and on_skip is not None:
        on_skip(turn_id)
    older = store.pairs.superseded_by(pair_id) if pair_id is not None else []
    replaced = tuple(pair for pair in older if pair.id in in_force)
    count = waiting() if waiting else pairs_waiting(store)
    return MarkResult(_sentence(kind, count, replaced), pair_id, replaced)


def undo_mark(store: Store, chat_id: int | None, *, waiting: Callable[[], int] | None = None) -> MarkResult:
    """Take back the last mark of this chat (of any chat when `chat_id` is None), pairs included."""
    superseded = {pair.id for pair in store.pairs.list("superseded")}
    mark = store.marks.undo_last(chat_id)
    if mark is None:
        return MarkResult("Nothing to undo: no mark in this chat.")
    pair_id = settle(store, mark.turn_id, former=mark.kind)
    count = waiting() if waiting else pairs_waiting(store)
    back = [pair for pair in store.pairs.list("active") if pair.id in superseded]
    again = f"; the older answer {quoted(back)} is in force again" if back else ""
    return MarkResult(f"Took back {_NAMES[mark.kind]}{again}: {_pairs_wait(count)}.", pair_id)


def settle(store: Store, turn_id: int, *, former: str | None = None) -> int | None:
    """Bring the pairs of an answer in line with the marks that stand; returns the pair in force, if any.

    The last mark decides: edit → its pair, good → the praised answer at half weight, bad → none, skip →
    none and no statement of that exchange either. A complaint (bad, skip) also switches off a pair made from
    the reply without being asked. With no mark left, everything made from marks is off again. `former` is the
    kind of mark that was in force before.
    """
    turn = _answer(store, turn_id)
    marks = store.marks.for_turn(turn_id)
    last = marks[-1] if marks else None
    wanted = None
    if last is not None and last.kind == "edit":
        wanted = (last.text or "", "edit", 1.0)
    elif last is not None and last.kind == "good":
        wanted = (turn.content, "good", GOOD_WEIGHT)

    # An earlier judgement that still stands is superseded by the last one, like any older answer.
    standing = {(turn.content if mark.kind == "good" else mark.text or "").strip() for mark in marks}
    for pair in store.pairs.for_turn(turn_id):
        if pair.source in ("edit", "good") and (wanted is None or pair.answer not in standing):
            store.pairs.take_back(pair.id)
    complained = last is not None and last.kind in COMPLAINTS
    if complained or former in COMPLAINTS:
        _set_own_reply(store, turn_id, "off" if complained else "active")
    skipped = last is not None and last.kind == "skip"
    if skipped or former == "skip":
        _set_statements(store, turn, "off" if skipped else "active")
    if skipped:
        store.questions.forget_vector(turn_id)
    if wanted is None:
        return None

    answer, source, weight = wanted
    question = _question(store, turn)
    pair = store.pairs.add(question.content, answer, source=source, turn_id=turn_id, weight=weight)
    _set_state(store, pair, "active")
    return pair.id


def pairs_waiting(store: Store) -> int:
    """Pairs in force that no version has learned yet."""
    return sum(1 for pair in store.pairs.list("active") if not pair.learned_in)


def describe(kind: str) -> str:
    """The word shown beside a marked answer."""
    return _LABELS[kind]


_NAMES = {"good": "“good”", "bad": "“bad”", "edit": "the correction", "skip": "“don't learn from this”"}
_LABELS = {"good": "good", "bad": "bad", "edit": "corrected", "skip": "not learned from"}


def quoted(pairs: Sequence[Pair]) -> str:
    """The answers of pairs in quotation marks, each on one line and cut to a readable length."""
    texts = [" ".join(pair.answer.split()) for pair in pairs]
    return ", ".join(
        f"“{text[:QUOTE_LENGTH].rstrip()}…”" if len(text) > QUOTE_LENGTH else f"“{text}”" for text in texts
    )


def _sentence(kind: str, waiting: int, replaced: Sequence[Pair]) -> str:
    tune = "the next tuning (F5 or `assistant learn now`)"
    instead = f" It replaces the older answer {quoted(replaced)}, which undo brings back." if replaced else ""
    if kind == "edit":
        return f"Kept as a correction: {_pairs_wait(waiting)} for {tune}.{instead}"
    if kind == "good":
        return f"Kept as a good answer, at half weight: {_pairs_wait(waiting)} for {tune}.{instead}"
    if kind == "bad":
        return "Noted as bad; nothing is learned from it. Press e (or /edit) to say what it should have said."
    return "Nothing will be learned from this turn: its pairs are off and it leaves the buffer."


def _pairs_wait(count: int) -> str:
    if count == 0:
        return "no pair waits"
    return "1 pair waits" if count == 1 else f"{count} pairs wait"


def _answer(store: Store, turn_id: int) -> Turn:
    if turn_id <= 0:
        raise UsageError(
            "This chat is not saved, so there is nothing to mark.",
            hint="Turn on `remember_chats` in the settings to teach the assistant.",
        )
    turn = store.chats.turn(turn_id)
    if turn.role != "assistant":
        raise UsageError("Only answers can be marked.", hint="Move to an answer with the arrow keys.")
    if turn.state == "streaming":
        raise UsageError("The answer is still being written.", hint="Stop it with Esc, or wait.")
    return turn


def _question(store: Store, turn: Turn) -> Turn:
    if turn.reply_to is None:
        raise UsageError("This answer has no question, so no pair can be made.", hint="Mark another answer.")
    return store.chats.turn(turn.reply_to)


def _set_statements(store: Store, turn: Turn, state: str) -> None:
    """Switch the pairs made from what the owner stated in this exchange."""
    turn_ids = [turn.id] if turn.reply_to is None else [turn.id, turn.reply_to]
    for turn_id in turn_ids:
        for pair in store.pairs.for_turn(turn_id):
            if pair.source != "statement":
                continue
            if state == "off" and pair.state == "active":
                store.pairs.take_back(pair.id)
            elif state == "active" and pair.state == "off":
                _set_state(store, pair, state)


def _set_own_reply(store: Store, turn_id: int, state: str) -> None:
    """Switch the pair made from a reply nobody had complained about; another answer in force stays so."""
    for pair in store.pairs.for_turn(turn_id):
        if pair.source != "own" or pair.state == "superseded":
            continue
        key = question_key(pair.question)
        others = [each for each in store.pairs.list("active") if each.id != pair.id]
        answered = any(question_key(each.question) == key for each in others)
        if state == "off" or not (answered or store.pairs.contradicted(pair.question, pair.answer)):
            _set_state(store, pair, state)


def _set_state(store: Store, pair: Pair, state: str) -> None:
    if pair.state != state:
        store.pairs.set_state(pair.id, state)
