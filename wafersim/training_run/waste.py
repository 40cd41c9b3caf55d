"""The waste of intervals between saves as simulated runs have it, to stand beside the closed form of `best_interval`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wafersim.training_run.best_interval import step_seconds
from wafersim.training_run.compiled import run_many
from wafersim.training_run.plan import JobRun, Loss, RunPlan

USEFUL = (Loss.PRODUCTIVE, Loss.DATA_LOADING, Loss.EVALUATION)
ASIDE = (Loss.WAITING, Loss.INITIALIZATION, Loss.MAINTENANCE)
"""No interval changes these."""


@dataclass(frozen=True)
class Measured:
    """Waste of one interval (seconds of training) in the mean of so many runs, and its standard error."""

    interval_s: float
    waste: float
    error: float
    runs: int


def waste_by_interval(
    plan: RunPlan, intervals_s: Sequence[float], seed: int, runs: int, number: int = 0
) -> tuple[Measured, ...]:
    """Each interval in whole steps of each stretch of the job of that number, with the same random numbers for all.

    The waste is lost time over all time between the first start and the end, but for maintenance: a ratio of sums over the runs.
    """
    return tuple(_measured(plan, interval, seed, runs, number) for interval in intervals_s)


def with_interval(job: JobRun, interval_s: float) -> JobRun:
    """The job with saves to the store so far apart, in the nearest number of steps of each stretch, at least one."""
    return job.saving_every([max(1, round(interval_s / step_seconds(job, stretch))) for stretch in job.stretches])


def _measured(plan: RunPlan, interval_s: float, seed: int, runs: int, number: int) -> Measured:
    job = with_interval(plan.jobs[number], interval_s)
    found = run_many(plan.with_job(number, job), seed, runs)
    losses = found.losses_s[:, number, :]
    useful = losses[:, list(USEFUL)].sum(axis=1)
    whole = losses.sum(axis=1) - losses[:, list(ASIDE)].sum(axis=1)
    share = useful.sum() / whole.sum()
    error = np.sqrt(np.mean((useful - share * whole) ** 2) / runs) / whole.mean()
    lengths = [(stretch.steps, stretch.save_every, step_seconds(job, stretch)) for stretch in job.stretches]
    mean = sum(n * every * each * each for n, every, each in lengths) / sum(n * each for n, _, each in lengths)
    return Measured(float(mean), float(1 - share), float(error), runs)
