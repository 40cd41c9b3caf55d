"""A trace tells what the account tells, span by span."""

import pytest

from wafersim.training_run.draws import TICKS
from wafersim.training_run.plan import (
    Event,
    JobRun,
    Logged,
    Loss,
    Pool,
    RunPlan,
    Saving,
    Source,
    Stretch,
    Strikes,
    Wait,
)
from wafersim.training_run.processes import run_reference
from wafersim.training_run.trace import Span, trace_of

S = TICKS
A_JOB = JobRun(
    "job",
    (Stretch(50, (10 * S,), 0, 10), Stretch(50, (20 * S,), 2 * S, save_every=10, memory_every=5, evaluate_every=20)),
    initial_ticks=60 * S, restart_ticks=30 * S, swap_ticks=5 * S, evaluate_ticks=15 * S,
    maintenance_every_ticks=700 * S, maintenance_ticks=50 * S,
    saving=Saving(save_ticks=12 * S, restore_ticks=8 * S, memory_ticks=S, memory_restore_ticks=2 * S),
    pools=(Pool(1),),
    sources=(
        Source("unit", Strikes.STOP, 4, 1600.0, detection=Wait(20.0), repair=Wait(300.0), pool=0, loses_memory=0.5),
        Source("corrupt", Strikes.CORRUPT, 1, 1000.0, latency_s=100.0),
    ),
)  # fmt: skip


def test_a_quiet_run_line_by_line() -> None:
    """1 s steps, a save of 5 s after 3 of 5, a first start of 2 s, a last save."""
    job = JobRun("job", (Stretch(5, (S,), save_every=3),), initial_ticks=2 * S, saving=Saving(save_ticks=5 * S))
    trace = trace_of(job, run_reference(RunPlan((job,)), 1).log)
    assert [(span.start_ticks // S, span.end_ticks // S, span.loss) for span in trace.spans] == [
        (0, 2, Loss.INITIALIZATION), (2, 5, Loss.PRODUCTIVE), (5, 10, Loss.CHECKPOINT_SAVE), (10, 12, Loss.PRODUCTIVE),
        (12, 17, Loss.CHECKPOINT_SAVE),
    ]  # fmt: skip
    assert trace.steps == 5 and trace.ideal == ((0, 0), (5 * S, 5)) and trace.strikes == ()
    assert dict.fromkeys(trace.progress) == dict.fromkeys(
        [(0, 0), (2 * S, 0), (5 * S, 3), (10 * S, 3), (12 * S, 5), (17 * S, 5)]
    )


@pytest.mark.parametrize("run", range(8))
def test_spans_add_up_to_the_account(run: int) -> None:
    plan = RunPlan((A_JOB,))
    outcome = run_reference(plan, 3, run)
    trace, (job,) = trace_of(A_JOB, outcome.log), outcome.jobs
    assert trace.spans[0].start_ticks == 0 and trace.end_ticks == job.end_ticks
    assert all(a.end_ticks == b.start_ticks for a, b in zip(trace.spans, trace.spans[1:], strict=False))
    for loss in (Loss.MAINTENANCE, Loss.RECOVERY, Loss.INITIALIZATION):
        assert trace.ticks(loss) == job.losses[loss]
    assert trace.ticks(Loss.PROGRAM_STARTUP) == job.losses[Loss.PROGRAM_STARTUP] + job.losses[Loss.CHECKPOINT_RESTORE]
    # A save or an evaluation that a failure cuts off is in vain in the account; here a save is one, an evaluation seems steps.
    assert trace.ticks(Loss.CHECKPOINT_SAVE) >= job.losses[Loss.CHECKPOINT_SAVE]
    assert trace.ticks(Loss.EVALUATION) == job.losses[Loss.EVALUATION]
    assert trace.progress[-1] == (job.end_ticks, 100)
    assert len([strike for strike in trace.strikes if strike.cause == "unit"]) == job.failures[0]


def test_progress_falls_back_to_the_checkpoint_that_a_start_goes_on_from() -> None:
    job = JobRun("job", (Stretch(9, (S,)),), sources=(Source("unit", Strikes.STOP, 1, 1.0),))
    log = [Logged(ticks * S, 0, event, step, 0) for ticks, event, step in (
        (0, Event.BEGIN, 0), (1, Event.STARTED, 0), (5, Event.FAILED, 4), (8, Event.DOWN_ENDS, 4), (9, Event.STARTED, 2),
        (16, Event.DONE, 9))]  # fmt: skip
    trace = trace_of(job, log)
    assert list(dict.fromkeys(trace.progress)) == [(0, 0), (S, 0), (5 * S, 4), (9 * S, 4), (9 * S, 2), (16 * S, 9)]
    assert trace.spans[2] == Span(5 * S, 8 * S, Loss.RECOVERY)
