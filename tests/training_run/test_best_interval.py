"""The best interval of a job's plan: what its sources and saves come to."""

import math
from dataclasses import replace

import pytest

from wafersim.training_run.best_interval import best_interval, stops_of
from wafersim.training_run.draws import TICKS
from wafersim.training_run.intervals import Save as Cost
from wafersim.training_run.intervals import best_interval_s
from wafersim.training_run.plan import JobRun, Pool, Saving, Source, Stretch, Strikes, Wait

DAY = 86400.0


def a_job(**changes: object) -> JobRun:
    """10 s steps, blocking saves of two minutes, restarts of five and restores of five, a failure a day in the whole."""
    whole = JobRun(
        "job", (Stretch(100_000, (10 * TICKS,), save_every=100),), restart_ticks=300 * TICKS,
        saving=Saving(save_ticks=120 * TICKS, restore_ticks=300 * TICKS),
        sources=(Source("unit", Strikes.STOP, 16, 16 * DAY, detection=Wait(60.0, 0.5)),),
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_a_plan_with_one_source_is_the_textbook_s_case() -> None:
    found = best_interval(a_job())
    assert found is not None
    assert (found.stops.mtbf_s, found.stops.down_s, found.stops.recovery_s) == pytest.approx((DAY, 60, 600))
    assert found.seconds == pytest.approx(4474, rel=1e-4)  # oracle O204
    assert found.steps == (447,)
    assert [100 * found.waste(f) for f in (1 / 3, 1, 3)] == pytest.approx([9.0, 5.9, 9.1], abs=0.07)


def test_rates_add_up_and_their_down_times_are_weighted_by_them() -> None:
    sources = (
        Source("unit", Strikes.STOP, 1, 2 * DAY, detection=Wait(60.0), repair=Wait(3600.0)),  # in place
        Source("software", Strikes.STOP, 3, 12 * DAY, detection=Wait(600.0)),  # 1 in 4 days
        Source("nothing", Strikes.STOP, 0, DAY),
    )
    stops = stops_of(a_job(sources=sources), in_memory=False)
    assert stops.mtbf_s == pytest.approx(4 / 3 * DAY)
    assert stops.down_s == pytest.approx((2 * 3660 + 600) / 3)


@pytest.mark.parametrize("spares, may_miss, down", [(1, 0, 60 + 30), (0, 1, 60), (0, 0, 60 + 7200)])
def test_a_spare_spares_the_repair(spares: int, may_miss: int, down: float) -> None:
    source = Source("unit", Strikes.STOP, 16, DAY, detection=Wait(60.0), repair=Wait(7200.0), pool=0)
    job = a_job(sources=(source,), pools=(Pool(spares, may_miss),), swap_ticks=30 * TICKS)
    assert stops_of(job, in_memory=False).down_s == pytest.approx(down)


def test_an_asynchronous_save_costs_its_pause_and_is_made_no_oftener_than_it_is_written() -> None:
    saving = Saving("asynchronous", save_ticks=120 * TICKS, pause_ticks=6 * TICKS, restore_ticks=300 * TICKS)
    found = best_interval(a_job(saving=saving))
    assert found is not None
    assert found.seconds == pytest.approx(best_interval_s(Cost(6), DAY))
    slow = best_interval(a_job(saving=replace(saving, save_ticks=7200 * TICKS)))
    assert slow is not None and slow.seconds == 7200 and slow.steps == (720,)


def test_stretches_have_their_own_steps_of_one_time_with_stalls_and_evaluations() -> None:
    stretches = (Stretch(100, (10 * TICKS,)), Stretch(100_000, (15 * TICKS,), 4 * TICKS, evaluate_every=60))
    found = best_interval(a_job(stretches=stretches, evaluate_ticks=60 * TICKS))
    assert found is not None and found.steps == (447, 224)  # 4474 s of 10 s, and of 15 + 4 + 60/60 s


def test_without_failures_there_is_no_best_interval_and_saves_of_nothing_are_made_at_each_step() -> None:
    assert best_interval(a_job(sources=())) is None
    found = best_interval(a_job(saving=Saving()))
    assert found is not None and found.steps == (1,) and found.seconds == 10


def test_an_interval_is_no_longer_than_the_job() -> None:
    found = best_interval(a_job(stretches=(Stretch(50, (10 * TICKS,)),)))
    assert found is not None and found.steps == (50,)


def test_saves_in_memory_leave_the_store_to_the_failures_that_lose_them() -> None:
    source = Source("unit", Strikes.STOP, 16, 16 * DAY, loses_memory=0.25)
    stretch = Stretch(100_000, (10 * TICKS,), memory_every=10)
    saving = Saving(save_ticks=120 * TICKS, memory_ticks=TICKS)
    found = best_interval(a_job(sources=(source,), stretches=(stretch,), saving=saving))
    assert found is not None and found.stops.mtbf_s == pytest.approx(4 * DAY)
    # Beside it 1 s in 101, and in three of four days a restart of 300 s and half an interval of 101 s.
    assert found.memory_waste == pytest.approx(1 / 101 + 0.75 * (300 + 50.5) / DAY, rel=1e-2)
    # In the store 120 s in sqrt(2 x 120 s x 4 days) = 9,107 s, as much again is lost, and restarts; beside it the memory.
    assert found.waste() == pytest.approx(found.memory_waste + 2 * 120 / 9107 + 300 / (4 * DAY), rel=2e-2)


def test_spikes_go_back_further_and_corruptions_are_found_later() -> None:
    spike = Source("spike", Strikes.SPIKE, 1, DAY, back_steps=100)
    corrupt = Source("corrupt", Strikes.CORRUPT, 1, DAY, latency_s=DAY)
    plain = Source("stop", Strikes.STOP, 1, DAY)
    recovery = stops_of(a_job(sources=(plain,)), in_memory=False).recovery_s
    assert stops_of(a_job(sources=(spike,)), in_memory=False).recovery_s == pytest.approx(recovery + 1000)
    found = stops_of(a_job(sources=(corrupt,)), in_memory=False)
    assert found.mtbf_s == pytest.approx(2 * DAY)  # a day until it strikes, one until it is found
    assert found.recovery_s == pytest.approx(recovery + DAY)


def test_a_spike_is_mostly_of_the_steps_that_take_most_of_the_time() -> None:
    spike = Source("spike", Strikes.SPIKE, 1, DAY, back_steps=100)
    stretches = (Stretch(1000, (TICKS,)), Stretch(3000, (9 * TICKS,)))
    # 1,000 s in steps of 1 s and 27,000 s in steps of 9 s: (1 + 27 x 9) / 28 s in the mean.
    stops = stops_of(a_job(sources=(spike,), stretches=stretches), in_memory=False)
    assert stops.recovery_s == pytest.approx(600 + 100 * 244 / 28)


def test_units_that_fail_early_or_are_returned_count_as_often_as_they_fail_in_the_run() -> None:
    work = 1_000_000.0
    bad = Source("bad", Strikes.STOP, 5, work, removed=True)
    assert stops_of(a_job(sources=(bad,)), in_memory=False).mtbf_s == pytest.approx(work / (5 * (1 - math.exp(-1))))
    early = Source("early", Strikes.STOP, 5, 100 * work, 0.5)
    # 1 - exp(-sqrt(2 / 100)) = 0.132 of the five fail, and pi / 4 of the square of that twice.
    failures = work / stops_of(a_job(sources=(early,)), in_memory=False).mtbf_s
    assert failures == pytest.approx(5 * (0.132 + math.pi / 4 * 0.132**2), rel=0.02)


def test_starts_that_never_succeed_waste_everything() -> None:
    found = best_interval(a_job(restart_fails=1.0))
    assert found is not None and math.isinf(found.stops.recovery_s) and found.waste() == 1
