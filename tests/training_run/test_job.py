"""One job without failures, to the tick: start-up, steps, saves, evaluations, maintenance, and nothing else."""

from dataclasses import replace

import pytest

from tests.training_run.injected import told
from wafersim.training_run.plan import JobOutcome, JobRun, Loss, RunPlan, Saving, Stretch
from wafersim.training_run.processes import run_reference

JOB = JobRun(
    name="ten steps",
    stretches=(Stretch(10, (3,), stall_ticks=1, save_every=4, evaluate_every=5),),
    initial_ticks=5,
    restart_ticks=2,
    evaluate_ticks=2,
    saving=Saving(save_ticks=3, restore_ticks=3),
)


def log_of(job: JobRun) -> list[str]:
    return told(run_reference(RunPlan((job,)), seed=1))


def outcome_of(job: JobRun) -> JobOutcome:
    return run_reference(RunPlan((job,)), seed=1).jobs[0]


def test_the_end_is_start_up_steps_saves_and_evaluations() -> None:
    # 5 + 10 x (3 + 1) + saves after 4, 8 and 10 of 3 + evaluations after 5 and 10 of 2 = 58
    outcome = outcome_of(JOB)
    assert outcome.end_ticks == 58
    assert outcome.losses == (30, 10, 5, 0, 9, 0, 0, 0, 4, 0, 0)
    assert (outcome.starts, outcome.saves) == (1, 3)


def test_the_whole_log_of_a_job() -> None:
    assert log_of(JOB) == [
        "0 BEGIN 0",
        "5 STARTED 0",
        "21 SAVE 4",  # 5 + 4 x 4
        "24 DURABLE 4",
        "24 SAVED 4",
        "30 EVALUATED 5",  # 24 + 4 + 2
        "42 SAVE 8",  # 30 + 3 x 4
        "45 DURABLE 8",
        "45 SAVED 8",
        "55 EVALUATED 10",  # 45 + 2 x 4 + 2
        "55 SAVE 10",
        "58 DURABLE 10",
        "58 SAVED 10",
        "58 DONE 10",
    ]


def test_without_saves_there_is_no_last_save() -> None:
    job = replace(JOB, stretches=(Stretch(10, (3,), stall_ticks=1),))
    assert log_of(job) == ["0 BEGIN 0", "5 STARTED 0", "45 DONE 10"]


def test_a_save_in_one_stretch_makes_a_last_save_of_the_job() -> None:
    job = replace(JOB, stretches=(Stretch(3, (2,), save_every=2), Stretch(3, (5,))))
    # 5 + 2 x 2, save of 3, one of 2, three of 5, save of 3
    assert log_of(job)[2:] == [
        *("9 SAVE 2", "12 DURABLE 2", "12 SAVED 2"),
        *("29 SAVE 6", "32 DURABLE 6", "32 SAVED 6", "32 DONE 6"),
    ]


def test_what_is_due_is_counted_in_steps_of_the_whole_job() -> None:
    """The last step of a stretch belongs to it: after 4 the first stretch's evaluation, after 6 the second's."""
    job = replace(JOB, stretches=(Stretch(4, (1,), evaluate_every=4), Stretch(6, (1,), evaluate_every=3)))
    # 5 + 4 + 2; 6 is the next multiple of 3: 2 steps + 2; 9: 3 + 2; then the tenth step
    assert log_of(job)[2:] == ["11 EVALUATED 4", "15 EVALUATED 6", "20 EVALUATED 9", "21 DONE 10"]


def test_a_run_may_be_longer_than_int64_holds() -> None:
    job = replace(JOB, stretches=(Stretch(10, (10**30,), save_every=5),))
    assert outcome_of(job).end_ticks == 5 + 10**31 + 2 * 3


def test_an_asynchronous_save_stops_training_for_its_pause_alone() -> None:
    saving = Saving(mode="asynchronous", save_ticks=10, pause_ticks=1)
    job = replace(JOB, stretches=(Stretch(6, (4,), save_every=2),), saving=saving)
    assert log_of(job) == [
        "0 BEGIN 0",
        "5 STARTED 0",
        "13 SAVE 2",
        "14 SAVED 2",  # the pause
        "22 SAVE 4",  # two steps later the write of 2 is still under way
        "24 DURABLE 2",  # 14 + 10: waited for
        "25 SAVED 4",
        "35 DURABLE 4",  # 25 + 10; step 6 was reached at 33 and waits for it
        "35 SAVE 6",  # the last one is blocking
        "45 DURABLE 6",
        "45 SAVED 6",
        "45 DONE 6",
    ]
    # steps 24; saves: pause, wait of 2 + pause, wait of 2, and 10
    assert outcome_of(job).losses == (24, 0, 5, 0, 1 + 3 + 2 + 10, 0, 0, 0, 0, 0, 0)


def test_a_write_that_completes_as_the_next_save_is_due_comes_first() -> None:
    saving = Saving(mode="asynchronous", save_ticks=8, pause_ticks=0)
    job = replace(JOB, stretches=(Stretch(6, (4,), save_every=2),), saving=saving)
    assert log_of(job)[2:7] == ["13 SAVE 2", "13 SAVED 2", "21 DURABLE 2", "21 SAVE 4", "21 SAVED 4"]


def test_an_asynchronous_write_of_no_time_is_complete_before_training_goes_on() -> None:
    saving = Saving(mode="asynchronous", save_ticks=0, pause_ticks=1)
    job = replace(JOB, stretches=(Stretch(3, (4,), save_every=2),), saving=saving)
    assert log_of(job)[2:5] == ["13 SAVE 2", "14 DURABLE 2", "14 SAVED 2"]


def test_a_memory_save_comes_before_the_save_and_the_evaluation() -> None:
    stretch = Stretch(4, (3,), save_every=2, memory_every=1, evaluate_every=2)
    job = replace(JOB, stretches=(stretch,), saving=Saving(save_ticks=3, memory_ticks=1))
    assert log_of(job)[2:8] == [
        *("9 KEPT 1", "13 KEPT 2", "13 SAVE 2"),
        *("16 DURABLE 2", "16 SAVED 2", "18 EVALUATED 2"),
    ]
    assert log_of(job)[8:] == [  # no memory save after the last step
        *("22 KEPT 3", "27 EVALUATED 4", "27 SAVE 4", "30 DURABLE 4", "30 SAVED 4", "30 DONE 4"),
    ]


MAINTAINED = replace(JOB, maintenance_every_ticks=30, maintenance_ticks=7)


def test_maintenance_waits_for_the_work_of_a_boundary() -> None:
    """It falls due at 30, just as the evaluation after step 5 ends; step 5 is saved for it, and read again."""
    assert log_of(MAINTAINED)[5:] == [
        "30 EVALUATED 5",
        "30 SAVE 5",
        "33 DURABLE 5",
        "33 SAVED 5",
        "33 MAINTENANCE 5",
        "40 DOWN_ENDS 5",
        "45 STARTED 5",  # 2 + 3
        "57 SAVE 8",  # three steps
        "60 DURABLE 8",
        "60 SAVED 8",
        "60 MAINTENANCE 8",  # due at 60; step 8 is in the store
        "67 DOWN_ENDS 8",
        "72 STARTED 8",
        "82 EVALUATED 10",
        "82 SAVE 10",
        "85 DURABLE 10",
        "85 SAVED 10",
        "85 DONE 10",
    ]
    assert outcome_of(MAINTAINED).losses == (30, 10, 5, 4, 12, 6, 0, 0, 4, 14, 0)


@pytest.mark.parametrize(("every", "step", "at"), [(12, 2, 13), (13, 2, 13), (14, 3, 17)])
def test_maintenance_comes_at_the_first_step_end_at_or_after_it_is_due(every: int, step: int, at: int) -> None:
    job = replace(MAINTAINED, maintenance_every_ticks=every, maintenance_ticks=1)
    assert f"{at} SAVE {step}" in log_of(job)
    assert f"{at + 3} MAINTENANCE {step}" in log_of(job)


def test_maintenance_that_falls_due_in_a_start_comes_once_it_has_started() -> None:
    job = replace(MAINTAINED, initial_ticks=50, maintenance_every_ticks=40, maintenance_ticks=1000)
    assert log_of(job)[:5] == ["0 BEGIN 0", "50 STARTED 0", "50 MAINTENANCE 0", "1050 DOWN_ENDS 0", "1052 STARTED 0"]


def test_all_that_fell_due_up_to_the_end_of_maintenance_is_done() -> None:
    """Due at 30, done from 33 to 123; those of 60, 90 and 120 are done, that of 150 is not."""
    job = replace(MAINTAINED, maintenance_ticks=90)
    maintained = [line for line in log_of(job) if "MAINTENANCE" in line]
    # 123 + 5 of a start; steps 6 to 8 until 140, save until 143, steps 9 and 10 until 151: the last step has none
    assert maintained == ["33 MAINTENANCE 5"]
    # 27 more: from 33 to 150, one that ends as the next falls due, which is done with it
    assert [line for line in log_of(replace(job, maintenance_ticks=117)) if "MAINTENANCE" in line] == maintained
    # one tick less, and the next is due at 150 in the start, at 149 + 5
    assert log_of(replace(job, maintenance_ticks=116)).count("154 MAINTENANCE 5") == 1


def test_maintenance_waits_for_a_write_under_way_and_takes_what_is_in_memory() -> None:
    stretch = Stretch(8, (4,), save_every=2, memory_every=3)
    saving = Saving(mode="asynchronous", save_ticks=9, restore_ticks=3, memory_restore_ticks=1)
    job = replace(MAINTAINED, stretches=(stretch,), saving=saving, maintenance_every_ticks=17)
    assert log_of(job)[2:11] == [
        "13 SAVE 2",
        "13 SAVED 2",
        "17 KEPT 3",
        "22 DURABLE 2",  # due at 17, the end of step 3
        "22 SAVE 3",
        "31 DURABLE 3",
        "31 SAVED 3",
        "31 MAINTENANCE 3",
        "38 DOWN_ENDS 3",
    ]
    assert log_of(job)[11] == "43 STARTED 3"  # from the store, though memory held 3 too


def test_losses_have_a_place_for_each_class() -> None:
    assert len(outcome_of(JOB).losses) == len(Loss)
