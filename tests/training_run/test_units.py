"""Units of a job: spares, repair, shrink and expand."""

from dataclasses import replace

import pytest

from tests.training_run.injected import strikes
from tests.training_run.test_job import JOB
from tests.training_run.test_work import PS, log_of, outcome_of
from wafersim.training_run.plan import Loss, Pool, Source, Stretch, Strikes, Wait
from wafersim.training_run.units import Units

DIES = Source("a system dies", Strikes.STOP, 1, 1.0, detection=Wait(10 * PS), repair=Wait(100 * PS), pool=0)
POOLED = replace(JOB, pools=(Pool(spares=1),), sources=(DIES,), swap_ticks=6)


def test_a_spare_takes_the_place_of_what_is_missing() -> None:
    units = Units([Pool(spares=1, may_miss=2)])
    units.take(0, [50, 40])
    assert (units.missing, units.replace(0, now=10), units.missing) == (2, 1, 1)
    assert not units.too_few(0) and units.next_back(0) == 40
    assert not units.could_be_complete(39) and units.could_be_complete(40)
    units.replace_all(60)
    assert units.missing == 0 and not units.could_be_complete(60)  # the other one lies there as a spare
    units.take(0, [99])
    assert units.replace(0, now=60) == 1


def test_a_swap_takes_its_time_after_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes(monkeypatch, {0: [22]})
    assert log_of(POOLED)[3:6] == ["22 FAILED 4 by 0", "38 DOWN_ENDS 0", "40 STARTED 0"]


def test_without_a_spare_the_job_waits_for_the_repair_and_no_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second failure, 3 ticks into the start, finds no spare; the first one's unit is back at 32 + 100."""
    strikes(monkeypatch, {0: [22, 3]})
    assert log_of(POOLED)[5:8] == ["40 STARTED 0", "41 FAILED 0 by 0", "132 DOWN_ENDS 0"]


def test_units_that_come_back_during_a_swap_end_the_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are taken, one replaced; the other is back 4 ticks after detection, in the swap of 6."""
    job = replace(POOLED, sources=(replace(DIES, takes=2, repair=Wait(4 * PS)),))
    strikes(monkeypatch, {0: [22]})
    assert log_of(job)[4] == "38 DOWN_ENDS 0"
    slower = replace(job, sources=(replace(DIES, takes=2, repair=Wait(9 * PS)),))
    assert log_of(slower)[4] == "41 DOWN_ENDS 0"
    at_once = replace(job, pools=(Pool(spares=0),), sources=(replace(DIES, repair=Wait(0.0)),))
    assert log_of(at_once)[4] == "38 DOWN_ENDS 0"  # it is there at the very instant, and swapped in


def test_a_burst_takes_more_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of four are more than may be missing with one spare: the job waits for the repair, 100 after 32."""
    job = replace(POOLED, stretches=SHRINKS, pools=(Pool(spares=1, may_miss=1),))
    bursts = replace(DIES, burst_share=0.6, burst_units=3)
    strikes(monkeypatch, {0: [22]})  # the uniform is 0.5
    assert log_of(replace(job, sources=(bursts,)))[4] == "132 DOWN_ENDS 0"
    assert log_of(replace(job, sources=(replace(bursts, burst_share=0.5),)))[4] == "38 DOWN_ENDS 0"


SHRINKS = (Stretch(10, (3, 7), stall_ticks=1, save_every=4),)
SHRINKING = replace(POOLED, stretches=SHRINKS, pools=(Pool(spares=0, may_miss=1),))


def test_a_job_shrinks_goes_on_slower_and_expands_at_a_saved_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Down from 22 to 32, no swap; a step takes 8 with one missing. The unit is back at 32 + 30."""
    job = replace(SHRINKING, sources=(replace(DIES, repair=Wait(30 * PS)),))
    strikes(monkeypatch, {0: [22]})
    assert log_of(job)[3:] == [
        "22 FAILED 4 by 0",
        "32 DOWN_ENDS 0",
        "34 STARTED 0",
        "66 SAVE 4",  # four steps of 8
        "69 DURABLE 4",
        "69 SAVED 4",
        "69 EXPANDS 4",
        "74 STARTED 4",
        "90 SAVE 8",  # four of 4
        "93 DURABLE 8",
        "93 SAVED 8",
        "101 SAVE 10",
        "104 DURABLE 10",
        "104 SAVED 10",
        "104 DONE 10",
    ]
    outcome = outcome_of(job)
    assert outcome.losses[Loss.PRODUCTIVE] == 4 * 7 + 6 * 3
    assert outcome.losses[Loss.RECOVERY] == 10
    assert outcome.by_source == (16 + 1 + 10 + 2,)  # the start of an expansion is nobody's


def test_it_expands_at_no_boundary_that_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    stretch = replace(SHRINKS[0], save_every=0, evaluate_every=3)
    job = replace(SHRINKING, stretches=(stretch,), sources=(replace(DIES, repair=Wait(1 * PS)),))
    strikes(monkeypatch, {0: [22]})
    log = log_of(job)
    assert "33 DOWN_ENDS 0" not in log  # nothing waits for a unit that may be missing
    assert "32 DOWN_ENDS 0" in log and not any("EXPANDS" in line for line in log)


def test_it_expands_from_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stretch = replace(SHRINKS[0], save_every=0, memory_every=4)
    job = replace(SHRINKING, stretches=(stretch,), sources=(replace(DIES, repair=Wait(30 * PS)),))
    strikes(monkeypatch, {0: [20]})
    assert log_of(job)[4:8] == ["32 STARTED 0", "64 KEPT 4", "64 EXPANDS 4", "66 STARTED 4"]


def test_a_start_takes_spares_that_have_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure of a pool of its own brings the first pool's unit back into the job, without a swap."""
    stops = replace(DIES, pool=-1, repair=Wait(0.0))
    job = replace(SHRINKING, sources=(replace(DIES, repair=Wait(12 * PS)), stops))
    strikes(monkeypatch, {0: [22], 1: [30]})
    # down 22 to 32, start to 34, 6 of a step of 8; down to 50: complete again (back at 44), four steps of 4
    assert log_of(job)[6:9] == ["40 FAILED 0 by 1", "50 DOWN_ENDS 0", "52 STARTED 0"]
    assert log_of(job)[9] == "68 SAVE 4"


def test_a_unit_that_is_removed_fails_once(monkeypatch: pytest.MonkeyPatch) -> None:
    job = replace(POOLED, sources=(replace(DIES, units=2, removed=True),))
    strikes(monkeypatch, {0: [22, 3, 1, 1]})
    assert outcome_of(job).failures == (2,)
