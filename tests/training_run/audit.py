"""An account of a run made from its log alone, beside the engine's: no step is lost silently or counted twice."""

from itertools import pairwise

from wafersim.training_run.plan import Event, JobOutcome, JobRun, Logged, Loss, Outcome, RunPlan, Strikes

STOPS = {Event.FAILED, Event.FOUND}


def audit(plan: RunPlan, outcome: Outcome) -> None:
    """Everything that must hold of any run."""
    assert [(each.ticks, each.job) for each in outcome.log] == sorted((each.ticks, each.job) for each in outcome.log)
    for number, (job, of) in enumerate(zip(plan.jobs, outcome.jobs, strict=True)):
        _audit_job(job, of, [each for each in outcome.log if each.job == number])


def _audit_job(job: JobRun, of: JobOutcome, log: list[Logged]) -> None:
    told = [each.event for each in log]
    assert told[0] == Event.BEGIN and told[-1] == Event.DONE and log[-1].step == job.steps
    assert of.end_ticks == log[-1].ticks == sum(of.losses)
    assert of.losses[Loss.WAITING] == log[0].ticks
    assert (of.starts, of.saves) == (told.count(Event.STARTED), told.count(Event.DURABLE))
    assert told.count(Event.FAILED) == sum(
        n for n, source in zip(of.failures, job.sources, strict=True) if source.strikes != Strikes.CORRUPT
    )
    assert told.count(Event.MAINTENANCE) * job.maintenance_ticks == of.losses[Loss.MAINTENANCE]
    assert told.count(Event.DOWN_ENDS) == told.count(Event.MAINTENANCE) - _within_down(told) + sum(
        event in STOPS for event in told
    )
    assert sum(of.by_source) <= sum(
        of.losses[loss]
        for loss in (
            Loss.INITIALIZATION,
            Loss.PROGRAM_STARTUP,
            Loss.CHECKPOINT_RESTORE,
            Loss.RECOVERY,
            Loss.WASTED_PROGRESS,
        )
    )
    _audit_steps(job, of, log)


def _within_down(told: list[Event]) -> int:
    """Maintenance that came while the job was down; a `DURABLE` cannot be in between."""
    return sum(event == Event.MAINTENANCE and before in STOPS for before, event in pairwise(told))


def _audit_steps(job: JobRun, of: JobOutcome, log: list[Logged]) -> None:
    """Steps go on from where a checkpoint was, and those that count were each done once."""
    step, since, kept = 0, 0, {0}
    for each in log:
        if each.event == Event.DURABLE:
            assert each.step <= step + each.ticks - since
            kept.add(each.step)
            continue
        if each.event == Event.DOWN_ENDS:
            assert each.step in kept and each.step <= step
            kept = {s for s in kept if s <= each.step}
        elif each.event in (Event.STARTED, Event.START_FAILED):
            assert each.step == step
        else:
            assert 0 <= each.step - step <= each.ticks - since  # a step takes a tick at least
        if each.event == Event.KEPT:
            kept.add(each.step)
        step, since = each.step, each.ticks
    stretches = job.stretches
    assert of.losses[Loss.DATA_LOADING] == sum(each.steps * each.stall_ticks for each in stretches)
    fastest = sum(each.steps * min(each.step_ticks) for each in stretches)
    assert fastest <= of.losses[Loss.PRODUCTIVE] <= sum(each.steps * max(each.step_ticks) for each in stretches)
