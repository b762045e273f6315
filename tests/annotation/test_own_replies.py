"""Replies nobody complained about may become pairs, lightly, and only if the owner allows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from assistant.annotation.asking import Annotation
from assistant.annotation.own_replies import OwnReplies
from assistant.marks import apply_mark, undo_mark
from assistant.paths import Paths
from assistant.services import open_services
from assistant.settings import Settings
from assistant.store import Store
from selection.buffer import SelectionBuffer
from selection.records import Candidate
from tests import kept
from tests.annotation.conftest import Keep
from tests.selection.turns import unit, varied

Refresh = Callable[..., None]


@pytest.fixture
def refresh(store: Store, buffer: SelectionBuffer) -> Refresh:
    return lambda is_allowed=True: OwnReplies(store, buffer, is_allowed=is_allowed).refresh()


def pairs(store: Store) -> list[tuple[str, str, float]]:
    return [(pair.answer, pair.source, pair.weight) for pair in store.pairs.list()]


def test_it_is_off_unless_the_owner_asks_for_it(keep: Keep, refresh: Refresh, store: Store) -> None:
    assert Settings().learn_from_own_replies is False
    keep("What is a fjord?", "A bay.")
    refresh(is_allowed=False)
    assert pairs(store) == []


def test_a_survivor_without_complaint_becomes_a_light_pair(
    keep: Keep, refresh: Refresh, store: Store
) -> None:
    reply = keep("What is a fjord?", "A bay.")
    for _ in range(2):
        refresh()
    assert pairs(store) == [("A bay.", "own", 0.25)]
    assert store.pairs.list()[0].turn_id == reply.id


@pytest.mark.parametrize("kind", ["bad", "skip"])
def test_never_for_a_reply_with_a_complaint(keep: Keep, refresh: Refresh, store: Store, kind: str) -> None:
    before, after = keep("Who am I?", "Bob."), keep("Who are you?", "Bob too.")
    apply_mark(store, before.id, kind)
    refresh()
    assert pairs(store) == [("Bob too.", "own", 0.25)]
    apply_mark(store, after.id, kind)
    assert pairs(store) == []
    refresh()
    assert pairs(store) == []


def test_a_complaint_taken_back_brings_the_pair_back(keep: Keep, refresh: Refresh, store: Store) -> None:
    reply = keep("Who are you?", "An assistant.")
    refresh()
    apply_mark(store, reply.id, "bad")
    undo_mark(store, reply.chat_id)
    assert pairs(store) == [("An assistant.", "own", 0.25)]


def test_a_complaint_taken_back_does_not_displace_what_was_taught_since(
    keep: Keep, refresh: Refresh, store: Store
) -> None:
    reply = keep("Who am I?", "Bob.")
    refresh()
    apply_mark(store, reply.id, "bad")
    store.pairs.add("Who am I?", "You are Ada.", source="added")
    undo_mark(store, reply.chat_id)
    assert pairs(store) == [("You are Ada.", "added", 1.0)]


def test_never_for_a_reply_the_owner_would_not_judge(
    keep: Keep, refresh: Refresh, store: Store, buffer: SelectionBuffer
) -> None:
    keep("Who am I?", "Bob.")
    annotation = Annotation(store, buffer, Settings())
    annotation.answer(annotation.review()[0], "never")
    refresh()
    assert pairs(store) == []


def test_any_word_of_the_owner_outranks_it(keep: Keep, refresh: Refresh, store: Store) -> None:
    praised, corrected = keep("What is a fjord?", "A bay."), keep("Who am I?", "Bob.")
    keep("My name?", "Bob.")
    store.pairs.add("my name?", "Your name is Ada.", source="statement")
    refresh()
    apply_mark(store, praised.id, "good")
    apply_mark(store, corrected.id, "edit", "You are Ada.")
    refresh()
    assert sorted(pairs(store)) == [
        ("A bay.", "good", 0.5),
        ("You are Ada.", "edit", 1.0),
        ("Your name is Ada.", "statement", 1.0),
    ]


def test_praise_taken_back_leaves_no_pair_behind(keep: Keep, refresh: Refresh, store: Store) -> None:
    reply = keep("What is a fjord?", "A bay.")
    refresh()
    apply_mark(store, reply.id, "good")
    undo_mark(store, reply.chat_id)
    refresh()
    assert pairs(store) == []


def test_a_pair_the_owner_switched_off_stays_off(keep: Keep, refresh: Refresh, store: Store) -> None:
    keep("What is a fjord?", "A bay.")
    refresh()
    store.pairs.set_state(store.pairs.list()[0].id, "off")
    keep("What is a fjord?", "A bay.")
    refresh()
    assert pairs(store) == []


def test_pairs_go_with_the_turn_that_left_the_buffer_and_with_the_setting(
    keep: Keep, refresh: Refresh, store: Store, buffer: SelectionBuffer
) -> None:
    gone, kept = keep("What is a fjord?", "A bay."), keep("What is a quay?", "A wall.")
    refresh()
    store.db["selection_items"].delete(gone.id)
    refresh()
    assert [pair.turn_id for pair in store.pairs.list(None)] == [kept.id]
    refresh(is_allowed=False)
    assert store.pairs.list(None) == []


def test_imported_replies_are_not_its_own_but_can_be_reviewed(
    refresh: Refresh, store: Store, buffer: SelectionBuffer
) -> None:
    messages = [{"role": "user", "content": "Who am I?"}, {"role": "assistant", "content": "Bob."}]
    store.chats.import_jsonl([json.dumps({"messages": messages})])
    reply = store.exchanges.after(0, limit=1)[0].reply_id
    buffer.consider(Candidate(reply, "Who am I?\nBob.", unit(1.0), varied(4), "test"))
    refresh()
    assert store.pairs.list(None) == []
    assert [subject.turn_id for subject in Annotation(store, buffer, Settings()).review()] == [reply]


def test_private_chats_are_left_out(keep: Keep, refresh: Refresh, store: Store) -> None:
    reply = keep("What is a fjord?", "A bay.")
    store.chats.set_learn(reply.chat_id, False)
    refresh()
    assert pairs(store) == []


def test_a_question_answered_twice_gives_the_newer_reply(keep: Keep, refresh: Refresh, store: Store) -> None:
    keep("What is a fjord?", "A hill.")
    keep("What is a fjord?", "A bay.")
    refresh()
    assert pairs(store) == [("A bay.", "own", 0.25)]


@pytest.mark.parametrize(("chosen", "sources"), [({}, []), ({"learn_from_own_replies": True}, ["own"])])
def test_the_setting_is_obeyed_when_the_program_starts(
    tmp_path: Path, chosen: dict[str, bool], sources: list[str]
) -> None:
    home = Paths(tmp_path / "another")
    with Store.open(home) as store:
        kept.keep(store, SelectionBuffer(store.db, home.index), "What is a fjord?", "A bay.")
    with closing(open_services(home, Settings(**chosen))) as services:
        assert [pair.source for pair in services.store.pairs.list()] == sources
        assert len(services.annotation.review()) == 1
