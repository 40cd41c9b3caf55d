"""What strikes in every kind of work, by injected failures, to the tick."""

from dataclasses import replace
from itertools import combinations

import pytest

from tests.training_run.audit import audit
from tests.training_run.injected import strikes, told
from tests.training_run.test_job import JOB
from wafersim.training_run.plan import JobOutcome, JobRun, Loss, RunPlan, Saving, Source, Stretch, Strikes, Wait
from wafersim.training_run.processes import run_reference

PS = 1e-12
STOP = Source("a node dies", Strikes.STOP, 1, 1.0, detection=Wait(10 * PS), repair=Wait(8 * PS))
FAILING = replace(JOB, sources=(STOP,))  # each failure is 18 ticks of recovery, a start 2, a restore 3
UNHURT = 58  # JOB's end without failures


def outcome_of(job: JobRun) -> JobOutcome:
    outcome = run_reference(RunPlan((job,)), seed=1)
    audit(RunPlan((job,)), outcome)
    return outcome.jobs[0]


def log_of(job: JobRun) -> list[str]:
    return told(run_reference(RunPlan((job,)), seed=1))


@pytest.mark.parametrize(
    ("phase", "at", "step", "back_to", "cost", "wasted"),
    [
        ("first start", 3, 0, 0, 3 + 18, 0),  # 3 of 5 in vain; the first start again is the one that counts
        ("at once", 0, 0, 0, 18, 0),
        ("as the first start ends", 5, 0, 0, 18 + 2, 0),
        ("in a step", 11, 1, 0, 4 + 2 + 18 + 2, 4 + 2),
        ("between two steps", 13, 2, 0, 8 + 18 + 2, 8),
        ("in a save", 22, 4, 0, 16 + 1 + 18 + 2, 16 + 1),
        ("as a save begins", 21, 4, 0, 16 + 18 + 2, 16),
        ("as a save ends", 24, 4, 4, 18 + 2 + 3, 0),
        ("in an evaluation", 29, 5, 4, 4 + 1 + 18 + 2 + 3, 4 + 1),
        ("after an evaluation, which is done again", 31, 5, 4, 4 + 2 + 1 + 18 + 2 + 3, 4 + 1),
        ("in the last save", 57, 10, 8, 8 + 2 + 2 + 18 + 2 + 3, 8 + 2),
        ("as the last save ends: never", 58, None, None, 0, 0),
    ],
)
def test_one_failure_in_each_phase(
    monkeypatch: pytest.MonkeyPatch, phase: str, at: int, step: int | None, back_to: int | None, cost: int, wasted: int
) -> None:
    strikes(monkeypatch, {0: [at]})
    outcome, log = outcome_of(FAILING), log_of(FAILING)
    assert outcome.end_ticks == UNHURT + cost
    assert outcome.losses[Loss.WASTED_PROGRESS] == wasted
    assert outcome.losses[Loss.PRODUCTIVE] == 30 and outcome.losses[Loss.DATA_LOADING] == 10
    if step is None:
        assert outcome.failures == (0,)
    else:
        assert f"{at} FAILED {step} by 0" in log and f"{at + 18} DOWN_ENDS {back_to}" in log
        assert outcome.losses[Loss.RECOVERY] == 18


def test_a_failure_in_a_start_and_one_in_its_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work until 31 (a step and a part after the checkpoint of 4), 1 of a start, then 2 + 2 of a start and its restore."""
    strikes(monkeypatch, {0: [31, 1, 4]})
    assert log_of(FAILING)[6:14] == [
        "31 FAILED 5 by 0",
        "49 DOWN_ENDS 4",
        "50 FAILED 4 by 0",
        "68 DOWN_ENDS 4",
        "72 FAILED 4 by 0",
        "90 DOWN_ENDS 4",
        "95 STARTED 4",
        "101 EVALUATED 5",
    ]
    outcome = outcome_of(FAILING)
    assert outcome.losses[Loss.PROGRAM_STARTUP] == 1 + 2 + 2
    assert outcome.losses[Loss.CHECKPOINT_RESTORE] == 2 + 3
    assert outcome.by_source == (4 + 1 + 3 * 18 + 5 + 5,)


def test_costs_go_to_the_failure_that_caused_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strikes in step 6; B in the start after it, and again two steps later: what was trained after A is B's."""
    b = replace(STOP, detection=Wait(5 * PS), repair=Wait(0.0))
    job = replace(JOB, sources=(STOP, b))
    strikes(monkeypatch, {0: [31], 1: [32, 13]})
    # A: step 5 and 1 tick, 18, then 1 of the start. B: 5, start and restore, then at 45 of work 13 after 32: a start and restore
    # of 5, step 5 of 4, an evaluation of 2, 2 ticks of step 6: 4 + 2 in vain, 5, start and restore 5.
    assert outcome_of(job).by_source == (4 + 1 + 18 + 1, 5 + 5 + 4 + 2 + 5 + 5)


def test_two_failures_at_one_instant_come_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second strikes at the very instant at which work begins again; the lower number is first."""
    job = replace(JOB, sources=(STOP, STOP))
    strikes(monkeypatch, {0: [22], 1: [22]})
    assert log_of(job)[3:7] == ["22 FAILED 4 by 0", "40 DOWN_ENDS 0", "40 FAILED 0 by 1", "58 DOWN_ENDS 0"]


def test_a_failure_in_the_first_start_begins_a_first_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes(monkeypatch, {0: [3]}, uniforms=[0.0])
    outcome = outcome_of(replace(FAILING, restart_fails=0.9))  # which is not drawn for it
    assert outcome.losses[Loss.INITIALIZATION] == 3 + 5 and outcome.losses[Loss.PROGRAM_STARTUP] == 0
    assert outcome.by_source == (18 + 5,)  # the 3 of the start that it cut off are nobody's


def test_a_start_may_fail_at_its_end_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes(monkeypatch, {0: [25]}, uniforms=[0.1, 0.2, 0.3])
    log = log_of(replace(FAILING, restart_fails=0.3))
    assert log[5:10] == ["25 FAILED 4 by 0", "43 DOWN_ENDS 4", "48 START_FAILED 4", "53 START_FAILED 4", "58 STARTED 4"]


@pytest.mark.parametrize("mode", ["blocking", "asynchronous"])
def test_any_two_failures_at_any_time_of_work(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Whenever they come, the same steps count, and every tick is accounted for."""
    saving = replace(JOB.saving, mode=mode, pause_ticks=1, memory_ticks=1, memory_restore_ticks=1)
    stretch = replace(JOB.stretches[0], memory_every=3)
    job = replace(FAILING, stretches=(stretch,), saving=saving, sources=(replace(STOP, loses_memory=0.2), STOP))
    for first, second in [*combinations(range(0, 90, 2), 2), *((at, at) for at in range(90))]:
        strikes(monkeypatch, {0: [first], 1: [second]})
        losses = outcome_of(job).losses
        assert losses[Loss.PRODUCTIVE] == 30 and losses[Loss.DATA_LOADING] == 10


def test_a_write_under_way_is_lost_with_its_job_and_its_time_stays_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write of step 2 is asked for at 13 and would be complete at 33; the save of step 2 again waits for that."""
    saving = Saving(mode="asynchronous", save_ticks=20, restore_ticks=3)
    quick = replace(STOP, detection=Wait(0.0), repair=Wait(0.0))
    job = replace(JOB, stretches=(Stretch(4, (4,), save_every=2),), saving=saving, sources=(quick,))
    strikes(monkeypatch, {0: [14]})
    assert log_of(job)[2:] == [
        "13 SAVE 2",
        "13 SAVED 2",
        "14 FAILED 2 by 0",
        "14 DOWN_ENDS 0",
        "16 STARTED 0",
        "24 SAVE 2",
        "24 SAVED 2",
        "53 DURABLE 2",  # 33 + 20
        *("53 SAVE 4", "73 DURABLE 4", "73 SAVED 4", "73 DONE 4"),
    ]


def test_a_write_complete_at_the_instant_of_a_failure_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    saving = Saving(mode="asynchronous", save_ticks=3, restore_ticks=3)
    job = replace(FAILING, saving=saving)
    strikes(monkeypatch, {0: [24]})
    assert log_of(job)[2:7] == ["21 SAVE 4", "21 SAVED 4", "24 DURABLE 4", "24 FAILED 4 by 0", "42 DOWN_ENDS 4"]


MEMORY = replace(
    FAILING,
    stretches=(Stretch(10, (4,), save_every=4, memory_every=3),),
    saving=Saving(save_ticks=3, restore_ticks=3, memory_ticks=1, memory_restore_ticks=2),
)


@pytest.mark.parametrize(("share", "back_to", "started"), [(0.0, 6, 37 + 18 + 2 + 2), (0.6, 4, 37 + 18 + 2 + 3)])
def test_the_newest_checkpoint_is_in_memory_unless_that_is_lost(
    monkeypatch: pytest.MonkeyPatch, share: float, back_to: int, started: int
) -> None:
    """Kept after step 3, saved after 4 (24), kept after 6 (34); the failure is at 37 and its uniform 0.5."""
    strikes(monkeypatch, {0: [37]})
    log = log_of(replace(MEMORY, sources=(replace(STOP, loses_memory=share),)))
    assert "34 KEPT 6" in log and f"55 DOWN_ENDS {back_to}" in log and f"{started} STARTED {back_to}" in log


def test_a_spike_goes_back_some_steps_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It strikes in step 10 (at 51 nine are done): two steps back, 8 will do, of three back the checkpoint of 4."""
    spike = replace(STOP, strikes=Strikes.SPIKE)
    strikes(monkeypatch, {0: [51]})
    for back_steps, back_to in [(0, 8), (1, 8), (2, 4), (5, 4), (6, 0), (50, 0)]:
        log = log_of(replace(JOB, sources=(replace(spike, back_steps=back_steps),)))
        assert "51 FAILED 9 by 0" in log and f"69 DOWN_ENDS {back_to}" in log


def test_the_store_keeps_the_newest_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    spike = replace(STOP, strikes=Strikes.SPIKE, back_steps=2)
    strikes(monkeypatch, {0: [51]})
    assert "69 DOWN_ENDS 0" in log_of(replace(JOB, saving=replace(JOB.saving, keep=1), sources=(spike,)))


CORRUPTS = replace(STOP, strikes=Strikes.CORRUPT)


def test_a_corruption_is_found_late_and_drops_what_came_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It strikes at 31, in step 6, and is found 20 ticks of work later, in step 10: the checkpoint of 8 is bad."""
    strikes(monkeypatch, {0: [31]}, latencies=[20])
    job = replace(JOB, sources=(CORRUPTS,))
    log = log_of(job)
    assert log[6] == "31 CORRUPTED 5 by 0"
    assert log[10:13] == ["51 FOUND 9 by 0", "69 DOWN_ENDS 4", "74 STARTED 4"]
    # 5 steps and 2 ticks of step 10 in vain; the save of 8 and the evaluation of 5 are done again, each in its own class
    assert outcome_of(job).by_source == (5 * 4 + 2 + 18 + 5,)
    assert outcome_of(job).losses[Loss.CHECKPOINT_SAVE] == 4 * 3 and outcome_of(job).losses[Loss.EVALUATION] == 3 * 2


def test_a_corruption_in_a_save_is_older_than_its_checkpoint_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of the very step at which it struck is good."""
    strikes(monkeypatch, {0: [22]}, latencies=[20])
    log = log_of(replace(JOB, sources=(CORRUPTS,)))
    assert log[3] == "22 CORRUPTED 4 by 0" and "42 FOUND 8 by 0" in log and "60 DOWN_ENDS 4" in log


def test_a_corruption_that_is_pending_at_the_end_is_found_before_the_last_save(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes(monkeypatch, {0: [47]}, latencies=[10**6])
    log = log_of(replace(JOB, sources=(CORRUPTS,)))
    assert log[9:13] == ["47 CORRUPTED 8 by 0", "55 EVALUATED 10", "55 FOUND 10 by 0", "73 DOWN_ENDS 8"]


def test_a_corruption_in_the_last_save_is_never_found(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes(monkeypatch, {0: [56]}, latencies=[10**6])
    log = log_of(replace(JOB, sources=(CORRUPTS,)))
    assert log[-4:] == ["56 CORRUPTED 10 by 0", "58 DURABLE 10", "58 SAVED 10", "58 DONE 10"]


def test_a_roll_back_to_before_a_corruption_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    job = replace(JOB, sources=(CORRUPTS, STOP))
    strikes(monkeypatch, {0: [31], 1: [35]}, latencies=[6])
    assert not any("FOUND" in line for line in log_of(job))
    strikes(monkeypatch, {0: [31], 1: [46]}, latencies=[17])  # back to the bad checkpoint of 8: found 2 into the start
    assert [line for line in log_of(job) if "FOUND" in line] == [f"{46 + 18 + 2} FOUND 8 by 0"]


def test_a_start_from_the_very_step_of_a_corruption_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It strikes in the save after step 4, whose checkpoint is good; a failure goes back there, or maintenance."""
    job = replace(JOB, sources=(CORRUPTS, STOP))
    strikes(monkeypatch, {0: [22], 1: [27]}, latencies=[13])
    assert not any("FOUND" in line for line in log_of(job))
    strikes(monkeypatch, {0: [22]}, latencies=[13])
    assert not any("FOUND" in line for line in log_of(replace(job, maintenance_every_ticks=23, maintenance_ticks=5)))


@pytest.mark.parametrize("every", [0, 23])
def test_a_start_that_follows_no_failure_does_not_fail(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """After maintenance, and of an unhurt job, nothing is drawn; the start after the failure is the first that is."""
    job = replace(FAILING, restart_fails=0.9, maintenance_every_ticks=every, maintenance_ticks=5)
    strikes(monkeypatch, {0: [49]}, uniforms=[0.1, 0.95])
    log = log_of(job)
    failed = [line for line in log if "START_FAILED" in line]
    assert len(failed) == 1
    assert log.index(failed[0]) > next(i for i, line in enumerate(log) if "FAILED" in line)


def test_a_failure_comes_before_a_corruption_found_at_its_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    job = replace(JOB, sources=(CORRUPTS, STOP))
    strikes(monkeypatch, {0: [31], 1: [46]}, latencies=[15])
    found = [line for line in log_of(job) if "FOUND" in line or "FAILED" in line]
    assert found == ["46 FAILED 8 by 1", "64 FOUND 8 by 0"]


def test_a_second_corruption_while_one_is_pending_is_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes(monkeypatch, {0: [31, 2, 3]}, latencies=[20])
    job = replace(JOB, sources=(CORRUPTS,))
    assert sum("CORRUPTED" in line for line in log_of(job)) == 1
    assert outcome_of(job).failures == (3,)
    assert sum("FOUND" in line for line in log_of(job)) == 1


def test_maintenance_that_falls_due_while_the_job_is_down_comes_when_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes what is in memory (6), so the job goes back to the store's 4; what that costs is the failure's."""
    strikes(monkeypatch, {0: [37]})
    job = replace(MEMORY, maintenance_every_ticks=55, maintenance_ticks=9)
    log = log_of(job)
    i = log.index("37 FAILED 6 by 0")
    assert log[i : i + 4] == ["37 FAILED 6 by 0", "55 MAINTENANCE 6", "64 DOWN_ENDS 4", "69 STARTED 4"]
    outcome = outcome_of(job)
    assert outcome.by_source == (2 * 4 + 3 + 18 + 5,)  # steps 5 and 6, 3 ticks of step 7
    assert outcome.losses[Loss.RECOVERY] == 18 and outcome.losses[Loss.MAINTENANCE] == 9


def test_a_failure_in_the_save_for_maintenance_puts_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes(monkeypatch, {0: [31]})
    job = replace(FAILING, maintenance_every_ticks=30, maintenance_ticks=7)
    log = log_of(job)
    assert log[5:9] == ["30 EVALUATED 5", "30 SAVE 5", "31 FAILED 5 by 0", "49 MAINTENANCE 5"]
    assert log[9:11] == ["56 DOWN_ENDS 4", "61 STARTED 4"]
