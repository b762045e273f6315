"""Changing a pair before it is learned: the corrected one replaces the other. Knows the store only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.marks import apply_mark
from assistant.store.pairs import question_key

if TYPE_CHECKING:
    from assistant.store import Pair, Store

# Made from a mark: changing the answer is another mark, so that undo and later marks know of it.
_FROM_MARKS = ("edit", "good")
SOURCE = "added"


def edit_pair(store: Store, pair_id: int, question: str, answer: str) -> Pair:
    """Put a pair of these words in place of another, which is kept but not learned.

    Without a change nothing happens. It still belongs to the turn that the other came from, and is forgotten
    with it. Raises UsageError for an unknown pair and for empty words.
    """
    former = store.pairs.get(pair_id)
    same_question = question_key(question) == question_key(former.question)
    if same_question and answer.strip() == former.answer:
        return former
    if same_question and former.source in _FROM_MARKS and former.turn_id is not None:
        marked = apply_mark(store, former.turn_id, "edit", answer)
        return store.pairs.get(former.id if marked.pair_id is None else marked.pair_id)
    with store.together():
        pair = store.pairs.add(question, answer, source=SOURCE, turn_id=former.turn_id)
        if pair.id != former.id and store.pairs.get(former.id).state == "active":
            # Another question does not supersede it by itself.
            store.pairs.set_state(former.id, "off")
    return pair
