from __future__ import annotations

import json

import pytest

from assistant.errors import UsageError
from assistant.store import Store


def conversation(store: Store, *texts: str, title: str = "") -> int:
    chat = store.chats.create(title)
    for number, text in enumerate(texts):
        store.chats.add_turn(chat.id, ("user", "assistant")[number % 2], text)
    return chat.id


def test_a_new_chat_is_empty_and_may_be_learned_from(store: Store) -> None:
    chat = store.chats.create("Gardening")
    assert (chat.title, chat.turns, chat.learn) == ("Gardening", 0, True)
    assert chat.created == chat.updated
    assert chat.created.endswith("+00:00")


def test_chats_are_listed_with_the_last_used_first(store: Store) -> None:
    first, second, third = (store.chats.create(title) for title in ("one", "two", "three"))
    store.chats.add_turn(first.id, "user", "again")
    assert store.chats.list()[0].title == "one"
    assert {chat.id for chat in store.chats.list()} == {first.id, second.id, third.id}
    assert len(store.chats.list(limit=2)) == 2


def test_rename_and_learn_switch_are_kept(store: Store) -> None:
    chat = store.chats.create()
    assert store.chats.rename(chat.id, "Named").title == "Named"
    assert store.chats.set_learn(chat.id, False).learn is False
    assert store.chats.get(chat.id).title == "Named"


@pytest.mark.parametrize("call", ["get", "turns", "delete", "turn", "delete_turn"])
def test_an_unknown_number_is_a_usage_error(store: Store, call: str) -> None:
    with pytest.raises(UsageError):
        getattr(store.chats, call)(99)


def test_numbers_of_deleted_chats_do_not_come_back(store: Store) -> None:
    first = conversation(store, "hello")
    store.chats.delete(first)
    assert store.chats.create().id > first


def test_a_turn_needs_a_known_role_and_chat(store: Store) -> None:
    chat = store.chats.create()
    with pytest.raises(UsageError, match="robot"):
        store.chats.add_turn(chat.id, "robot", "hi")
    with pytest.raises(UsageError):
        store.chats.add_turn(chat.id + 1, "user", "hi")
    with pytest.raises(UsageError):
        store.chats.add_turn(chat.id, "assistant", "hi", reply_to=12)


def test_a_reply_grows_and_is_finished_with_its_numbers(store: Store) -> None:
    chat = store.chats.create()
    question = store.chats.add_turn(chat.id, "user", "How tall is it?")
    reply = store.chats.begin_reply(chat.id, reply_to=question.id, model="tiny", adapters=("v0001", "v0002"))
    assert (reply.state, reply.content) == ("streaming", "")
    store.chats.append_reply(reply.id, "About")
    assert store.chats.turn(reply.id).content == "About"
    done = store.chats.finish_reply(reply.id, "About 3 m.", state="done", tokens=4, tokens_per_s=21.5)
    assert done == store.chats.turn(reply.id)
    assert (done.state, done.content, done.tokens, done.tokens_per_s) == ("done", "About 3 m.", 4, 21.5)
    assert (done.model, done.adapters, done.reply_to) == ("tiny", ("v0001", "v0002"), question.id)


def test_a_finished_reply_no_longer_grows(store: Store) -> None:
    chat = store.chats.create()
    reply = store.chats.begin_reply(chat.id, reply_to=None, model=None)
    store.chats.finish_reply(reply.id, "All.", state="stopped")
    with pytest.raises(UsageError):
        store.chats.append_reply(reply.id, "More.")
    with pytest.raises(UsageError):
        store.chats.finish_reply(reply.id, "All.", state="streaming")


def test_search_finds_turns_and_marks_the_word(store: Store) -> None:
    chat_id = conversation(store, "Where do otters sleep?", "Otters sleep in holts.", title="Animals")
    hits = store.chats.search("holts")
    assert [(hit.chat_id, hit.chat_title, hit.role) for hit in hits] == [(chat_id, "Animals", "assistant")]
    assert hits[0].snippet == "Otters sleep in «holts»."


def test_search_needs_every_word_and_completes_the_last(store: Store) -> None:
    conversation(store, "the red kettle whistles", "the red car")
    assert len(store.chats.search("red")) == 2
    assert [hit.role for hit in store.chats.search("red whis")] == ["user"]
    assert store.chats.search("whis red") == []


def test_search_ignores_case_and_accents(store: Store) -> None:
    conversation(store, "Zürich and Café")
    assert len(store.chats.search("zurich CAFE")) == 1


def test_search_finds_titles_also_after_renaming(store: Store) -> None:
    chat_id = conversation(store, "hello", title="Breakfast")
    store.chats.rename(chat_id, "Supper plans")
    assert store.chats.search("breakfast") == []
    (hit,) = store.chats.search("supper")
    assert (hit.chat_id, hit.turn_id, hit.role, hit.snippet) == (chat_id, None, "title", "«Supper» plans")


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "'",
        "AND",
        "a OR",
        "NEAR(",
        "x*",
        "-x",
        "col:x",
        "((",
        "^a",
        "a-b",
        '"x" AND ("y',
        "{}",
        "\\",
        "a\0b",
        "é\u0301",
    ],
)
def test_search_takes_anything_a_person_can_type(store: Store, query: str) -> None:
    conversation(store, "plain text about and or near")
    store.chats.search(query)


def test_search_treats_operators_and_punctuation_as_text(store: Store) -> None:
    conversation(store, "black and white", "foo-bar baz")
    assert len(store.chats.search("AND")) == 1
    assert len(store.chats.search("foo-bar")) == 1
    assert len(store.chats.search("baz ?!")) == 1
    assert store.chats.search("") == store.chats.search(" ?! ") == []


def test_search_stops_at_the_limit_and_skips_growing_replies(store: Store) -> None:
    chat_id = conversation(store, *["same words"] * 5, title="same")
    assert len(store.chats.search("same", limit=3)) == 3
    assert len(store.chats.search("same", limit=1)) == 1
    reply = store.chats.begin_reply(chat_id, reply_to=None, model=None)
    store.chats.append_reply(reply.id, "unfinished thought")
    assert store.chats.search("unfinished") == []
    store.chats.finish_reply(reply.id, "finished thought")
    assert len(store.chats.search("thought")) == 1


def test_export_and_import_keep_the_chat(store: Store) -> None:
    chat_id = conversation(store, "What is 2+2?", "4", title="Sums")
    (document,) = store.chats.export([chat_id])
    assert document == {
        "messages": [{"role": "user", "content": "What is 2+2?"}, {"role": "assistant", "content": "4"}],
        "title": "Sums",
        "created": store.chats.get(chat_id).created,
    }
    summary = store.chats.import_jsonl([json.dumps(document)])
    assert (summary.chats, summary.turns, summary.skipped) == (1, 2, 0)
    copy = max(store.chats.list(), key=lambda chat: chat.id)
    assert list(store.chats.export([copy.id])) == [document]
    question, answer = store.chats.turns(copy.id)
    assert answer.reply_to == question.id
    assert len(list(store.chats.export())) == 2


def test_import_reads_parts_and_times_and_counts_what_it_cannot_use(store: Store) -> None:
    lines = [
        "",
        "not json",
        "[]",
        '{"messages": []}',
        '{"messages": [{"role": "tool", "content": "x"}]}',
        '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
        '{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "created": 0}',
        '{"messages": [{"role": "user", "content": "\\ud800 lone"}], "created": "yesterday"}',
    ]
    summary = store.chats.import_jsonl(lines)
    assert (summary.chats, summary.turns, summary.skipped) == (2, 2, 5)
    oldest = store.chats.list()[-1]
    assert oldest.created == "1970-01-01T00:00:00.000000+00:00"
    assert store.chats.turns(oldest.id)[0].content == "hi"
