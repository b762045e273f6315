"""Deleted means that the bytes are gone from every file, not only the rows."""

from __future__ import annotations

from pathlib import Path

from assistant.paths import Paths
from assistant.store import NewWording, Store, Version

# Words that begin like no other: the search index stores a word without what it shares with its neighbour.
SECRETS = (
    "qxztitle",
    "jzvquestion",
    "wkqanswer",
    "vjxcorrection",
    "kzwwording",
    "xqjreject",
    "zjkselection",
    "yqvpartial",
)


def files_that_hold(home: Path, words: tuple[str, ...]) -> set[tuple[str, str]]:
    found = set()
    for file in home.rglob("*"):
        content = file.read_bytes().lower() if file.is_file() else b""
        found |= {(file.name, word) for word in words if word[2:].encode() in content}
    return found


def fill(store: Store, paths: Paths) -> tuple[int, int]:
    """A chat whose secrets reach every table, between others; returns its number and one to keep."""
    other = store.chats.create("Harmless")
    secret = store.chats.create("qxztitle")
    for number in range(120):
        store.chats.add_turn(other.id, "user", f"harmless {number} " + f"filler{number} " * 40)
        store.chats.add_turn(secret.id, "user", f"jzvquestion {number} " + f"word{number} " * (number * 5))
    question = store.chats.add_turn(secret.id, "user", "jzvquestion?")
    reply = store.chats.begin_reply(secret.id, reply_to=question.id, model="m")
    store.chats.append_reply(reply.id, "yqvpartial " * 50)
    store.chats.finish_reply(reply.id, "wkqanswer")
    store.marks.add(reply.id, "edit", "vjxcorrection")
    pair = store.pairs.add("jzvquestion?", "vjxcorrection", source="edit", turn_id=reply.id)
    store.pairs.replace_wordings(pair.id, [NewWording("kzwwording", "model")])
    store.pairs.add_reject(pair.id, "xqjreject", "copy")
    store.versions.add(
        Version("v0001", None, "personal", "draft", 1.0, "m", "0" * 64, "v0001.gguf", pair_ids=(pair.id,))
    )
    store.db["selection_items"].insert({"turn_id": reply.id, "text": "zjkselection"}, pk="turn_id")
    paths.index.write_bytes(b"vectors of zjkselection")
    return secret.id, other.id


def test_deleting_a_chat_removes_its_bytes_from_every_file(store: Store, paths: Paths) -> None:
    secret, other = fill(store, paths)
    assert {word for _, word in files_that_hold(paths.home, SECRETS)} == set(SECRETS)
    deletion = store.chats.delete(secret)
    assert files_that_hold(paths.home, SECRETS) == set()
    assert (deletion.turns, deletion.pairs, deletion.versions) == (122, 1, ("v0001",))
    assert [chat.id for chat in store.chats.list()] == [other]
    assert len(store.chats.turns(other)) == 120
    assert len(store.chats.search("harmless", limit=500)) == 121
    assert store.chats.search("jzvquestion") == []
    assert store.pairs.list(None) == []
    assert list(store.db["selection_items"].rows) == []
    assert store.check() == []


def test_deleting_while_a_reply_grows_keeps_search_sound(store: Store) -> None:
    doomed, kept = store.chats.create("doomed"), store.chats.create("kept")
    reply = store.chats.begin_reply(kept.id, reply_to=None, model=None)
    store.chats.append_reply(reply.id, "half a sentence")
    store.chats.delete(doomed.id)
    store.chats.finish_reply(reply.id, "a whole sentence")
    assert store.chats.search("half") == []
    assert len(store.chats.search("whole")) == 1


def test_deleting_a_turn_removes_its_bytes_and_keeps_the_rest(store: Store, paths: Paths) -> None:
    chat = store.chats.create("Kept")
    question = store.chats.add_turn(chat.id, "user", "jzvquestion")
    answer = store.chats.add_turn(chat.id, "assistant", "kept answer", reply_to=question.id)
    store.chats.delete_turn(question.id)
    assert files_that_hold(paths.home, SECRETS) == set()
    assert [(turn.id, turn.reply_to) for turn in store.chats.turns(chat.id)] == [(answer.id, None)]


def test_deleting_a_pair_removes_its_bytes(store: Store, paths: Paths) -> None:
    pair = store.pairs.add("jzvquestion", "wkqanswer", source="added")
    store.pairs.replace_wordings(pair.id, [NewWording("kzwwording", "rules")])
    store.pairs.add_reject(pair.id, "xqjreject", "copy")
    store.pairs.delete(pair.id)
    assert files_that_hold(paths.home, SECRETS) == set()
    assert store.pairs.rejects() == {}


def test_deletion_reaches_the_log_although_another_process_was_reading(store: Store, paths: Paths) -> None:
    secret, _ = fill(store, paths)
    with Store.open(paths, write=False) as reader:
        assert len(reader.chats.list()) == 2
        store.chats.delete(secret)
        assert files_that_hold(paths.home, SECRETS) == set()
        assert len(reader.chats.list()) == 1
