"""Spares beside none and beside one more: only where a failure takes a unit, and never more than units work."""

from dataclasses import replace

import numpy as np
import pytest

from wafersim.training_run.compiled import run_many
from wafersim.training_run.factors import Factors
from wafersim.training_run.plan import JobRun, Pool, RunPlan, Saving, Source, Stretch, Strikes, Wait
from wafersim.training_run.spares import SparesChoice, spares_choice

DAY, TICKS, RUNS = 86_400.0, 10**12, 50
AS_PLANNED = Factors(
    step=np.ones(RUNS),
    rate=np.ones((RUNS, 1)),
    recovery=np.ones((RUNS, 1)),
    saving=np.ones(RUNS),
    startup=np.ones(RUNS),
)


def a_plan(spares: int, units: int = 4, pool: int = 0) -> RunPlan:
    """Four units for a hundred days, each failing every twenty; a repair takes two."""
    source = Source("unit", Strikes.STOP, units, 20 * DAY, repair=Wait(2 * DAY), pool=pool)
    steps = (Stretch(2400, (3600 * TICKS,), save_every=1),)
    return RunPlan(
        (JobRun("job", steps, needs=units, saving=Saving(), sources=(source,), pools=(Pool(spares),)),), units
    )


def choice(plan: RunPlan) -> SparesChoice | None:
    return spares_choice(plan, run_many(plan, 3, RUNS, AS_PLANNED).end_s[:, 0], 3, AS_PLANNED)


def test_the_first_spare_saves_the_repairs_that_all_waited_for() -> None:
    none = choice(a_plan(0))
    assert none is not None
    assert none.over_none is None
    assert none.one_more is not None
    # 100 days of 4 units, one failure in 20 days of each: 20 repairs of two days, of which a spare saves most.
    assert 20 * DAY < none.one_more.saved_s < 40 * DAY
    assert none.one_more.certain


def test_what_a_spare_saves_is_what_its_lack_costs() -> None:
    none, one = choice(a_plan(0)), choice(a_plan(1))
    assert none is not None
    assert one is not None
    assert one.over_none == none.one_more
    assert none.one_more is not None
    assert one.one_more is not None
    assert 0 < one.one_more.saved_s < none.one_more.saved_s


def test_what_no_run_needs_is_not_certain() -> None:
    many = choice(a_plan(3))
    assert many is not None
    assert many.one_more is not None
    assert not many.one_more.certain


def test_there_is_no_choice_where_a_spare_cannot_help() -> None:
    assert choice(a_plan(0, pool=-1)) is None
    full = choice(a_plan(4))
    assert full is not None
    assert full.one_more is None
    without = replace(a_plan(1).jobs[0], sources=())
    nothing = replace(AS_PLANNED, rate=np.ones((RUNS, 0)), recovery=np.ones((RUNS, 0)))
    assert spares_choice(RunPlan((without,), 4), np.ones(RUNS), 3, nothing) is None


def test_json_has_no_number_where_there_is_no_choice() -> None:
    none = choice(a_plan(0))
    assert none is not None
    found = none.to_json()
    assert found["over_none"] is None
    assert found["runs"] == RUNS
    assert found["one_more"]["saved_s"] == pytest.approx(none.one_more.saved_s if none.one_more else 0.0)
