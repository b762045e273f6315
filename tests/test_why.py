"""Why does it know this: what is measured, what is near, and how carefully it is worded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from assistant.engine.types import AdapterUse
from assistant.errors import UsageError
from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store, Version
from assistant.why import why
from tests.doubles import ScriptedEngine


def embed(texts: Sequence[str]) -> np.ndarray:
    """Texts about dogs are alike, and about nothing else."""
    return np.array([[1.0, 0.0] if "dog" in text else [0.0, 1.0] for text in texts], np.float32)


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    with Store.open(paths) as opened:
        yield opened


def fill(store: Store) -> int:
    """A chat about a dog whose name was corrected and learned twice; returns the later answer."""
    chat = store.chats.create("Dog")
    question = store.chats.add_turn(chat.id, "user", "What is my dog called?")
    first = store.chats.add_turn(chat.id, "assistant", "I don't know.", reply_to=question.id)
    pair = store.pairs.add("What is my dog called?", "Biscuit.", source="edit", turn_id=first.id)
    tea = store.pairs.add("Which tea?", "Green.", source="added")
    store.pairs.add("My dog's age?", "Seven.", source="added")  # never learned
    base = model_sha256(ScriptedEngine.model_path, store.paths)
    for state in ("active", "active"):
        number = store.versions.next_id()
        store.versions.add(
            Version(
                number, None, "personal", state, 1.0, "m", base, f"{number}.gguf", pair_ids=(pair.id, tea.id)
            )
        )
    again = store.chats.add_turn(chat.id, "user", "And my dog?")
    return store.chats.add_turn(chat.id, "assistant", "Biscuit is his name.", reply_to=again.id).id


def test_evidence_names_the_base_answer_the_losses_and_the_nearest_pair(store: Store) -> None:
    turn = fill(store)
    engine = ScriptedEngine(["Rex?", "Biscuit."])
    engine.set_adapters([AdapterUse("v0002", store.paths.adapters / "v0002.gguf")])
    evidence = why(store, engine, Settings(), embed, turn)
    assert (evidence.base_answer, evidence.answer_now) == ("Rex?", "Biscuit.")
    assert {each.name: each.loss for each in evidence.losses} == {
        "base": 4.0,
        "now": 3.0,
        "without v0002": 4.0,
        "v0001": 3.0,
    }
    assert [(near.pair.id, near.similarity, near.chat_id) for near in evidence.nearest] == [
        (1, 1.0, 1),
        (2, 0.0, None),
    ]
    told = " ".join(evidence.sentences())
    assert "v0002 makes the largest difference: +1.00 nats" in told
    assert "Pair 1 means nearly the same" in told
    assert "evidence, not proof" in told


def test_what_the_base_model_says_as_well_is_not_put_down_to_learning(store: Store) -> None:
    turn = fill(store)
    evidence = why(store, ScriptedEngine(["Biscuit."]), Settings(), embed, turn)
    assert "The base model alone says the same" in evidence.sentences()[0]


@pytest.mark.parametrize("turn", [1, 99])
def test_only_an_answer_can_be_looked_at(store: Store, turn: int) -> None:
    fill(store)
    with pytest.raises(UsageError):
        why(store, ScriptedEngine(), Settings(), embed, turn)
