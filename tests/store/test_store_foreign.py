"""Histories of other programs: what is taken, what is left out and told, and the same file twice."""

from __future__ import annotations

import json
import sqlite3
import threading
import tracemalloc
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import Cancelled, UsageError
from assistant.store import Store
from assistant.store.foreign import detect


def node(number: str, parent: str | None, role: str, *texts: Any, **message: Any) -> dict[str, Any]:
    content = message.pop("content", {"content_type": "text", "parts": list(texts)})
    return {
        "id": number,
        "parent": parent,
        "children": [],
        "message": {"author": {"role": role}, "content": content, "create_time": 1.7e9, **message},
    }


def chatgpt(number: str = "c1", **more: Any) -> dict[str, Any]:
    """A conversation whose first answer was made twice; the second one was shown last."""
    nodes = [
        {"id": "root", "parent": None, "children": ["s"], "message": None},
        node("s", "root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
        node("u1", "s", "user", "What is green?"),
        node("a1", "u1", "assistant", "A fruit."),
        node("a2", "u1", "assistant", "A colour."),
        node("u2", "a2", "user", {"content_type": "image_asset_pointer"}, "And red?",
             content={"content_type": "multimodal_text", "parts": [{"asset_pointer": "x"}, "And red?"]}),
        node("t", "u2", "assistant", content={"content_type": "thoughts", "thoughts": []}),
        node("call", "t", "assistant", "search(red)", recipient="web"),
        node("tool", "call", "tool", "results"),
        node("a3", "tool", "assistant", "A colour too."),
    ]  # fmt: skip
    mapping = {entry["id"]: entry for entry in nodes}
    for entry in nodes:
        if entry["parent"]:
            mapping[entry["parent"]]["children"].append(entry["id"])
    return {
        "title": "Colours",
        "create_time": 1_700_000_000.5,
        "conversation_id": number,
        "current_node": "a3",
        "mapping": mapping,
        **more,
    }


def write(file: Path, value: Any, **options: Any) -> Path:
    file.write_text(json.dumps(value, **options), encoding="utf-8")
    return file


def texts(store: Store) -> list[tuple[str, str]]:
    (chat,) = store.chats.list()
    return [(turn.role, turn.content) for turn in store.chats.turns(chat.id)]


COLOURS = [
    ("user", "What is green?"),
    ("assistant", "A colour."),
    ("user", "And red?"),
    ("assistant", "A colour too."),
]


def test_chatgpt_gives_the_branch_that_was_shown_and_tells_what_it_left_out(
    store: Store, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "conversations.json", [chatgpt(), {"title": "No tree"}, chatgpt("c2", mapping={})]
    )
    summary = store.imports.run(file)
    assert (summary.format, summary.chats, summary.turns, summary.skipped) == ("chatgpt", 1, 4, 2)
    assert texts(store) == COLOURS
    (chat,) = store.chats.list()
    assert (chat.title, chat.created[:10]) == ("Colours", "2023-11-14")
    turns = store.chats.turns(chat.id)
    assert turns[3].reply_to == turns[2].id
    assert summary.reasons == {"not a chat of this format": 1, "no message with text": 1}
    assert summary.left_out == {
        "in other branches": 1,
        "pictures and files in messages": 1,
        "of other kinds (reasoning, code)": 1,
        "by tools": 2,
    }


def test_the_same_file_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path / "conversations.json", [chatgpt(), chatgpt("c2")])
    assert store.imports.run(file).chats == 2
    again = store.imports.run(write(tmp_path / "other.json", [chatgpt("c2"), chatgpt()], indent=2))
    assert (again.chats, again.turns, again.known, again.grown) == (0, 0, 2, 0)
    assert len(store.chats.list()) == 2


def test_a_chat_that_has_grown_gets_only_its_new_turns(store: Store, tmp_path: Path) -> None:
    store.imports.run(write(tmp_path / "may.json", [chatgpt()]))
    later = chatgpt()
    later["mapping"]["u3"] = node("u3", "a3", "user", "And blue?")
    later["mapping"]["a4"] = node("a4", "u3", "assistant", "Also.")
    later["current_node"] = "a4"
    summary = store.imports.run(write(tmp_path / "june.json", [later]))
    assert (summary.chats, summary.grown, summary.turns) == (0, 1, 2)
    assert texts(store) == [*COLOURS, ("user", "And blue?"), ("assistant", "Also.")]
    (chat,) = store.chats.list()
    turns = store.chats.turns(chat.id)
    assert turns[-1].reply_to == turns[-2].id
    assert store.imports.run(tmp_path / "june.json").known == 1


def test_a_chat_that_was_shown_on_another_branch_is_another_chat(store: Store, tmp_path: Path) -> None:
    store.imports.run(write(tmp_path / "one.json", [chatgpt()]))
    assert store.imports.run(write(tmp_path / "two.json", [chatgpt(current_node="a1")])).chats == 1
    assert len(store.chats.list()) == 2


def test_a_deleted_chat_leaves_no_trace_and_comes_back_when_imported_again(
    store: Store, tmp_path: Path
) -> None:
    file = write(tmp_path / "conversations.json", [chatgpt()])
    store.imports.run(file)
    store.chats.delete(store.chats.list()[0].id)
    with closing(sqlite3.connect(store.paths.database)) as db:
        assert db.execute("SELECT count(*) FROM imported_chats").fetchone() == (0,)
    assert store.imports.run(file).chats == 1


def test_without_a_current_node_the_youngest_branch_is_read(store: Store, tmp_path: Path) -> None:
    document = chatgpt(current_node=None)
    document["mapping"]["a1"]["message"]["create_time"] = 1.8e9
    store.imports.run(write(tmp_path / "conversations.json", [document]))
    assert texts(store) == [("user", "What is green?"), ("assistant", "A fruit.")]


def test_a_tree_that_bites_its_tail_ends(store: Store, tmp_path: Path) -> None:
    document = chatgpt()
    document["mapping"]["u1"]["parent"] = "a3"
    assert store.imports.run(write(tmp_path / "conversations.json", [document])).chats == 1


def test_chatgpt_comes_in_an_archive_and_may_be_in_parts(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations-000.json", json.dumps([chatgpt()]))
        archive.writestr("conversations-001.json", json.dumps([chatgpt("c2")]))
    assert store.imports.run(file).chats == 2
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("user.json", "{}")
    with pytest.raises(UsageError, match=r"holds no conversations\.json"):
        store.imports.run(empty)


def open_webui(number: str = "w1") -> dict[str, Any]:
    rows = [
        {"id": "1", "parentId": None, "childrenIds": ["2", "3"], "role": "user", "content": "Tea?"},
        {"id": "2", "parentId": "1", "childrenIds": [], "role": "assistant", "content": "No."},
        {"id": "3", "parentId": "1", "childrenIds": [], "role": "assistant", "content": "Yes."},
    ]
    history = {"messages": {row["id"]: row for row in rows}, "currentId": "3"}
    return {
        "id": number,
        "title": "Tea",
        "created_at": 1_700_000_000,
        "chat": {"title": "Tea", "history": history, "messages": [rows[0], rows[2]], "timestamp": 1.7e12},
    }


def test_open_webui_gives_its_current_branch(store: Store, tmp_path: Path) -> None:
    summary = store.imports.run(write(tmp_path / "chat-export.json", [open_webui()]))
    assert (summary.format, summary.chats, summary.left_out) == ("open-webui", 1, {"in other branches": 1})
    assert texts(store) == [("user", "Tea?"), ("assistant", "Yes.")]
    assert store.chats.list()[0].created.startswith("2023-11-14")


def test_open_webui_without_a_tree_gives_its_list(store: Store, tmp_path: Path) -> None:
    document = open_webui()
    del document["chat"]["history"]
    del document["created_at"]
    assert store.imports.run(write(tmp_path / "chat-export.json", [document])).chats == 1
    assert store.chats.list()[0].created.startswith("2023-11-14")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A log database in the older form of llm: one conversation of two responses, one response alone."""
    file = tmp_path / "logs.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT)")
        db.execute(
            "CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT,"
            " response TEXT, conversation_id TEXT, datetime_utc TEXT)"
        )
        db.execute("INSERT INTO conversations VALUES ('c', 'Colours', 'm')")
        rows = [
            ("1", "What is green?", "Be brief.", "A colour.", "c", "2023-01-01T10:00:00"),
            ("2", "And red?", "Be brief.", "A colour too.", "c", "2023-01-01T10:01:00"),
            ("3", "Alone?", None, "Yes.", None, "2023-02-01T10:00:00"),
        ]
        db.executemany("INSERT INTO responses VALUES (?, 'm', ?, ?, ?, ?, ?)", rows)
        db.commit()
    return file


def test_logs_of_llm_give_a_chat_for_each_conversation(store: Store, logs: Path) -> None:
    before = logs.read_bytes()
    summary = store.imports.run(logs)
    assert (summary.format, summary.chats, summary.turns) == ("llm", 2, 7)
    lone, colours = sorted(store.chats.list(), key=lambda chat: chat.title)
    assert [turn.content for turn in store.chats.turns(lone.id)] == ["Alone?", "Yes."]
    assert [turn.content for turn in store.chats.turns(colours.id)] == [
        "Be brief.",
        *(text for _, text in COLOURS),
    ]
    assert colours.created.startswith("2023-01-01T10:00")
    assert store.imports.run(logs).known == 2
    assert logs.read_bytes() == before


def test_logs_of_a_present_llm_are_read_by_its_own_schema(store: Store, tmp_path: Path) -> None:
    """The installed program makes the tables, so that the test fails when it changes them."""
    import sqlite_utils
    from llm.migrations import migrate

    file = tmp_path / "logs.db"
    db = sqlite_utils.Database(file)
    migrate(db)
    chain = [("m1", None, "user", "What is green?"), ("m2", "m1", "assistant", "A colour.")]
    for number, parent, role, text in chain:
        db["messages"].insert({"hash": number, "parent_hash": parent, "role": role})
        db["parts"].insert({"message_hash": number, "position": 0, "type": "text", "text": text})
    db["parts"].insert({"message_hash": "m2", "position": 1, "type": "reasoning", "text": "hmm"})
    db["threads"].insert(
        {"id": "t1", "name": "Colours", "tip_message_hash": "m2", "datetime_utc": "2026-01-01T00:00:00"}
    )
    db.close()
    assert store.imports.run(file).chats == 1
    assert texts(store) == COLOURS[:2]


def test_an_array_in_the_openai_shape_is_read(store: Store, tmp_path: Path) -> None:
    chats = [{"messages": [{"role": "user", "content": f"Q{n}"}]} for n in range(3)]
    summary = store.imports.run(write(tmp_path / "chats.json", [*chats, {"messages": []}]))
    assert (summary.format, summary.chats, summary.skipped) == ("json", 3, 1)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"messages": []}\n{"messages": []}', "jsonl"),
        ('{"messages": [{"role": "user", "content": "' + "x" * 100_000 + '"}]}', "jsonl"),
        ('{\n "messages": []\n}', "json"),
        ('\ufeff[{"messages": []}]', "json"),
        ("[]", "json"),
        ('[{"mapping": {}}]', "chatgpt"),
        ('{"mapping": {}}', "chatgpt"),
        ('[{"chat": {"messages": []}}]', "open-webui"),
        ("nonsense", "jsonl"),
        ("", "jsonl"),
    ],
)
def test_the_format_is_told_from_the_file(tmp_path: Path, text: str, kind: str) -> None:
    file = tmp_path / "file"
    file.write_text(text, encoding="utf-8")
    assert detect(file) == kind


def test_a_database_of_another_program_is_refused(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE things (id)")
    with pytest.raises(UsageError, match="not that of the program llm"):
        store.imports.run(file)
    with pytest.raises(UsageError, match="not that of the program llm"):
        broken = tmp_path / "broken.db"
        broken.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        store.imports.run(broken)


def test_what_comes_before_damage_is_taken(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path / "conversations.json", [chatgpt(), chatgpt("c2")])
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(UsageError, match="chats before that were taken"):
        store.imports.run(file)
    assert len(store.chats.list()) == 1


def test_an_interrupted_import_stays_and_the_next_one_adds_the_rest(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.store.importing.BATCH_LINES", 2)
    file = write(tmp_path / "conversations.json", [chatgpt(f"c{n}") for n in range(5)])
    cancel = threading.Event()
    with pytest.raises(Cancelled, match="Stopped after 8 turns"):
        store.imports.run(file, on_progress=lambda _: cancel.set(), cancel=cancel)
    summary = store.imports.run(file)
    assert (summary.chats, summary.known) == (3, 2)


def test_memory_does_not_grow_with_the_export(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.store.importing.BATCH_LINES", 20)
    monkeypatch.setattr("assistant.store.foreign.json_stream.READ_BYTES", 1 << 14)
    peaks = []
    for count in (100, 800):
        file = write(tmp_path / f"{count}.json", [chatgpt(f"{count}-{n}") for n in range(count)])
        tracemalloc.start()
        store.imports.run(file)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
