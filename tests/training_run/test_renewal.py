"""The number of failures of a source against closed cases, the limit, and drawn gaps."""

import math

import numpy as np
import pytest

from wafersim.training_run.plan import Source, Strikes
from wafersim.training_run.renewal import LONG, expected_failures, renewals


@pytest.mark.parametrize("time", [0.01, 1.0, 7.0, 19.0])
def test_exponential_gaps_end_once_in_their_mean(time: float) -> None:
    assert renewals(time, 1.0) == pytest.approx(time, rel=1e-3)


@pytest.mark.parametrize("shape", [0.5, 0.7, 2.0, 5.0])
@pytest.mark.parametrize("time", [0.1, 1.0, 5.0])
def test_as_many_as_are_drawn(time: float, shape: float) -> None:
    random = np.random.default_rng(5)
    gaps = random.weibull(shape, (20_000, 60)) / math.gamma(1 + 1 / shape)
    ended = (gaps.cumsum(axis=1) <= time).sum(axis=1)
    # Four standard errors, and what the grid leaves of the steep beginning of early failures.
    assert renewals(time, shape) == pytest.approx(ended.mean(), abs=4 * ended.std() / math.sqrt(20_000), rel=5e-3)


@pytest.mark.parametrize("shape", [0.6, 3.0])
def test_the_limit_is_met_where_it_takes_over(shape: float) -> None:
    squared = math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1
    border = LONG * (1 + squared)
    assert renewals(0.999 * border, shape) == pytest.approx(renewals(1.001 * border, shape), rel=5e-3)


def test_units_that_do_not_come_back_fail_once() -> None:
    source = Source("bad", Strikes.STOP, 6, 100.0, removed=True)
    assert expected_failures(source, 50.0) == pytest.approx(6 * (1 - math.exp(-0.5)))
    assert expected_failures(source, 1e9) == 6
    assert expected_failures(Source("good", Strikes.STOP, 6, 100.0), 50.0) == 3
