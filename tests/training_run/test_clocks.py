"""Clocks of failures, beside what chance is asked for."""

import math

from wafersim.training_run import draws
from wafersim.training_run.clocks import Clocks, Strike
from wafersim.training_run.dice import Dice
from wafersim.training_run.draws import STREAMS, Stream
from wafersim.training_run.plan import Source, Strikes

DICE = Dice(seed=7, run=2, job=3)


def gap(mean_s: float, shape: float, source: int, counter: int) -> int:
    return draws.instant(draws.gap(mean_s, shape, 7, 2, 3, source * STREAMS + Stream.GAP, counter))


def test_exponential_units_are_one_clock_as_many_times_faster() -> None:
    clocks = Clocks([Source("none", Strikes.STOP, 0, 1.0), Source("node", Strikes.STOP, 4, 100.0)], DICE)
    first = gap(25.0, 1.0, 1, counter=0)
    assert clocks.earliest == Strike(first, 1, 0)
    assert clocks.strike() == 0
    assert clocks.earliest == Strike(first + gap(25.0, 1.0, 1, counter=1), 1, 0)
    assert clocks.failures == [0, 1]


def test_units_that_are_removed_leave_slower_clocks_until_none_is_left() -> None:
    clocks = Clocks([Source("bad node", Strikes.STOP, 2, 100.0, removed=True)], DICE)
    first = gap(50.0, 1.0, 0, counter=0)
    clocks.strike()
    assert clocks.earliest == Strike(first + gap(100.0, 1.0, 0, counter=1), 0, 0)
    clocks.strike()
    assert clocks.earliest is None


def test_weibull_units_have_a_clock_each() -> None:
    clocks = Clocks([Source("node", Strikes.STOP, 3, 100.0, shape=0.7)], DICE)
    at = [gap(100.0, 0.7, 0, counter=unit) for unit in range(3)]
    for failure in range(5):
        unit = at.index(min(at))
        assert clocks.earliest == Strike(at[unit], 0, unit)
        assert clocks.strike() == failure
        at[unit] += gap(100.0, 0.7, 0, counter=3 + failure)


def test_a_weibull_unit_that_is_removed_is_gone() -> None:
    clocks = Clocks([Source("node", Strikes.STOP, 3, 100.0, shape=0.7, removed=True)], DICE)
    order = []
    while strike := clocks.earliest:
        order.append(strike.unit)
        clocks.strike()
    at = [gap(100.0, 0.7, 0, counter=unit) for unit in range(3)]
    assert order == sorted(range(3), key=lambda unit: at[unit])


def test_of_equals_the_lowest_source_is_first() -> None:
    at_once = Source("at once", Strikes.STOP, 1, 1e-15)
    clocks = Clocks([at_once, at_once], DICE)
    assert clocks.earliest == Strike(0, 0, 0)


def test_failures_come_as_often_as_their_rate_says() -> None:
    """4 units, each once in 100 s, for 10,000 failures: 250,000 s, with a standard error of 1 %."""
    for shape in (1.0, 0.7, 2.0):
        clocks = Clocks([Source("node", Strikes.STOP, 4, 100.0, shape)], DICE)
        at = 0
        for _ in range(10_000):
            at = clocks.earliest.at  # type: ignore[union-attr]
            clocks.strike()
        error = 0.01 * math.sqrt(math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1)
        assert abs(at / 1e12 / 250_000 - 1) < 4 * error
