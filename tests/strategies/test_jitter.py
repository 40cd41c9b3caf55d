"""Jitter scatters the times of kernels and does not move their mean."""

from math import exp, sqrt

import pytest

from wafersim.strategies.weight_streaming.plan import Jitter

SIGMA = 0.3
SCATTER = sqrt(exp(SIGMA**2) - 1)  # standard deviation over mean of a lognormal: 0.307


@pytest.mark.parametrize("step", [0, 1, 7])
def test_kernels_take_as_long_on_average_as_without_jitter(step: int) -> None:
    # Without the correction the mean would be exp(0.3^2 / 2) = 1.046, which is 50 standard errors away.
    factors = Jitter(SIGMA, seed=3).factors(step, systems=50, micro_batches=50, kernels=50)
    error = SCATTER / sqrt(factors.size)
    assert abs(factors.mean() - 1) < 4 * error
    assert factors.std() == pytest.approx(SCATTER, rel=0.02)


def test_systems_of_different_pace_take_as_long_on_average() -> None:
    paces = Jitter(0.0, seed=3, spread=SIGMA).factors(0, systems=1000, micro_batches=1, kernels=1)
    assert paces.mean() == pytest.approx(1, abs=0.005)  # the scores are those of ranks, without scatter of their own
    assert paces.std() == pytest.approx(SCATTER, rel=0.03)


def test_a_step_has_its_own_draw_and_keeps_it() -> None:
    jitter = Jitter(SIGMA, seed=3)
    first, second = (jitter.factors(step, 2, 3, 4) for step in (0, 1))
    assert (first != second).all()
    assert (Jitter(SIGMA, seed=3).factors(0, 2, 3, 4) == first).all()
    assert (Jitter(SIGMA, seed=4).factors(0, 2, 3, 4) != first).all()
