"""Selection over an imported log: every exchange once, in order, whatever interrupts it."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from assistant.errors import Cancelled, SettingsError
from assistant.noticing import Notice
from assistant.paths import Paths
from assistant.scanning import ScanProgress, scan
from assistant.selecting import open_buffer, view_buffer
from assistant.settings import Settings
from assistant.store import Store
from selection.embedding import Embedded
from tests.selection.turns import DIM


class HashedEmbedder:
    """Vectors that depend on nothing but the text."""

    name = "hashed"

    def embed(self, text: str) -> Embedded:
        rng = np.random.Generator(np.random.Philox(key=sum(text.encode())))
        tokens = rng.standard_normal((len(text.split()), DIM)).astype(np.float32)
        sentence = tokens.sum(axis=0)
        return Embedded(sentence / np.linalg.norm(sentence), tokens)

    def embed_many(self, texts) -> list[Embedded]:
        return [self.embed(text) for text in texts]


def log(count: int) -> list[str]:
    lines = []
    for number in range(count):
        question = f"question {number} about {['dogs', 'bread', 'trains'][number % 3]} " + "and " * (
            number % 7
        )
        answer = "word " * (number % 11 + 1) + str(number)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"messages": messages}))
    return lines


@pytest.fixture
def store(paths: Paths):
    with Store.open(paths) as opened:
        yield opened


@pytest.fixture
def settings() -> Settings:
    return Settings(buffer_size=16, selection_policy="diverse")


def test_a_log_is_scanned_once(store, settings):
    store.chats.import_jsonl(log(100))
    seen: list[ScanProgress] = []
    buffer = open_buffer(store, settings)
    report = scan(store, buffer, HashedEmbedder(), on_progress=seen.append, batch_exchanges=30)
    assert (report.considered, report.held, report.kept, report.known) == (100, 16, 16, 0)
    assert report.kept + report.replaced + report.dropped == 100
    assert [(each.done, each.total) for each in seen] == [(30, 100), (60, 100), (90, 100), (100, 100)]
    assert store.paths.index.exists()
    assert scan(store, buffer, HashedEmbedder()).considered == 0
    store.chats.import_jsonl(log(5))
    assert scan(store, open_buffer(store, settings), HashedEmbedder()).considered == 5


def test_a_stopped_scan_goes_on_and_ends_with_the_same_choice(paths, settings, tmp_path):
    kept = []
    for home, stops in ((paths.home, 3), (tmp_path / "other", 0)):
        with Store.open(Paths(home)) as store:
            store.chats.import_jsonl(log(200))
            for _ in range(stops):
                cancel = threading.Event()
                buffer = open_buffer(store, settings)
                with pytest.raises(Cancelled, match="what was chosen stays"):
                    scan(
                        store,
                        buffer,
                        HashedEmbedder(),
                        on_progress=lambda _, cancel=cancel: cancel.set(),
                        cancel=cancel,
                        batch_exchanges=20,
                    )
            scan(store, open_buffer(store, settings), HashedEmbedder())
            kept.append(open_buffer(store, settings).items())
    assert kept[0] == kept[1]


def test_what_the_chat_had_looked_at_is_not_looked_at_again(store, settings):
    buffer = open_buffer(store, settings)
    notice = Notice(store, HashedEmbedder, buffer)
    chat = store.chats.create("talk")
    user = store.chats.add_turn(chat.id, "user", "my dog barks")
    notice.after_turn(user, store.chats.add_turn(chat.id, "assistant", "It does.", reply_to=user.id))
    assert notice.close()
    store.chats.import_jsonl(log(10))
    report = scan(store, buffer, HashedEmbedder())
    assert (report.considered, report.known, report.held) == (10, 1, 11)


def test_private_and_marked_exchanges_are_never_kept(store, settings):
    store.chats.import_jsonl(log(12))
    private, marked, deleted = (chat.id for chat in store.chats.list()[:3])
    store.chats.set_learn(private, False)
    replies = {chat: store.chats.turns(chat)[1].id for chat in (private, marked, deleted)}
    store.marks.add(replies[marked], "skip")
    buffer = open_buffer(store, settings)
    assert scan(store, buffer, HashedEmbedder()).considered == 10
    store.chats.delete(deleted)
    assert not {item.turn_id for item in buffer.items()} & set(replies.values())
    assert len(buffer.items()) == 9


def test_what_is_marked_or_made_private_after_the_fact_leaves(store, settings):
    store.chats.import_jsonl(log(4))
    buffer = open_buffer(store, settings)
    scan(store, buffer, HashedEmbedder())
    first, second, third, fourth = (item.turn_id for item in buffer.items())
    store.chats.set_learn(store.chats.turn(first).chat_id, False)
    store.marks.add(second, "skip")
    store.chats.delete_turn(third)
    assert [item.turn_id for item in view_buffer(store, settings).items()] == [fourth]
    assert [item.turn_id for item in buffer.items()] == [fourth]
    # Nor does it come back with the next scan.
    assert scan(store, buffer, HashedEmbedder()).considered == 0


def test_kept_turns_follow_a_change_of_embedding_model(store, settings):
    store.chats.import_jsonl(log(4))
    buffer = open_buffer(store, settings)
    scan(store, buffer, HashedEmbedder())
    store.chats.import_jsonl(log(4))
    other = HashedEmbedder()
    other.name = "other"
    assert scan(store, buffer, other).held == 8
    assert buffer.embedders() == {"other"}


def test_owners_word_lists_count_and_a_bad_one_is_a_settings_error(store, settings):
    store.paths.lexicons.mkdir()
    (store.paths.lexicons / "numbers.txt").write_text("# domain: numbers\nquestion word\n", encoding="utf-8")
    store.chats.import_jsonl(log(4))
    buffer = open_buffer(store, settings)
    scan(store, buffer, HashedEmbedder())
    assert {item.domain for item in buffer.items()} == {"numbers"}
    (store.paths.lexicons / "numbers.txt").write_text("# domain: numbers\n\none 2\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"lexicons/numbers\.txt, line 3: “2” can never match") as caught:
        open_buffer(store, settings)
    assert caught.value.exit_code == 3
    assert "docs/lexicons.md" in caught.value.hint
