"""What rounds cost: against the reference library and by exact divergences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import dp_event
from dp_accounting.rdp import RdpAccountant, rdp_privacy_accountant
from scipy.special import ive
from scipy.stats import norm

from federation.privacy.accountant import (
    ORDERS,
    Gaussian,
    Sampling,
    Skellam,
    epsilon,
    noise_multiplier,
    round_cost,
)

DELTA = 1e-5
WHOLE = np.flatnonzero((ORDERS == np.round(ORDERS)) & (ORDERS >= 2))


def reference(
    event: dp_event.DpEvent,
    rounds: int,
    neighbours: str = "ADD_OR_REMOVE_ONE",
    orders: np.ndarray = ORDERS,
) -> float:
    accountant = RdpAccountant(list(orders), rdp_privacy_accountant.NeighborRel[neighbours])
    accountant.compose(event, rounds)
    return float(accountant.get_epsilon(DELTA))


@pytest.mark.parametrize("multiplier", [0.7, 2.0, 12.0])
@pytest.mark.parametrize("rounds", [1, 50])
def test_gaussian_rounds_cost_what_the_reference_says(multiplier: float, rounds: int) -> None:
    ours = epsilon(rounds * round_cost(Gaussian(multiplier)), DELTA)
    assert ours == pytest.approx(reference(dp_event.GaussianDpEvent(multiplier), rounds), rel=1e-9)


@pytest.mark.parametrize(("multiplier", "rate"), [(1.0, 0.01), (0.8, 0.1), (3.0, 0.3), (6.0, 0.9)])
def test_poisson_sampled_rounds_cost_what_the_reference_says(multiplier: float, rate: float) -> None:
    sampled = dp_event.PoissonSampledDpEvent(rate, dp_event.GaussianDpEvent(multiplier))
    expected = reference(sampled, 100, orders=ORDERS[WHOLE])
    cost = 100 * round_cost(Gaussian(multiplier), Sampling("poisson", rate))
    at_integers = np.full(len(ORDERS), np.inf)
    at_integers[WHOLE] = cost[WHOLE]
    assert epsilon(at_integers, DELTA) == pytest.approx(expected, rel=1e-9)
    assert 0.9 * expected <= epsilon(cost, DELTA) <= expected * (1 + 1e-9)


@pytest.mark.parametrize(("multiplier", "taken", "of"), [(4.0, 10, 1000), (6.0, 100, 1000), (20.0, 5, 10)])
def test_rounds_without_replacement_never_cost_less_than_the_reference_says(
    multiplier: float, taken: int, of: int
) -> None:
    # The reference counts the distance between a report and its replacement as one.
    event = dp_event.SampledWithoutReplacementDpEvent(of, taken, dp_event.GaussianDpEvent(multiplier / 2))
    expected = reference(event, 20, "REPLACE_ONE")
    ours = epsilon(20 * round_cost(Gaussian(multiplier), Sampling("without-replacement", taken / of)), DELTA)
    assert ours >= expected * (1 - 1e-9)
    assert ours <= expected * 1.6


@pytest.mark.parametrize("shift", [1, 3, 10])
@pytest.mark.parametrize("variance", [4.0, 100.0, 2500.0])
def test_the_bound_for_skellam_noise_holds_and_is_close_to_the_exact_divergence(
    shift: int, variance: float
) -> None:
    values = np.arange(-2000, 2001)
    here, there = (np.log(np.maximum(ive(np.abs(values - s), variance), 1e-320)) for s in (shift, 0))
    likely = np.minimum(here, there) > -600
    for order in (2, 3, 8):
        terms = order * here[likely] - (order - 1) * there[likely]
        exact = math.log(np.exp(terms - terms.max()).sum()) + terms.max()
        bound = Skellam(variance, l1=shift, l2=shift).rdp(order)
        assert exact / (order - 1) <= bound * (1 + 1e-9)


def test_on_a_fine_grid_skellam_noise_costs_what_gaussian_noise_does() -> None:
    steps, count, multiplier = 72.0, 128, 2.0
    length = steps * math.sqrt(count - 1)
    discrete = Skellam((multiplier * length) ** 2, l1=length * math.sqrt(count), l2=length)
    for sampling in (Sampling(), Sampling("poisson", 0.2)):
        gaussian = epsilon(10 * round_cost(Gaussian(multiplier), sampling), DELTA)
        ours = epsilon(10 * round_cost(discrete, sampling), DELTA)
        # The bound for sampled noise other than Gaussian has a factor three inside its logarithm.
        assert gaussian <= ours <= gaussian * (1.02 if sampling.kind == "everyone" else 1.6)


@pytest.mark.parametrize("target", [0.5, 1.0, 4.0, 8.0])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling("poisson", 0.1)])
def test_calibrated_noise_uses_the_budget_and_stays_within_it(target: float, sampling: Sampling) -> None:
    multiplier = noise_multiplier(target, DELTA, 20, sampling)
    spent = epsilon(20 * round_cost(Gaussian(multiplier), sampling), DELTA)
    assert 0.98 * target <= spent <= target


def test_the_account_never_promises_more_than_exact_composition() -> None:
    # Gaussian rounds compose exactly (Balle & Wang 2018): one release with noise 1/√rounds of each.
    rounds, multiplier = 10, noise_multiplier(8.0, DELTA, 10)
    mu = math.sqrt(rounds) / multiplier
    exact = norm.cdf(mu / 2 - 8.0 / mu) - math.exp(8.0) * norm.cdf(-mu / 2 - 8.0 / mu)
    assert exact <= DELTA


def test_no_noise_has_no_bound_and_no_round_costs_nothing() -> None:
    assert epsilon(round_cost(Gaussian(0.0)), DELTA) == math.inf
    assert epsilon(np.zeros(len(ORDERS)), DELTA) == 0.0


def test_sampling_makes_rounds_cheaper() -> None:
    for kind in ("poisson", "without-replacement"):
        costs = [
            epsilon(10 * round_cost(Gaussian(4.0), Sampling(kind, rate)), DELTA) for rate in (0.05, 0.3, 1.0)
        ]
        assert costs == sorted(costs)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.5, math.nan])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Sampling("poisson", rate)
