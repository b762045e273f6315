"""Forgetting takes everything that depends on a choice, from every file, also when it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.errors import UsageError
from assistant.paths import Paths
from assistant.store import NewWording, Scope, Store, Version
from assistant.store.scopes import holds_word, span

SECRET = "zyxquartz"


def holding(home: Path, word: str = SECRET) -> set[str]:
    """Files with the word in them. The index of words drops what a word shares with its neighbour."""
    telling = word[3:].encode()
    return {file.name for file in home.rglob("*") if file.is_file() and telling in file.read_bytes().lower()}


def add_version(store: Store, *pair_ids: int, state: str = "draft", base: str = "0" * 64) -> str:
    number = store.versions.next_id()
    file = store.paths.ensure().adapters / f"{number}.gguf"
    file.write_bytes(f"adapter of {SECRET if 1 in pair_ids else 'harmless'}".encode())
    version = Version(number, None, "personal", state, 1.0, "m", base, file.name, pair_ids=pair_ids)
    return store.versions.add(version).id


def fill(store: Store) -> tuple[int, int]:
    """A chat whose secret reaches every table and many files; returns its prompt and reply."""
    chat = store.chats.create(f"My dog {SECRET}")
    prompt = store.chats.add_turn(chat.id, "user", f"My dog {SECRET} is old. " + "word " * 3000)
    reply = store.chats.add_turn(chat.id, "assistant", "How nice!", reply_to=prompt.id)
    store.chats.add_turn(chat.id, "user", "And what is a cell?")
    store.marks.add(reply.id, "edit", f"{SECRET} is a good dog.")
    pair = store.pairs.add("What is my dog called?", f"{SECRET}.", source="edit", turn_id=reply.id)
    store.pairs.replace_wordings(pair.id, [NewWording(f"The dog {SECRET}?", "model")])
    store.pairs.add_reject(pair.id, f"{SECRET}?", "copy")
    store.questions.add(reply.id, place="review", outcome="fine")
    store.questions.remember_vector(reply.id, "e", SECRET.encode())
    store.db["selection_items"].insert({"turn_id": reply.id, "text": f"{SECRET} vector"}, pk="turn_id")
    store.paths.index.write_bytes(f"vectors {SECRET}".encode())
    (store.paths.home / "guards-00.json").write_text(f'{{"system_prompt": "My dog {SECRET} is old. word"}}')
    (store.paths.home / "assistant.db.old").write_text(f"copy of {SECRET}")
    (store.paths.ensure().adapters / "v0099.gguf").write_text(f"left by a crash: {SECRET}")
    store.pairs.add("Which tea do I like?", "Green tea.", source="added")
    return prompt.id, reply.id


def test_a_preview_names_everything_that_depends_on_it_and_changes_nothing(store: Store) -> None:
    prompt, reply = fill(store)
    add_version(store, 2, state="active")
    tainted = add_version(store, 1, 2, state="active")
    preview = store.forgettings.preview(Scope(turns=(prompt,)))
    assert (preview.turn_ids, preview.pair_ids) == ((prompt, reply), (1,))
    counted = (preview.marks, preview.wordings, preview.rejects, preview.questions, preview.vectors)
    assert counted == (1, 1, 1, 1, 1)
    assert (preview.buffer, preview.titles, preview.chats) == (1, 1, 0)
    assert (preview.versions, preview.in_force) == ((tainted,), (tainted,))
    assert preview.instead == {"personal": "v0001"}
    assert "adapters/v0099.gguf" in preview.files
    assert SECRET not in json.dumps(preview.counts())
    assert len(store.chats.turns(1)) == 3
    assert "assistant.db" in holding(store.paths.home) | {"assistant.db"}


@pytest.mark.parametrize("scope", [Scope(turns=(1,)), Scope(chats=(1,)), Scope(word=SECRET.upper())])
def test_forgotten_means_no_file_holds_the_bytes(store: Store, scope: Scope) -> None:
    fill(store)
    add_version(store, 2, state="active")
    add_version(store, 1, 2, state="active")
    assert holding(store.paths.home)
    _, forgetting = store.forgettings.erase(scope)
    assert holding(store.paths.home) == set()
    assert store.check() == []
    assert forgetting.state == "erased"
    assert forgetting.receipt["still_found_in"] == []
    assert [pair.question for pair in store.pairs.list(None)] == ["Which tea do I like?"]
    assert [version.id for version in store.versions.list()] == ["v0001"]
    assert store.chats.search("dog") == []


def test_the_receipt_is_a_private_file_of_numbers(store: Store) -> None:
    fill(store)
    _, forgetting = store.forgettings.erase(Scope(word=SECRET))
    file = store.paths.receipts / "forget-0001.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["receipt"]["pairs"] == 1
    noted = store.forgettings.note(forgetting.id, done=True, outcome="base model")
    assert (noted.state, noted.receipt["outcome"]) == ("done", "base model")
    assert json.loads(file.read_text())["state"] == "done"
    assert store.forgettings.list() == [noted]


def test_a_reply_can_be_forgotten_alone(store: Store) -> None:
    prompt, reply = fill(store)
    store.forgettings.erase(Scope(turns=(reply,)))
    assert [turn.id for turn in store.chats.turns(1)] == [prompt, 3]
    assert store.chats.get(1).title == f"My dog {SECRET}"


def test_a_word_is_found_whole_in_any_case_and_in_pairs_without_a_chat(store: Store) -> None:
    chat = store.chats.create("Plans")
    for text in ("planning", "I met ANN.", "annual", "Ann's cat"):
        store.chats.add_turn(chat.id, "user", text)
    store.pairs.add("Who is my aunt?", "Ann.", source="added")
    preview = store.forgettings.preview(Scope(word="ann"))
    assert (preview.turn_ids, preview.pair_ids) == ((2, 4), (1,))


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("größe", "GRÖSSE", True),
        ("New York", "new\n york!", True),
        ("C++", "I like C++.", True),
        ("a", "cat", False),
    ],
)
def test_what_counts_as_the_same_word(word: str, text: str, found: bool) -> None:
    assert holds_word(word)(text) is found


def test_dates_are_days_of_the_owners_calendar_both_included(store: Store) -> None:
    fill(store)
    assert store.forgettings.preview(span("2001-01-01", "2001-12-31")).turns == 0
    everything = store.forgettings.preview(span("2001-01-01", ""))
    assert (everything.turns, everything.pairs, everything.chats) == (3, 2, 1)
    for since, until in (("tomorrow", ""), ("2031-01-02", "2031-01-01")):
        with pytest.raises(UsageError):
            span(since, until)


def test_a_version_of_a_pair_that_was_deleted_before_is_not_called_clean(store: Store) -> None:
    prompt, _ = fill(store)
    unsure = add_version(store, 2, 3, state="active")
    assert store.forgettings.preview(Scope(turns=(prompt,))).unsure == (unsure,)
    later = store.chats.add_turn(1, "user", "Said after that version was made.")
    assert store.forgettings.preview(Scope(turns=(later.id,))).versions == ()


def test_a_switched_off_pair_does_not_come_back_with_an_older_version(store: Store) -> None:
    fill(store)
    add_version(store, 2, state="active")
    add_version(store, 1, 2, state="active")
    store.pairs.set_state(2, "off")
    assert store.forgettings.preview(Scope(chats=(1,))).instead == {"personal": None}
    store.forgettings.erase(Scope(chats=(1,)))
    assert store.versions.active() is None


def test_files_of_the_owner_are_told_and_left_alone(store: Store) -> None:
    fill(store)
    store.paths.settings.write_text(f'system_prompt = "My dog is {SECRET}."')
    preview, forgetting = store.forgettings.erase(Scope(word=SECRET))
    assert preview.kept_files == ("settings.toml",)
    assert forgetting.receipt["still_found_in"] == ["settings.toml"]


@pytest.mark.parametrize(
    "scope",
    [Scope(), Scope(turns=(1,), word="x"), Scope(turns=(99,)), Scope(chats=(9,)), Scope(word="nowhere")],
)
def test_a_scope_that_means_nothing_is_an_error_and_changes_nothing(store: Store, scope: Scope) -> None:
    fill(store)
    with pytest.raises(UsageError):
        store.forgettings.erase(scope)
    assert len(store.chats.turns(1)) == 3


# The process dies at the named place, as if its power was cut.
KILLED = """
import os, signal, sys
from assistant.paths import default_paths
from assistant.store import Scope, Store
from assistant.store.database import Session
from assistant.store.forgetting import Forgettings

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

store = Store.open(default_paths())
place = sys.argv[1]
if place == "before the files":
    Forgettings._clean = die
elif place == "before the scrub":
    Session.scrub = die
elif place == "before the log is emptied":
    Session.empty_log = die
else:
    Forgettings._write_receipt = die
store.forgettings.erase(Scope(word="zyxquartz"))
"""


@pytest.mark.parametrize(
    "place", ["before the files", "before the scrub", "before the log is emptied", "before the receipt"]
)
def test_a_killed_forgetting_is_completed_at_the_next_start(paths: Paths, place: str) -> None:
    with Store.open(paths) as store:
        fill(store)
        add_version(store, 1, 2, state="active")
        store.forgettings.erase(Scope(turns=(3,)))  # a former one, which is complete
    killed = subprocess.run([sys.executable, "-c", KILLED, place], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    with Store.open(paths) as store:
        assert store.completed == ([] if place == "before the receipt" else [2])
        assert holding(paths.home) == set()
        assert store.forgettings.get(2).state == "erased"
        assert store.pairs.list(None)[0].answer == "Green tea."
        assert store.versions.list() == []


def test_federated_rounds_are_counted_by_whoever_keeps_them(store: Store) -> None:
    fill(store)
    store.forgettings.rounds_of = lambda pair_ids: 4 if 1 in pair_ids else 0
    assert store.forgettings.preview(Scope(turns=(1,))).rounds == 4


def test_the_journal_holds_no_text(store: Store) -> None:
    fill(store)
    store.forgettings.erase(Scope(word=SECRET))
    rows = json.dumps([dict(row) for row in store.db["forgettings"].rows])
    assert "dog" not in rows
    assert SECRET not in rows
