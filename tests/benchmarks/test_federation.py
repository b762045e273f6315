"""The federation benchmark: every method learns on a tiny model, and the page shows what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from benchmarks import federation_page
from benchmarks.federation_data import Split
from benchmarks.federation_lab import Lab, Setting
from benchmarks.federation_runs import METHODS, Entry, measured, robustness, scale
from tests.tuning.conftest import make_features as make_features
from tests.tuning.conftest import tiny as tiny
from tests.tuning.conftest import tiny_path as tiny_path
from tuning.answer_features import AnswerFeatures
from tuning.weights import Weights


@pytest.fixture(scope="session")
def lab(tiny: Weights, make_features: Callable[[int], AnswerFeatures]) -> Lab:
    """Four devices with random pairs; what is held out are the pairs of two of them."""
    devices = [make_features(seed) for seed in range(4)]
    return Lab(Split(devices, devices[0], devices[0]), tiny, rank=6)


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_every_method_learns_and_is_charged(lab: Lab, entry: Entry) -> None:
    for rate in sorted(entry.rates, reverse=True):
        outcome = measured(lab, entry, Setting(16, 4, rate))
        if outcome.gain > 0.0:
            break
    assert outcome.gain > 0.0
    assert outcome.device_ms > 0
    assert len(outcome.curve) == 8


def test_ours_sends_few_bytes(lab: Lab) -> None:
    entry = next(each for each in METHODS if each.name == "ours")
    outcome = measured(lab, entry, Setting(3, 2, 0.02))
    assert outcome.up == 250
    assert outcome.replay_s is not None


def test_the_page_shows_methods_attackers_and_scale(lab: Lab) -> None:
    entry = next(each for each in METHODS if each.name == "ours")
    rows = [dataclasses.asdict(measured(lab, entry, Setting(3, 2, 0.02)))]
    results = {
        "date": "2026-01-01",
        "machine": "a machine",
        "dolly": {
            "plan": {"devices": 4, "held_out": 1, "public": 1, "pairs": 8},
            "asked": 2,
            "base": lab.base,
            "methods": rows,
            "robustness": list(robustness(lab, 2, 0.02, (0.3,), ("mean", "median"))),
            "scale": list(scale(lab, 50, (2,), 1)),
        },
    }
    text = federation_page.render(results)
    assert "| ours |" in text and "sign flip" in text and "10,000 devices" in text
