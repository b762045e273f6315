"""The audit's benchmark on a tiny task: it finds what is there, and noise hides it."""

from __future__ import annotations

import math

import pytest

from benchmarks.federation_audit import convex, run


@pytest.mark.parametrize("secure", [False, True])
def test_the_attack_works_without_noise_and_suffers_from_it(secure: bool) -> None:
    setting = convex(16, 2, rank=8, held_out=64)
    clear = run(setting, math.inf, secure=secure, best=None)
    assert clear.auc > 0.9
    assert clear.gain > 0
    assert (clear.share, clear.epsilon, clear.auc_limit) == (1.0, None, 1.0)
    noisy = run(setting, 1.0, secure=secure, best=clear.gain)
    assert noisy.auc < clear.auc - 0.2
    assert noisy.auc <= noisy.auc_limit + 3 * noisy.auc_error
    assert noisy.multiplier > 20
