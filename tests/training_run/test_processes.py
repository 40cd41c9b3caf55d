"""Several jobs: who begins when, and whose turn it is at the store; and whole runs drawn at random."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training_run.audit import audit
from tests.training_run.injected import strikes, told
from tests.training_run.plans import run_plans
from wafersim.training_run.plan import JobRun, Loss, Outcome, RunPlan, Saving, Source, Stretch, Strikes
from wafersim.training_run.processes import run_reference


def lasting(ticks: int, needs: int) -> JobRun:
    return JobRun(f"{ticks} ticks on {needs}", (Stretch(1, (ticks,)),), needs=needs)


def spans(outcome: Outcome) -> list[tuple[int, int]]:
    """From the beginning to the end of each job."""
    return [(job.losses[Loss.WAITING], job.end_ticks) for job in outcome.jobs]


@pytest.mark.parametrize(
    ("backfill", "expected"),
    [
        (True, [(0, 10), (10, 15), (0, 4), (4, 10)]),  # the third and the fourth pass the second, which needs all
        (False, [(0, 10), (10, 15), (15, 19), (15, 21)]),
    ],
)
def test_jobs_wait_in_order_and_backfill_lets_them_pass(backfill: bool, expected: list[tuple[int, int]]) -> None:
    jobs = (lasting(10, 3), lasting(5, 4), lasting(4, 1), lasting(6, 1))
    assert spans(run_reference(RunPlan(jobs, systems=4, backfill=backfill), seed=1)) == expected


def test_jobs_end_before_others_begin() -> None:
    """Two that end at 10 make room for one that needs both, before the later one that fits into the first."""
    jobs = (lasting(10, 1), lasting(10, 1), lasting(3, 2), lasting(1, 1))
    assert spans(run_reference(RunPlan(jobs, systems=2), seed=1))[2:] == [(10, 13), (13, 14)]


def saving(steps: int, step_ticks: int, every: int, ticks: int, initial: int = 0) -> JobRun:
    stretch = Stretch(steps, (step_ticks,), save_every=every)
    return JobRun("saves", (stretch,), initial_ticks=initial, saving=Saving(save_ticks=ticks, restore_ticks=ticks))


def test_the_store_serves_one_after_the_other_in_the_order_of_asking() -> None:
    """Both ask for one write: the second at 6, while the first's is written from 5 to 15."""
    plan = RunPlan((saving(1, 6, 1, 4), saving(1, 5, 1, 10)), systems=2)
    outcome = run_reference(plan, seed=1)
    assert [job.end_ticks for job in outcome.jobs] == [19, 15]
    assert outcome.jobs[0].losses[Loss.CHECKPOINT_SAVE] == 13  # 9 of them it waited


def test_those_of_one_instant_are_served_in_the_order_of_jobs() -> None:
    """At 12 the first job comes by two steps of 6, the second by one of 12, the third by twelve of 1."""
    jobs = (saving(2, 6, 2, 5), saving(1, 12, 1, 3), saving(12, 1, 12, 7))
    assert [job.end_ticks for job in run_reference(RunPlan(jobs, systems=3), seed=1).jobs] == [17, 20, 27]
    backwards = run_reference(RunPlan(jobs[::-1], systems=3), seed=1)
    assert [job.end_ticks for job in backwards.jobs] == [19, 22, 27]


def test_one_that_asks_as_the_store_becomes_free_waits_behind_one_that_asked_earlier() -> None:
    jobs = (
        saving(1, 10, 1, 5),
        saving(1, 4, 1, 6),
        saving(1, 9, 1, 2),
    )  # from 4 to 10, then the third's, then the first's
    assert [job.end_ticks for job in run_reference(RunPlan(jobs, systems=3), seed=1).jobs] == [17, 10, 12]


def test_what_takes_no_time_does_not_wait() -> None:
    jobs = (saving(1, 6, 1, 0), saving(1, 5, 1, 10))
    assert [job.end_ticks for job in run_reference(RunPlan(jobs, systems=2), seed=1).jobs] == [6, 15]


def test_a_restore_waits_behind_the_write_of_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second job fails at 15 of work, after its save of step 1 (5 to 9); the first writes from 14 to 24."""
    stop = Source("dies", Strikes.STOP, 1, 1.0)
    jobs = (saving(1, 14, 1, 10), replace(saving(3, 5, 1, 4), sources=(stop,)))
    strikes(monkeypatch, {0: [10]}, job=1)
    outcome = run_reference(RunPlan(jobs, systems=2), seed=1)
    assert told(outcome, 1)[:8] == [
        *("0 BEGIN 0", "0 STARTED 0", "5 SAVE 1", "9 DURABLE 1", "9 SAVED 1"),
        *("10 FAILED 1 by 0", "10 DOWN_ENDS 1", "14 STARTED 1"),
    ]
    assert told(outcome, 0)[2] == "14 SAVE 1"
    strikes(monkeypatch, {0: [15]}, job=1)  # it asks at 15 for step 2's write, which waits and is lost
    outcome = run_reference(RunPlan(jobs, systems=2), seed=1)
    # step 2 ends at 14, its write is behind the first job's (14 to 24) from 24 to 28, then the restore
    assert told(outcome, 1)[5:9] == ["14 SAVE 2", "15 FAILED 2 by 0", "15 DOWN_ENDS 1", "32 STARTED 1"]
    assert outcome.jobs[1].losses[Loss.CHECKPOINT_RESTORE] == 17


def test_each_run_of_a_plan_is_another_and_each_is_the_same_again() -> None:
    stop = Source("dies", Strikes.STOP, 4, 40e-12)
    plan = RunPlan((replace(saving(20, 3, 2, 1), sources=(stop,)),))
    ends = [run_reference(plan, seed=5, run=run).end_ticks for run in range(8)]
    assert ends == [run_reference(plan, seed=5, run=run, log=False).end_ticks for run in range(8)]
    assert len(set(ends)) > 4
    assert run_reference(plan, seed=5, log=False).log == () != run_reference(plan, seed=5).log


@settings(max_examples=300, deadline=None)
@given(run_plans(), st.integers(0, 2**40))
def test_no_step_is_lost_or_counted_twice(plan: RunPlan, seed: int) -> None:
    audit(plan, run_reference(plan, seed))
