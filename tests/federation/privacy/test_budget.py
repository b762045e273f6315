"""A device refuses rounds once its budget is spent, through restarts and crashes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from federation.privacy.accountant import Gaussian, epsilon, noise_multiplier, round_cost
from federation.privacy.budget import PrivacyBudget
from federation.privacy.errors import BudgetSpent, FileDamaged
from federation.privacy.noise import Grid, NoisePlan

GRID, PLAN = Grid(128, 0.01), NoisePlan(6.0, sharers=8)
ROUND = GRID.mechanism(PLAN)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "federation" / "privacy.jsonl"


def test_rounds_are_refused_once_the_budget_is_spent(file: Path) -> None:
    budget = PrivacyBudget(file, limit=2.0)
    allowed = budget.rounds_left(ROUND)
    assert allowed > 2
    for number in range(allowed):
        assert budget.charge("task", number, ROUND)
    assert budget.rounds_left(ROUND) == 0
    with pytest.raises(BudgetSpent, match="2 is allowed"):
        budget.charge("task", allowed, ROUND)
    assert budget.spent() <= 2.0 < budget.after(ROUND)


def test_what_was_spent_survives_a_restart_and_counts_in_every_task(file: Path) -> None:
    PrivacyBudget(file, limit=8.0).charge("one", 1, ROUND)
    again = PrivacyBudget(file, limit=8.0)
    again.charge("two", 1, ROUND)
    assert again.spent() == pytest.approx(epsilon(2 * round_cost(ROUND), 1e-5))


def test_a_round_is_charged_once(file: Path) -> None:
    budget = PrivacyBudget(file, limit=8.0)
    assert budget.charge("task", 7, ROUND)
    before = budget.spent()
    assert not budget.charge("task", 7, ROUND)
    assert budget.spent() == before


def test_a_charge_that_a_crash_tore_was_never_sent_and_costs_nothing(file: Path) -> None:
    budget = PrivacyBudget(file, limit=8.0)
    budget.charge("task", 1, ROUND)
    budget.charge("task", 2, ROUND)
    file.write_bytes(file.read_bytes()[:-9])
    assert budget.spent() == pytest.approx(epsilon(round_cost(ROUND), 1e-5))
    assert budget.charge("task", 2, ROUND)
    assert budget.spent() == pytest.approx(epsilon(2 * round_cost(ROUND), 1e-5))


@pytest.mark.parametrize(
    "content", [b"nonsense\n", b"[1]\n", b'{"task":"t"}\n', b'{"task":"t","round":1,"noise":"x"}\n']
)
def test_a_damaged_account_stops_everything(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(FileDamaged):
        PrivacyBudget(file, limit=8.0).spent()
    assert file.read_bytes() == content


def test_without_noise_no_round_fits(file: Path) -> None:
    budget = PrivacyBudget(file, limit=100.0)
    assert budget.rounds_left(Gaussian(0.0)) == 0
    with pytest.raises(BudgetSpent):
        budget.charge("task", 1, Gaussian(0.0))


def test_calibrated_noise_lets_exactly_the_planned_rounds_through(file: Path) -> None:
    each = Gaussian(noise_multiplier(8.0, 1e-5, 10))
    assert PrivacyBudget(file, limit=8.0).rounds_left(each) == 10


def test_the_account_is_private(file: Path) -> None:
    PrivacyBudget(file, limit=8.0).charge("task", 1, ROUND)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(("limit", "delta"), [(0.0, 1e-5), (-1.0, 1e-5), (1.0, 0.0), (1.0, 1.0)])
def test_a_budget_that_makes_no_sense_is_refused(file: Path, limit: float, delta: float) -> None:
    with pytest.raises(ValueError, match="budget"):
        PrivacyBudget(file, limit=limit, delta=delta)
