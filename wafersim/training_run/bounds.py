"""What a plan may hold: bounds of the rules and of the arrays, each refused with one line that names the place."""

from __future__ import annotations

import math

from wafersim.errors import WafersimError
from wafersim.training_run.draws import TICKS
from wafersim.training_run.lowered import IN_REPAIR_AT_ONCE, durations_of
from wafersim.training_run.plan import JobRun, Pool, RunPlan, Source, Stretch

MOST_JOBS, MOST_SOURCES, MOST_STRETCHES = 1_000, 10_000, 100_000
MOST_CLOCKS, MOST_SPARES, MOST_MISSING = 1_000_000, 1_000_000, 64_000
MOST_KEPT, MOST_CHECKPOINTS = 4096, 1_000_000
MOST_STEPS = 10**9
LONGEST = 10**10 * TICKS  # a duration, and the steps of a job: 317 years


def checked(plan: RunPlan) -> RunPlan:
    """The plan itself; `WafersimError` where it passes a bound."""
    sources = [source for job in plan.jobs for source in job.sources]
    within("plan: jobs", len(plan.jobs), 1, MOST_JOBS)
    within("plan: sources in all", len(sources), 0, MOST_SOURCES)
    clocks = sum(source.units for source in sources if source.shape != 1.0)
    within("plan: units with a clock of their own (shape other than 1) in all", clocks, 0, MOST_CLOCKS)
    within("plan: spares in all", sum(pool.spares for job in plan.jobs for pool in job.pools), 0, MOST_SPARES)
    within("plan: checkpoints kept in all", sum(job.saving.keep for job in plan.jobs), 0, MOST_CHECKPOINTS)
    for job in plan.jobs:
        _check_job(job, plan.systems)
    return plan


def _check_job(job: JobRun, systems: int) -> None:
    place = f"job {job.name}"
    within(f"{place}: systems that it needs", job.needs, 1, systems)
    within(f"{place}: stretches", len(job.stretches), 1, MOST_STRETCHES)
    within(f"{place}: steps", job.steps, 1, MOST_STEPS)
    within(f"{place}: checkpoints kept", job.saving.keep, 1, MOST_KEPT)
    within(f"{place}: share of starts that fail", job.restart_fails, 0, 1)
    for ticks in durations_of(job):
        within(f"{place}: ticks of a duration", ticks, 0, LONGEST)
    for number, pool in enumerate(job.pools):
        _check_pool(f"{place}, pool {number}", pool, number)
    missing = job.pools[0].may_miss if job.pools else 0
    for number, stretch in enumerate(job.stretches):
        _check_stretch(f"{place}, stretch {number}", stretch, missing)
    longest = sum(s.steps * (max(s.step_ticks) + s.stall_ticks) for s in job.stretches)
    within(f"{place}: ticks of all steps", longest, 1, LONGEST)
    for source in job.sources:
        _check_source(f"{place}, source {source.cause}", source, len(job.pools))


def _check_stretch(place: str, stretch: Stretch, missing: int) -> None:
    within(f"{place}: steps", stretch.steps, 1, MOST_STEPS)
    if len(stretch.step_ticks) <= missing:
        raise WafersimError(f"{place}: {len(stretch.step_ticks)} step times, and up to {missing} units may be missing")
    for ticks in stretch.step_ticks:
        within(f"{place}: ticks of a step", ticks, 0, LONGEST)
        within(f"{place}: ticks of a step and its stall", ticks + stretch.stall_ticks, 1, LONGEST)
    within(f"{place}: ticks of a stall", stretch.stall_ticks, 0, LONGEST)
    for every in (stretch.save_every, stretch.memory_every, stretch.evaluate_every):
        within(f"{place}: steps from one save or evaluation to the next", every, 0, MOST_STEPS)


def _check_pool(place: str, pool: Pool, number: int) -> None:
    within(f"{place}: spares", pool.spares, 0, MOST_SPARES)
    within(f"{place}: units that may be missing", pool.may_miss, 0, 0 if number else MOST_MISSING)


def _check_source(place: str, source: Source, pools: int) -> None:
    within(f"{place}: units", source.units, 0, MOST_STEPS)
    for name, number in (("seconds between failures", source.mean_s), ("Weibull shape", source.shape)):
        if not 0.0 < number < math.inf:
            raise WafersimError(f"{place}: {name}: {number:g}; allowed: above 0")
    for wait in (source.detection, source.repair):
        within(f"{place}: mean seconds of a wait", wait.mean_s, 0.0, math.inf)
        within(f"{place}: sigma of a wait", wait.sigma, 0.0, 10.0)
    within(f"{place}: mean seconds until a corruption is found", source.latency_s, 0.0, math.inf)
    within(f"{place}: steps back", source.back_steps, 0, MOST_STEPS)
    within(f"{place}: pool", source.pool, -1, pools - 1)
    within(f"{place}: units taken", source.takes, 1, IN_REPAIR_AT_ONCE)
    within(f"{place}: units of a burst", source.burst_units, 1, IN_REPAIR_AT_ONCE)
    within(f"{place}: share of bursts", source.burst_share, 0, 1)
    within(f"{place}: share that loses memory", source.loses_memory, 0, 1)


def within(place: str, value: float, low: float, high: float) -> None:
    """`WafersimError` unless the value of a place is from `low` to `high`."""
    if not low <= value <= high:
        raise WafersimError(f"{place}: {value}; allowed: {low} to {high}")
