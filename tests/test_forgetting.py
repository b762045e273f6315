"""Forgetting as the owner runs it: what answers afterwards, and what the receipt says."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.engine.types import AdapterUse
from assistant.errors import ModelError, UsageError
from assistant.forgetting import Forgetter, forget_without_model
from assistant.forgetting_words import preview_rows, receipt_sentences
from assistant.learning_report import LearnReport
from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Scope, Store, Version
from assistant.versions import VersionControl
from tests.doubles import ScriptedEngine


class MeasuringEngine(ScriptedEngine):
    """The double together with a model file."""

    def __init__(self, model_path: Path) -> None:
        super().__init__()
        self.model_path = model_path


class Relearner:
    """Learns what is active in no time, or fails as told."""

    def __init__(self, store: Store, versions: VersionControl, base: str, *, error: Exception | None = None):
        self.store, self.versions, self.base, self.error = store, versions, base, error
        self.is_busy = False

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        if self.is_busy:
            raise UsageError("A learning run is already going on.")
        yield

    def learn_now(
        self, method: str | None, on_progress: Callable[[Any], None], cancel: threading.Event
    ) -> LearnReport:
        if self.error is not None:
            raise self.error
        learned = learn(self.store, self.base)
        return LearnReport(learned, "active", "", reasons=("Held-out wordings: loss 3.00 → 0.20.",))


def learn(store: Store, base: str) -> str:
    """A version of all active pairs, in force."""
    number = store.versions.next_id()
    (store.paths.ensure().adapters / f"{number}.gguf").write_bytes(b"GGUF")
    pairs = tuple(pair.id for pair in store.pairs.list("active"))
    store.versions.add(
        Version(number, None, "personal", "active", 1.0, "m", base, f"{number}.gguf", pair_ids=pairs)
    )
    return number


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    with Store.open(paths) as opened:
        yield opened


@pytest.fixture
def engine(tmp_path: Path) -> MeasuringEngine:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF model")
    return MeasuringEngine(model)


@pytest.fixture
def base(engine: MeasuringEngine, paths: Paths) -> str:
    return model_sha256(engine.model_path, paths)


def fail(uses: Sequence[AdapterUse]) -> None:
    raise ModelError("No memory.")


def forgetter(
    store: Store, engine: MeasuringEngine, base: str, *, error: Exception | None = None
) -> tuple[Forgetter, Relearner]:
    control = VersionControl(store, engine, store.paths)  # type: ignore[arg-type]
    control.apply()
    relearner = Relearner(store, control, base, error=error)
    return Forgetter(store, engine, Settings(), relearner), relearner  # type: ignore[arg-type]


def test_what_is_left_is_learned_anew_and_the_receipt_measures_both(
    store: Store, engine: MeasuringEngine, base: str
) -> None:
    store.pairs.add("My dog?", "Biscuit.", source="added")
    store.pairs.add("My tea?", "Green.", source="added")
    learn(store, base)
    forget, _ = forgetter(store, engine, base)
    forgetting = forget.forget(Scope(word="Biscuit"))
    assert forgetting.receipt["outcome"] == "base model"
    assert forget.wants_relearning(forgetting)
    forget.relearn(forgetting)
    forgetting = store.forgettings.get(forgetting.id)
    receipt = forgetting.receipt
    assert forgetting.state == "done"
    assert (receipt["outcome"], receipt["version"]) == ("relearned", "v0002")
    assert [use.version for use in engine.adapters] == []  # the double's learner switches nothing on
    assert receipt["recall"]["loss_before"] == pytest.approx(3.0)
    assert receipt["recall"]["loss_after"] == receipt["recall"]["loss_of_base_model"] == pytest.approx(4.0)
    told = " ".join(receipt_sentences(receipt))
    assert "v0002 answers now" in told
    assert "3.00 → 4.00" in told
    assert "no trace left" in told
    assert "Biscuit" not in json.dumps(receipt) + told


def test_an_older_version_that_never_saw_it_answers_when_nothing_is_learned_anew(
    store: Store, engine: MeasuringEngine, base: str
) -> None:
    store.pairs.add("My tea?", "Green.", source="added")
    clean = learn(store, base)
    store.pairs.add("My dog?", "Biscuit.", source="added")
    learn(store, base)
    forget, _ = forgetter(store, engine, base)
    forgetting = forget.forget(Scope(word="Biscuit"))
    receipt = forgetting.receipt
    assert not forget.wants_relearning(forgetting)  # it has learned all that is left
    assert (receipt["outcome"], receipt["version"]) == ("fell back", clean)
    assert [use.version for use in engine.adapters] == [clean]


def test_a_problem_with_the_model_keeps_nothing_from_being_erased(
    store: Store, engine: MeasuringEngine, base: str
) -> None:
    store.pairs.add("My dog?", "Biscuit.", source="added")
    store.pairs.add("My tea?", "Green.", source="added")
    learn(store, base)
    forget, _ = forgetter(store, engine, base, error=ModelError("No memory."))
    engine.set_adapters = fail  # type: ignore[method-assign]
    forgetting = forget.forget(Scope(word="Biscuit"))
    assert forgetting.receipt["outcome"] == "base model"
    assert forgetting.receipt["problems"] == ["No memory."]
    with pytest.raises(ModelError):
        forget.relearn(forgetting)
    assert [pair.answer for pair in store.pairs.list(None)] == ["Green."]


def test_nothing_is_forgotten_while_a_run_of_learning_goes_on(
    store: Store, engine: MeasuringEngine, base: str
) -> None:
    store.pairs.add("My dog?", "Biscuit.", source="added")
    forget, relearner = forgetter(store, engine, base)
    relearner.is_busy = True
    with pytest.raises(UsageError):
        forget.forget(Scope(word="Biscuit"))
    assert len(store.pairs.list()) == 1


def test_a_version_that_never_saw_it_stays_in_force(store: Store, engine: MeasuringEngine, base: str) -> None:
    store.pairs.add("My tea?", "Green.", source="added")
    clean = learn(store, base)
    chat = store.chats.create("Chat")
    turn = store.chats.add_turn(chat.id, "user", "Nobody should read this sentence.")
    assert preview_rows(store.forgettings.preview(Scope(turns=(turn.id,))))[0] == ("messages", "1 message")
    receipt = forget_without_model(store, Scope(turns=(turn.id,))).receipt
    assert receipt["outcome"] == "unchanged"
    active = store.versions.active()
    assert active is not None
    assert active.id == clean
