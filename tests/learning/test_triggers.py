"""When tuning starts by itself, and what it will cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store
from assistant.store.records import Pair, Version
from assistant.triggers import Situation, TuningRule, wait_for
from assistant.tui.tuning_schedule import TuningSchedule
from assistant.tuning_cost import estimate, new_pairs

READY = Situation(
    is_learning_on=True, is_replying=False, is_tuning=False, new_pairs=10, quiet_s=3600.0, on_mains=True
)
AFTER_TEN = TuningRule("after-pairs", after_pairs=10)
IDLE = TuningRule("idle", idle_s=600.0)


@pytest.mark.parametrize("rule", [AFTER_TEN, IDLE])
def test_a_rule_starts_tuning_when_everything_is_so(rule: TuningRule) -> None:
    assert wait_for(rule, READY) == ""


def test_by_default_only_the_owner_starts_it() -> None:
    assert wait_for(TuningRule(), READY) == "you start it"
    assert Settings().tune_when == "by-hand"


@pytest.mark.parametrize("rule", [AFTER_TEN, IDLE])
@pytest.mark.parametrize(
    ("change", "waits"),
    [
        ({"is_learning_on": False}, "learning is off"),
        ({"is_replying": True}, "a reply is being written"),
        ({"is_tuning": True}, "a run is going on"),
        ({"on_mains": False}, "the machine runs on its battery"),
        ({"new_pairs": 0}, "more new pair"),
        ({"quiet_s": 5.0}, "s without typing"),
    ],
)
def test_what_keeps_tuning_from_starting(rule: TuningRule, change: dict[str, object], waits: str) -> None:
    assert waits in wait_for(rule, replace(READY, **change))  # type: ignore[arg-type]


def test_a_battery_may_be_allowed_and_a_machine_without_one_is_on_mains() -> None:
    assert wait_for(replace(IDLE, on_battery=True), replace(READY, on_mains=False)) == ""
    assert wait_for(IDLE, replace(READY, on_mains=None)) == ""


def test_after_pairs_counts_new_ones_and_idle_needs_a_single_one() -> None:
    assert wait_for(AFTER_TEN, replace(READY, new_pairs=9)) == "1 more new pair"
    assert wait_for(IDLE, replace(READY, new_pairs=1)) == ""


def pair(number: int) -> Pair:
    return Pair(number, "Q?", "A.", "added", None, "active", "", 1.0, ())


def version(number: int, *pair_ids: int, state: str = "active", **seconds: float) -> Version:
    return Version(
        f"v{number:04d}", None, "personal", state, 1.0, "layer-chain", "0", "f", pair_ids=pair_ids,
        report={"seconds": seconds},
    )  # fmt: skip


def test_a_pair_that_a_failed_draft_was_trained_on_is_not_new() -> None:
    assert new_pairs([version(1, 1, state="draft")], [pair(1), pair(2)]) == {2}


def test_the_cost_is_told_from_the_last_run_of_the_same_method() -> None:
    history = [
        version(1, 1, synthesise=9.0),
        version(2, 1, 2, load=1.0, synthesise=10.0, guards=60.0, tune=20.0, gate=2.0),
    ]
    cost = estimate(history, [pair(1), pair(2), pair(3), pair(4)], "layer-chain")
    assert cost is not None
    assert (cost.version_id, cost.pairs, cost.fresh) == ("v0002", 4, 2)
    assert cost.seconds == {"load": 1.0, "synthesise": 20.0, "guards": 0.0, "tune": 40.0, "gate": 4.0}
    assert "about 65 s, as v0002 took" in cost.sentence()


def test_without_a_run_nothing_is_promised() -> None:
    assert estimate([], [pair(1)], "layer-chain") is None
    assert estimate([version(1, 1, tune=1.0)], [pair(1)], "zeroth-order") is None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Services:
    """What the schedule looks at."""

    store: Store
    settings: Settings


@pytest.mark.parametrize("is_replying", [False, True])
def test_the_schedule_waits_for_idleness_and_a_reply_is_none(paths: Paths, is_replying: bool) -> None:
    clock, started = Clock(), []
    with Store.open(paths) as store:
        store.pairs.add("Q?", "A.", source="added")
        schedule = TuningSchedule(
            Services(store, Settings(tune_when="idle", tune_idle_minutes=1)),  # type: ignore[arg-type]
            start=lambda: started.append(1),
            is_replying=lambda: is_replying,
            is_tuning=lambda: False,
            clock=clock,
            mains=lambda: None,
        )
        clock.now = 59.0
        assert schedule.look()
        assert started == []
        clock.now = 61.0
        schedule.look()
        assert started == ([] if is_replying else [1])
        clock.now = 999.0
        schedule.look()  # cancelled or failed: not again before there is something new
        assert started == ([] if is_replying else [1])
