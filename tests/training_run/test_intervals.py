"""Closed forms of checkpoint intervals against published numbers and against what they must be in the limit."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from tests.training_run.oracles import DOWN_S, RECOVERY_S, SAVE_S, Machine, machines, numbers
from wafersim.training_run import intervals
from wafersim.training_run.intervals import Save, Stops, best_interval_s, slowdown, waste

HOUR, DAY = 3600.0, 86400.0
SAVE = Save(SAVE_S)


@pytest.mark.parametrize("machine", machines(), ids=lambda machine: f"{machine.mtbf_s:.0f}")
def test_the_forty_periods_of_aupy_et_al(machine: Machine) -> None:
    stops = Stops(machine.mtbf_s, DOWN_S, RECOVERY_S)
    found = [
        intervals.young(SAVE_S, machine.mtbf_s),
        intervals.daly(SAVE_S, stops),
        intervals.rfo(SAVE_S, stops),
        best_interval_s(SAVE, machine.mtbf_s),
    ]
    published = [machine.young, machine.daly, machine.rfo, machine.exact]
    assert [interval + SAVE_S for interval in found] == pytest.approx(published, rel=0.002)
    # Published with five digits, of an optimum that is published as well.
    assert 1 - waste(machine.exact - SAVE_S, SAVE, stops) == pytest.approx(machine.share, abs=0.6e-5)


@pytest.mark.parametrize(
    "oracle, mtbf_s, save_s",
    [("O204", DAY, 120), ("O205", DAY, 300), ("O206", 3.09 * HOUR, 60), ("O207", 7 * DAY, 464.4)],
)
def test_waste_at_a_third_once_and_three_times_daly_s_interval(oracle: str, mtbf_s: float, save_s: float) -> None:
    best = intervals.daly_higher(save_s, mtbf_s)
    found = [100 * waste(factor * best, Save(save_s), Stops(mtbf_s, 0, 600)) for factor in (1 / 3, 1, 3)]
    assert found == pytest.approx(numbers(oracle), abs=0.006)  # two decimals are printed


def test_daly_s_higher_order_is_4474_s_for_a_day_and_two_minutes() -> None:
    assert intervals.daly_higher(120, DAY) == pytest.approx(4474.0, abs=0.05)
    assert intervals.daly_higher(2 * DAY, DAY) == DAY
    assert best_interval_s(Save(120), DAY) == pytest.approx(4474, rel=1e-4)


def test_nvidia_s_period_of_the_highest_availability_is_4691_s() -> None:
    assert intervals.availability_optimal(120, DAY, 600) == pytest.approx(4691, abs=0.5)


def test_meta_s_effective_training_time_ratio() -> None:
    mtbf = 1000 * DAY / (6.50 * 12000 / 8)  # 6.50 failures in 1,000 node-days of 8 GPUs
    for restart, published in zip((300, 600), (0.920, 0.888), strict=True):
        # A unit of the last digit, since the oracle is of another's rounding.
        assert intervals.expected_ettr(intervals.young(10, mtbf), 10, mtbf, restart) == pytest.approx(
            published, abs=1e-3
        )
    llama = 3.09 * HOUR
    assert intervals.expected_ettr(intervals.young(10, llama), 10, llama, 600) == pytest.approx(0.906, abs=6e-4)


@given(st.floats(1, 1000), st.floats(3, 7), st.floats(0, 2000), st.floats(0.1, 10))
def test_to_first_order_ettr_is_exact_where_little_is_lost(
    save: float, decades: float, restart: float, off: float
) -> None:
    mtbf = 10**decades
    interval = off * intervals.young(save, mtbf)
    lost = waste(interval, Save(save), Stops(mtbf, 0, restart))
    if (
        lost < 0.25
    ):  # beyond a quarter Meta's paper is another number; what it leaves out is of second order in what is lost
        assert intervals.expected_ettr(interval, save, mtbf, restart) == pytest.approx(1 - lost, abs=lost**2)


@given(st.floats(1e-6, 1e6), st.floats(1, 1e8))
def test_the_best_interval_is_lambert_s_w(save: float, mtbf: float) -> None:
    exact = mtbf * (1 + lambertw(-math.exp(-1 - save / mtbf)).real)
    # scipy's W is right to about 1e-8 beside its branch point, and so is the exponential in its argument.
    assert best_interval_s(Save(save), mtbf) == pytest.approx(exact, rel=1e-6, abs=3e-8 * mtbf)


@settings(max_examples=50)
@given(st.floats(1, 2000), st.floats(1, 3000), st.floats(2000, 1e6), st.floats(0, 5000), st.floats(0, 2000))
def test_nothing_wastes_less_than_the_best_interval(
    stop: float, written: float, mtbf: float, down: float, recovery: float
) -> None:
    save, stops = Save(stop, written), Stops(mtbf, down, recovery)
    best = best_interval_s(save, mtbf)
    for low, high in ((best / 100, best), (best, 100 * best)):
        found = minimize_scalar(lambda x: slowdown(x, save, stops), bounds=(low, high), method="bounded")
        assert slowdown(best, save, stops) <= found.fun * (1 + 1e-9)


def test_saves_that_cost_nothing_are_made_always_and_without_failures_never() -> None:
    assert best_interval_s(Save(0), DAY) == 0
    assert waste(0, Save(0), Stops(DAY, 0, 0)) == 0
    assert waste(1e-6, Save(0), Stops(DAY, DAY, 0)) == pytest.approx(0.5)
    assert math.isinf(best_interval_s(Save(60), math.inf))
    assert waste(540, Save(60), Stops(math.inf)) == pytest.approx(0.1)
    assert waste(0, Save(60), Stops(DAY)) == 1 and waste(1e9, Save(60), Stops(1.0)) == 1


def test_a_write_in_the_background_costs_its_age_and_no_time() -> None:
    # With failures once in 1e9 s nothing but the stop counts: 6 s in 606.
    assert waste(600, Save(6, 300), Stops(1e9)) == pytest.approx(6 / 606, abs=1e-6)
    # A write as long as a recovery is lost as often as a recovery is made.
    assert slowdown(600, Save(6, 300), Stops(DAY, 0, 100)) == pytest.approx(slowdown(600, Save(6), Stops(DAY, 0, 400)))
    # Where a write takes longer than the interval, the job waits for it: 100 s of 306 are training.
    assert waste(100, Save(6, 300), Stops(math.inf)) == pytest.approx(206 / 306)
    assert best_interval_s(Save(6, 3000), DAY) == 3000


@pytest.mark.parametrize("fails", [0.0, 0.1, 0.5])
def test_starts_that_fail_lengthen_the_recovery(fails: float) -> None:
    # Without failures in it, a start that succeeds once in 1 / (1 - f) takes as much longer.
    assert intervals.recovery_with_failed_starts(600, fails, 1e12) == pytest.approx(600 / (1 - fails), rel=1e-5)
    # The chance that no failure strikes: sum over n starts of (1 - f) f^(n-1) exp(-n R / M).
    chance = math.fsum((1 - fails) * fails ** (n - 1) * math.exp(-n * 600 / 4000) for n in range(1, 200))
    assert math.exp(-intervals.recovery_with_failed_starts(600, fails, 4000) / 4000) == pytest.approx(chance, rel=1e-12)
