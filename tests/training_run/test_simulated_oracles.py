"""Simulated runs against what is known without a simulator: Aupy's table, Daly's waste, Erlang's spares, Meta's ETTR, Llama 3.

A mean of simulated runs has a standard error; what is known lies within four of it (one case in 16,000 does not, by chance),
and over a table the squares of the deviations have the mean that chance gives them.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from tests.training_run.oracles import DOWN_S, RECOVERY_S, SAVE_S, Machine, machines, numbers
from wafersim.training_run import intervals
from wafersim.training_run.availability import availability, expected_rate, waiting_for_units
from wafersim.training_run.best_interval import best_interval
from wafersim.training_run.compiled import run_many
from wafersim.training_run.draws import TICKS
from wafersim.training_run.intervals import Save, Stops, slowdown
from wafersim.training_run.plan import JobRun, Loss, Pool, RunPlan, Saving, Source, Stretch, Strikes, Wait
from wafersim.training_run.spares import spares_worth
from wafersim.training_run.waste import waste_by_interval

HOUR, DAY = 3600.0, 86400.0
WITHIN = 4.0  # standard errors


def ticks(seconds: float) -> int:
    return round(seconds * TICKS)


def a_job(interval_s: float, save: Save, stops: Stops, periods: int) -> JobRun:
    """One step an interval; all of the recovery is restart, so that no restore waits for a write that a failure left behind."""
    saving = Saving(save_ticks=ticks(save.stop_s))
    if save.written_s:
        saving = Saving("asynchronous", save_ticks=ticks(save.written_s), pause_ticks=ticks(save.stop_s))
    source = Source("failure", Strikes.STOP, 1, stops.mtbf_s, detection=Wait(stops.down_s, 0.5))
    stretch = Stretch(periods, (ticks(interval_s),), save_every=1)
    return JobRun("job", (stretch,), restart_ticks=ticks(stops.recovery_s), saving=saving, sources=(source,))


def deviation(values: NDArray[np.float64], expected: float) -> float:
    """Of a mean, in its standard errors."""
    return float((values.mean() - expected) / (values.std(ddof=1) / math.sqrt(len(values))))


def deviation_of_period(interval_s: float, save: Save, stops: Stops, periods: int, runs: int) -> float:
    """Of the mean time of a run of so many intervals from the closed form."""
    found = run_many(RunPlan((a_job(interval_s, save, stops, periods),)), 7, runs)
    return deviation(found.end_s[:, 0], periods * interval_s * slowdown(interval_s, save, stops))


def periods_of(machine: Machine) -> list[float]:
    return [machine.young, machine.daly, machine.rfo, machine.exact]


@pytest.mark.parametrize("which", [0, 5, 9])
def test_some_of_aupy_s_table_by_simulation(which: int) -> None:
    machine = machines()[which]
    stops = Stops(machine.mtbf_s, DOWN_S, RECOVERY_S)
    assert abs(deviation_of_period(machine.exact - SAVE_S, Save(SAVE_S), stops, 200, 1000)) < WITHIN


@pytest.mark.slow
def test_all_of_aupy_s_table_by_simulation() -> None:
    found = [
        deviation_of_period(period - SAVE_S, Save(SAVE_S), Stops(machine.mtbf_s, DOWN_S, RECOVERY_S), 500, 1000)
        for machine in machines()
        for period in periods_of(machine)
    ]
    assert max(map(abs, found)) < WITHIN
    # The four periods of a machine are simulated with the same failures, so only ten of the forty are independent.
    assert sum(each**2 for each in found[3::4]) < chi2.ppf(0.999, 10)


@pytest.mark.parametrize(
    "oracle, mtbf_s, save_s",
    [("O204", DAY, 120), ("O205", DAY, 300), ("O206", 3.09 * HOUR, 60), ("O207", 7 * DAY, 464.4)],
)
def test_published_waste_by_simulation(oracle: str, mtbf_s: float, save_s: float) -> None:
    best = intervals.daly_higher(save_s, mtbf_s)
    job = replace(a_job(60.0, Save(save_s), Stops(mtbf_s, 0, 600), 1), stretches=(Stretch(1_200_000, (TICKS,)),))
    grid = [factor * best for factor in (1 / 3, 1, 3)]
    for found, published in zip(waste_by_interval(RunPlan((job,)), grid, 5, 600), numbers(oracle), strict=True):
        # Two decimals of a percent are printed, and the last interval of a run is shorter than the others.
        assert abs(found.waste - published / 100) < WITHIN * found.error + 1e-4


@pytest.mark.parametrize("interval_s, written_s", [(600, 0), (600, 250), (600, 600), (200, 400)])
def test_asynchronous_saves_are_as_derived(interval_s: float, written_s: float) -> None:
    stops = Stops(4000, 60, 500)
    job = a_job(interval_s, Save(12, written_s), stops, 3000)
    found = run_many(RunPlan((job,)), 3, 400).end_s[:, 0]
    # The last save is a blocking one: a write instead of a pause, after the wait for the one before.
    expected = 3000 * interval_s * slowdown(interval_s, Save(12, written_s), stops)
    ends = (found.std(ddof=1) / math.sqrt(len(found)), 2 * (written_s + interval_s) + 12)
    assert abs(found.mean() - expected) < WITHIN * ends[0] + ends[1]
    assert ends[1] < 0.001 * expected


def weibull(shape: float, runs: int) -> NDArray[np.float64]:
    source = Source("unit", Strikes.STOP, 16, 4 * DAY, shape, detection=Wait(300.0))
    job = JobRun(
        "job", (Stretch(1000, (600 * TICKS,), save_every=10),), restart_ticks=300 * TICKS,
        saving=Saving(save_ticks=60 * TICKS), sources=(source,),
    )  # fmt: skip
    return run_many(RunPlan((job,)), 11, runs).end_s[:, 0]


def test_a_weibull_shape_of_one_is_the_exponential() -> None:
    exponential, one = weibull(1.0, 2000), weibull(1.0 + 1e-9, 2000)
    error = math.sqrt((exponential.var() + one.var()) / 2000)
    assert abs(exponential.mean() - one.mean()) < WITHIN * error
    assert np.quantile(one, (0.1, 0.9)) == pytest.approx(np.quantile(exponential, (0.1, 0.9)), rel=0.005)
    # Units that wear out hardly fail in their first seven days of work, units that fail early fail more.
    assert weibull(3.0, 200).mean() < exponential.mean() - 10 * error < weibull(0.6, 200).mean()


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
def test_failures_are_as_many_as_renewal_theory_says(shape: float) -> None:
    """In a time t that is long against the mean gap m there are t/m + (c^2 - 1)/2, c^2 the squared variation of the gaps."""
    source = Source("unit", Strikes.STOP, 1, DAY, shape)
    job = JobRun("job", (Stretch(2880, (600 * TICKS,), save_every=1),), sources=(source,))  # 20 days
    found = run_many(RunPlan((job,)), 43, 4000).failures[:, 0].astype(float)
    squared = math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1
    # Half a step of each gap is in vain.
    expected = 20 * DAY / (DAY - 300) + (squared - 1) / 2
    assert abs(deviation(found, expected)) < WITHIN
    assert found.var() == pytest.approx(20 * squared, rel=0.15)


def test_meta_s_ettr_where_losses_are_below_a_quarter() -> None:
    mtbf, restart = 1000 * DAY / (6.50 * 12000 / 8), 300.0  # O210
    interval = intervals.young(10, mtbf)
    job = a_job(interval, Save(10), Stops(mtbf, 0, restart), 2000)
    found = run_many(RunPlan((job,)), 13, 500)
    ettr = 2000 * interval / found.end_s[:, 0].mean()
    assert 1 - ettr < 0.25
    # What the formula leaves out is of second order in what is lost.
    assert ettr == pytest.approx(intervals.expected_ettr(interval, 10, mtbf, restart), abs=(1 - ettr) ** 2)


CAUSES = (148, 72, 54, 35, 32, 19, 17, 7, 7, 6, 6, 3, 3, 2, 2, 2, 2, 2)
"""Unexpected interruptions of Llama 3 405B in 54 days by cause: arXiv 2407.21783, Table 5."""


def llama(save_s: float) -> JobRun:
    """16,384 H100 for 54 days at the published rates, ten minutes from a failure to the next step."""
    sources = tuple(
        Source(f"cause {i}", Strikes.STOP, 2048, 2048 * 54 * DAY / count, detection=Wait(300.0, 0.5))
        for i, count in enumerate(CAUSES)
    )
    job = JobRun(
        "llama", (Stretch(500_000, (8 * TICKS,)),), restart_ticks=290 * TICKS,
        saving=Saving(save_ticks=ticks(save_s), restore_ticks=10 * TICKS), sources=sources,
    )  # fmt: skip
    best = best_interval(job)
    assert best is not None
    return replace(job, stretches=(replace(job.stretches[0], save_every=best.steps[0]),))


def test_llama_3_is_interrupted_419_times_in_54_days() -> None:
    assert sum(CAUSES) == 419
    found = run_many(RunPlan((llama(10.0),)), 17, 200)
    in_54_days = found.failures.sum(axis=1) * (54 * DAY / found.end_s[:, 0])
    assert abs(in_54_days.mean() - 419) < math.sqrt(419)  # failures come on the clock of work, so fewer by what is down
    assert in_54_days.std() == pytest.approx(math.sqrt(419), rel=0.2)


def test_more_than_90_percent_effective_needs_saves_of_about_ten_seconds() -> None:
    def effective(save_s: float) -> float:
        losses = run_many(RunPlan((llama(save_s),)), 19, 100).losses_s
        return float(losses[:, 0, Loss.PRODUCTIVE].sum() / losses.sum())

    assert effective(10.0) > 0.90 > effective(30.0) > effective(60.0)


@pytest.mark.parametrize("mode", ["blocking", "asynchronous"])
def test_the_closed_optimum_is_the_simulated_one(mode: str) -> None:
    saving = Saving(save_ticks=120 * TICKS, restore_ticks=100 * TICKS)
    if mode == "asynchronous":
        saving = replace(saving, mode="asynchronous", pause_ticks=15 * TICKS)
    sources = (
        Source("unit", Strikes.STOP, 64, 64 * 20 * HOUR, detection=Wait(120.0, 0.5)),
        Source("software", Strikes.STOP, 1, 40 * HOUR, detection=Wait(1200.0)),
    )
    job = JobRun(
        "job",
        (Stretch(300_000, (10 * TICKS,)),),
        restart_ticks=300 * TICKS,
        restart_fails=0.1,
        saving=saving,
        sources=sources,
    )
    best = best_interval(job)
    assert best is not None
    grid = [factor * best.seconds for factor in (0.25, 0.5, 0.75, 1.0, 1.33, 2.0, 4.0)]
    found = waste_by_interval(RunPlan((job,)), grid, 23, 200)
    for each in found:
        assert abs(each.waste - best.waste_at(each.interval_s)) < WITHIN * each.error
    least = min(found, key=lambda each: each.waste)
    assert found[3].waste <= least.waste + 2 * least.error
    for wrong in (found[0], found[6]):
        assert wrong.waste > found[3].waste + WITHIN * wrong.error


STEPS, STEP = 20_000, HOUR


def a_job_with_spares(mtbf_s: float, repair: Wait, may_miss: int = 0) -> RunPlan:
    """16 systems; saves, starts and swaps take no time, so that only repairs do."""
    source = Source("unit", Strikes.STOP, 16, mtbf_s, repair=repair, pool=0)
    times = tuple(ticks(STEP * 16 / (16 - missing)) for missing in range(may_miss + 1))
    job = JobRun("job", (Stretch(STEPS, times, save_every=1),), sources=(source,), pools=(Pool(0, may_miss),))
    return RunPlan((job,))


@pytest.mark.parametrize("repair", [Wait(2 * DAY), Wait(2 * DAY, 1.0)], ids=["fixed", "log-normal"])
def test_spares_are_worth_what_erlang_says(repair: Wait) -> None:
    (job,), runs, work = a_job_with_spares(60 * DAY, repair).jobs, 60, STEPS * STEP
    for spares in range(4):
        plan = RunPlan((replace(job, pools=(Pool(spares),)),))
        waits = (run_many(plan, 29, runs).end_s[:, 0] - work) / work
        share = waiting_for_units(16, spares, 60 * DAY, 2 * DAY)
        # Each failure also cuts off half a step; the first spare goes to repair when all are still there.
        vain = 16 / (60 * DAY) * STEP / 2
        assert abs(waits.mean() - vain - share / (1 - share)) < WITHIN * waits.std() / math.sqrt(runs) + 2 * DAY / work


def test_a_spare_saves_less_than_the_one_before() -> None:
    found = spares_worth(a_job_with_spares(60 * DAY, Wait(2 * DAY)), 3, 31, 60)
    assert [each.spares for each in found] == [0, 1, 2, 3]
    saved = [each.saved_s for each in found]
    assert saved[0] == 0 and saved[1] > 3 * saved[2] > 9 * saved[3] > 0
    assert found[0].end_s - found[3].end_s == pytest.approx(sum(saved))


def test_a_shrunk_job_runs_at_the_rate_of_what_is_up() -> None:
    plan = a_job_with_spares(100 * DAY, Wait(DAY), may_miss=8)
    found = run_many(plan, 37, 50).end_s[:, 0]
    rate = expected_rate([float(up) for up in range(17)], availability(100 * DAY, DAY))
    # Half a step is cut off at each failure, and half a step passes until a unit that is back is taken in, 1/16 slower.
    vain = 16 / (100 * DAY) * (STEP + STEP / 16) / 2
    assert abs(deviation(found / (STEPS * STEP), 16 / rate + vain)) < WITHIN
