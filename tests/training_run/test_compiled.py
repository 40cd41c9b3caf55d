"""The compiled twin: equal to the reference, exact over years, and the same bits on one core and on two."""

from dataclasses import fields, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.training_run.plans import drawn_plan
from wafersim.errors import WafersimError
from wafersim.training_run.compiled import Outcomes, run_compiled, run_many
from wafersim.training_run.draws import TICKS
from wafersim.training_run.factors import Factors, scaled
from wafersim.training_run.plan import Event, JobRun, Loss, Pool, RunPlan, Saving, Source, Stretch, Strikes, Wait
from wafersim.training_run.processes import run_reference

DAY = 86_400 * TICKS


def test_a_job_of_400_days_ends_on_the_tick() -> None:
    """400 days are 3.5e19 ticks; int64 ends at 9.2e18."""
    # 40 million steps of 0.864 s and 1 tick, 40 saves of 1 s and 3 ticks (39 due, one last), a start of 7 ticks.
    stretch = Stretch(steps=40_000_000, step_ticks=(864 * TICKS // 1000 + 1,), save_every=1_000_000)
    job = JobRun("long", (stretch,), initial_ticks=7, saving=Saving(save_ticks=TICKS + 3))
    plan = RunPlan((job,))
    outcome = run_compiled(plan, 1)
    assert outcome.end_ticks == 400 * DAY + 40_000_000 + 40 * (TICKS + 3) + 7
    assert outcome.jobs[0].losses[Loss.PRODUCTIVE] == 400 * DAY + 40_000_000
    assert outcome.log[-1].ticks == outcome.end_ticks
    assert (outcome, outcome.log) == (run_reference(plan, 1), run_reference(plan, 1).log)


def test_a_long_job_with_failures_agrees_to_the_tick() -> None:
    """Weeks, with waits and gaps that are no whole seconds, a shrunk pool, and maintenance beyond int64."""
    plan = RunPlan((_month(maintenance=150 * DAY, steps=12 * 259_200),))
    found, wanted = run_compiled(plan, 5, 3), run_reference(plan, 5, 3)
    assert found.end_ticks > 300 * DAY
    assert Event.MAINTENANCE in {entry.event for entry in found.log}
    assert (found, found.log) == (wanted, wanted.log)


def _month(maintenance: int = 0, steps: int = 259_200) -> JobRun:
    """30 days of steps of 10 s and 1 tick with hourly saves; 192 systems that fail, 4 spares, links that are repaired."""
    system = Source(
        "system",
        Strikes.STOP,
        units=192,
        mean_s=400 * 86_400.0,
        detection=Wait(600.0, 0.5),
        repair=Wait(3 * 86_400.0, 0.8),
        pool=0,
        burst_share=0.1,
        burst_units=4,
    )
    link = Source("link", Strikes.STOP, units=192, mean_s=300 * 86_400.0, shape=0.7, repair=Wait(3600.0, 1.0))
    # Hourly saves for 16 days, so that every corruption leaves a checkpoint from before it.
    silent = Source("silent", Strikes.CORRUPT, units=192, mean_s=2000 * 86_400.0, latency_s=86_400.0)
    stretch = Stretch(steps, (10 * TICKS + 1, 11 * TICKS), 17, save_every=360, evaluate_every=3600)
    return JobRun(
        "month",
        (stretch,),
        initial_ticks=3600 * TICKS,
        restart_ticks=900 * TICKS,
        restart_fails=0.1,
        swap_ticks=300 * TICKS,
        evaluate_ticks=60 * TICKS,
        maintenance_every_ticks=maintenance,
        maintenance_ticks=DAY // 2,
        saving=Saving("asynchronous", 120 * TICKS, 10 * TICKS, 300 * TICKS, keep=400),
        pools=(Pool(4, may_miss=1),),
        sources=(system, link, silent),
    )


def test_threads_change_no_bit() -> None:
    plan = RunPlan((_month(steps=20_000), _month(steps=10_000)), systems=2)
    one, two, five = (run_many(plan, 9, 101, threads=threads) for threads in (1, 2, 5))
    for name in (each.name for each in fields(Outcomes)):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
        assert np.array_equal(getattr(one, name), getattr(five, name)), name
    assert len(np.unique(one.end_s[:, 0])) == 101  # no two runs are alike


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 10**6))
def test_a_run_of_many_is_the_run_of_its_scaled_plan(number: int, seed: int) -> None:
    """On any plan, with any factors: ticks, failures and account of run i are those of both engines on `scaled(..., i)`."""
    plan, draw = drawn_plan(Random(number)), np.random.default_rng(number)
    runs, sources = 3, sum(len(job.sources) for job in plan.jobs)
    factors = Factors(
        step=draw.uniform(1.0, 5.0, runs),
        rate=draw.uniform(0.2, 1.0, (runs, sources)),  # drawn plans end, and end with fewer failures, too
        recovery=draw.uniform(0.2, 5.0, (runs, sources)),
        saving=draw.choice([1.0, 0.3, 0.5], runs),
        startup=draw.choice([1.0, 0.5], runs),
    )
    if any(job.maintenance_every_ticks for job in plan.jobs):
        factors = Factors(np.ones(runs), factors.rate, factors.recovery, factors.saving, factors.startup)
    many = run_many(plan, seed, runs, factors, threads=1)
    for run in range(runs):
        own = scaled(plan, factors, run)
        outcome = run_compiled(own, seed, run)
        assert outcome == run_reference(own, seed, run)
        for job, found in enumerate(outcome.jobs):
            assert many.end_s[run, job] == pytest.approx(found.end_ticks / TICKS, rel=1e-15)
            assert many.losses_s[run, job] == pytest.approx([ticks / TICKS for ticks in found.losses], rel=1e-15)
            assert (many.starts[run, job], many.saves[run, job]) == (found.starts, found.saves)
        assert many.failures[run].tolist() == [count for job in outcome.jobs for count in job.failures]
        costs = [ticks / TICKS for job in outcome.jobs for ticks in job.by_source]
        assert many.by_source_s[run] == pytest.approx(costs, rel=1e-15)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32))
def test_saves_that_nothing_comes_between_change_nothing(number: int) -> None:
    """Without a log, one job jumps over training and saves up to the next event; with a log it takes them one by one."""
    random = Random(number)
    job = drawn_plan(random).jobs[0]
    stretches = tuple(
        replace(each, steps=each.steps * random.choice((1, 5, 40)), memory_every=0, save_every=random.choice((1, 2, 5)))
        for each in job.stretches
    )
    job = replace(job, stretches=stretches, saving=replace(job.saving, keep=random.choice((1, 2, 3, 50))))
    plan = RunPlan((job,), job.needs)
    try:
        wanted = run_compiled(plan, number)
    except WafersimError:
        reject()  # made longer, it passes a bound or never ends
    assert run_compiled(plan, number, log=False) == wanted


def test_a_million_saves_are_one_event() -> None:
    """It would otherwise pass the bound of 2,000,000 events: train and save, a million times each, and a last save."""
    plan = RunPlan((JobRun("saves", (Stretch(1_000_001, (3,), save_every=1),), saving=Saving(save_ticks=2)),))
    found = run_compiled(plan, 1, log=False).jobs[0]
    assert (found.end_ticks, found.saves) == (1_000_001 * 5, 1_000_001)
    with pytest.raises(WafersimError, match="more than 2,000,000 events"):
        run_compiled(plan, 1)


def test_long_durations_are_scaled_as_unbounded_integers_are() -> None:
    """The product is rounded once, to a whole tick, where it is far beyond int64, too."""
    stretch = Stretch(3, (123_456_789_012_345_678,), 5)
    job = JobRun("scaled", (stretch,), initial_ticks=40_123_456_789_012_345_678, restart_ticks=1)
    factors = Factors(
        np.array([1.0, 1.7, 0.1]), np.ones((3, 0)), np.ones((3, 0)), np.ones(3), np.array([1.0, 3.3, 1.0])
    )
    many = run_many(RunPlan((job,)), 0, 3, factors)
    ends = [run_compiled(scaled(RunPlan((job,)), factors, run), 0).end_ticks for run in range(3)]
    assert ends[0] == 40_123_456_789_012_345_678 + 3 * (123_456_789_012_345_678 + 5)
    assert many.end_s[:, 0].tolist() == pytest.approx([end / TICKS for end in ends], rel=1e-15)


def test_a_run_that_never_ends_is_given_up() -> None:
    """A failure every second in the mean, and a step of an hour: nothing is ever done."""
    source = Source("hopeless", Strikes.STOP, units=1, mean_s=1.0)
    plan = RunPlan((JobRun("never", (Stretch(10, (3600 * TICKS,)),), sources=(source,)),))
    for run in (lambda: run_compiled(plan, 1), lambda: run_many(plan, 1, 2)):
        with pytest.raises(WafersimError, match=r"run 0 has more than 2,000,000 events and is given up: failures"):
            run()


def test_a_log_longer_than_its_first_room_is_whole() -> None:
    plan = RunPlan((JobRun("saves", (Stretch(2000, (1,), save_every=1),)),))
    log = run_compiled(plan, 1).log
    assert [entry.step for entry in log if entry.event == Event.DURABLE] == list(range(1, 2001))
    assert log[-1].event == Event.DONE
    assert run_compiled(plan, 1, log=False).log == ()
