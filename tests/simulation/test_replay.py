"""Elasticities of a step, on a machine whose step is a formula."""

from collections.abc import Sequence
from math import log, nan
from typing import Any

import pytest

from wafersim.inputs.experiment import DisturbanceSpec
from wafersim.inputs.fit import Fit, FitConstant
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import AnyMachine
from wafersim.simulation import intervals, job_of, replay
from wafersim.simulation.replay import Replay
from wafersim.strategies.job import HEALTHY
from wafersim.strategies.strategy import Features

CLOCK, LINK, SRAM = "system.clock", "system.io_bandwidth", "system.sram"


class Formula:
    """A strategy whose step goes with the inverse of the clock, the square root of the link, and fails with more SRAM."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.healthy = True
        self.one_row = False
        self.guessed: tuple[str, ...] = ()

    def seconds(self, job: Any, choice: Any, machines: Sequence[AnyMachine]) -> list[float]:
        self.asked.append(len(machines))
        self.healthy &= job.disturbances == HEALTHY
        return [self._step(machine.system.values) for machine in machines]  # type: ignore[union-attr]

    def _step(self, values: Any) -> float:
        if values.sram.value > 40e9:
            return nan
        return 1e9 / values.clock.value * values.io_bandwidth.value**0.5

    def features(self, job: Any, choice: Any) -> Features:
        return Features(("wafer",), "known", (), (), self.one_row, self.guessed)


@pytest.fixture
def formula(monkeypatch: pytest.MonkeyPatch) -> Formula:
    found = Formula()
    for module in (replay, intervals):
        monkeypatch.setattr(module, "strategy_of", lambda _: found)
    return found


@pytest.fixture
def step(formula: Formula) -> Replay:
    return Replay(job_of(load_experiment("hello_111m", ["disturbances.jitter=0.1"])), None)


def test_powers_are_elasticities_and_a_machine_that_cannot_run_has_none(step: Replay, formula: Formula) -> None:
    found = step.elasticities([CLOCK, LINK, SRAM])
    assert found == {CLOCK: pytest.approx(-1), LINK: pytest.approx(0.5), SRAM: 0.0}
    assert step.job.disturbances == DisturbanceSpec(jitter=0.1) and formula.healthy


def test_each_is_worked_out_once(step: Replay, formula: Formula) -> None:
    step.elasticities([CLOCK, LINK, CLOCK])
    assert formula.asked == [3]  # the machine as it is, and two that are a little faster, together
    step.elasticities([LINK, SRAM])
    assert formula.asked[-1] == 1
    step.elasticities([LINK])
    assert sum(formula.asked) == 4  # itself, and each of three


def test_a_constant_that_stands_in_two_places_has_the_sum(step: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    number: Any = None
    stated = [(CLOCK, number, "cs2: values.x"), (LINK, number, "cs2: values.x"), (SRAM, number, "cs2: values.y")]
    monkeypatch.setattr(replay, "numbers", lambda _: stated)
    assert step.by_origin(["cs2: values.x"]) == {"cs2: values.x": pytest.approx(-0.5)}


def test_what_is_known_from_one_row_adds_the_spread_of_rows_once_more(
    step: Replay, formula: Formula, monkeypatch: pytest.MonkeyPatch
) -> None:
    constant = FitConstant(name="x", kind="calibrated", value=1.0, standard_error=0.3, sets=("cs2: values.clock",))
    fit = Fit(
        set="wafer", date="2026-01-01", rows=("a",), constants=(constant,), correlations=((1.0,),), spread={"known": 0.05},
        transfer=0.4, widening={}, features=(), behind={"known": ((),)},
    )  # fmt: skip
    monkeypatch.setattr(intervals, "load_fit", lambda _: fit)
    usual = intervals.uncertainty_of(step)
    assert usual.spread == pytest.approx(0.05)
    assert usual.constants == pytest.approx(0.3)  # of a constant that a step goes with the inverse of
    formula.one_row = True
    assert intervals.uncertainty_of(step).spread == pytest.approx(0.05 * 2**0.5)
    assert log(usual.bounds(1.0)[1]) == pytest.approx(1.28155 * (0.3**2 + 0.05**2) ** 0.5, rel=1e-4)


def test_a_guessed_number_widens_by_what_the_step_hangs_on_it(
    step: Replay, formula: Formula, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = Fit(
        set="wafer", date="2026-01-01", rows=("a",), constants=(), correlations=(), spread={"known": 0.05},
        guessed=0.7, behind={"known": ((),)},
    )  # fmt: skip
    monkeypatch.setattr(intervals, "load_fit", lambda _: fit)
    assert intervals.uncertainty_of(step).spread == pytest.approx(0.05)
    formula.guessed = (LINK,)
    # A factor of two (0.7) of a number that the step goes with the root of, and 5 %.
    assert intervals.uncertainty_of(step).spread == pytest.approx((0.05**2 + 0.35**2) ** 0.5)


def test_what_a_stack_is_assumed_to_do_errs_as_its_profile_states(
    step: Replay, formula: Formula, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = Fit(set="wafer", date="2026-01-01", rows=("a",), constants=(), correlations=(), spread={"known": 0.05},
              behind={"known": ((),)})  # fmt: skip
    monkeypatch.setattr(intervals, "load_fit", lambda _: fit)
    monkeypatch.setattr(intervals, "stated_errors", lambda _: {LINK: 0.6, SRAM: 1.0})
    # 60 % of a number that the step goes with the root of; the one that cannot be nudged adds nothing.
    assert intervals.uncertainty_of(step).spread == pytest.approx((0.05**2 + 0.3**2) ** 0.5)
