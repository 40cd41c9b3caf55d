"""Plans scaled for uncertainty: what is not known for sure of steps, failures and recovery is drawn once for each run."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from wafersim.compiled import inner
from wafersim.errors import WafersimError
from wafersim.training_run import lowered as of
from wafersim.training_run.draws import TICKS
from wafersim.training_run.lowered import Floats
from wafersim.training_run.plan import JobRun, RunPlan, Source, Wait

LEAST, MOST = 1e-6, 100.0  # so that instants stay within their bounds


@dataclass(frozen=True)
class Factors:
    """Columns over runs that scale a plan; S sources, job by job. 1 leaves a duration as it is, to the tick."""

    step: Floats  # (runs,) time of a step without its stall
    rate: Floats  # (runs, S) of failures: their mean time apart is divided by it
    recovery: Floats  # (runs, S) means of detection and repair
    saving: Floats  # (runs,) saves, pauses and restores, of the store and of memory
    startup: Floats  # (runs,) first and later starts


def checked_factors(factors: Factors | None, runs: int, sources: int) -> Factors:
    """Factors, or such as change nothing; `WafersimError` for a wrong shape, or a factor out of bounds."""
    by_run, by_source = np.ones(runs), np.ones((runs, sources))
    found = factors or Factors(by_run, by_source, by_source, by_run, by_run)
    columns = {}
    for name in (each.name for each in fields(Factors)):
        column = np.ascontiguousarray(getattr(found, name), np.float64)
        shape = (runs, sources) if name in ("rate", "recovery") else (runs,)
        if column.shape != shape:
            raise WafersimError(f"factors: {name} has shape {column.shape}; allowed: {shape}")
        if not np.all((column >= LEAST) & (column <= MOST)):
            raise WafersimError(f"factors: {name} from {column.min()} to {column.max()}; allowed: {LEAST} to {MOST}")
        columns[name] = column
    return Factors(**columns)


def rows_of(factors: Factors, runs: slice) -> Factors:
    """The rows of some runs."""
    return Factors(**{each.name: getattr(factors, each.name)[runs] for each in fields(Factors)})


def scaled(plan: RunPlan, factors: Factors, run: int) -> RunPlan:
    """The plan of one run: what `run_many` simulates in run number `run` with these factors."""
    jobs, at = [], 0
    for job in plan.jobs:
        own = slice(at, at + len(job.sources))
        rates, recoveries = factors.rate[run, own].tolist(), factors.recovery[run, own].tolist()
        sources = tuple(_source(*each) for each in zip(job.sources, rates, recoveries, strict=True))
        by_run = (float(column[run]) for column in (factors.step, factors.saving, factors.startup))
        jobs.append(replace(_job(job, *by_run), sources=sources))
        at = own.stop
    return replace(plan, jobs=tuple(jobs))


def _job(job: JobRun, step: float, saving: float, startup: float) -> JobRun:
    stretches = [replace(s, step_ticks=tuple(_ticks(t, step) for t in s.step_ticks)) for s in job.stretches]
    own = job.saving
    return replace(
        job,
        stretches=tuple(stretches),
        initial_ticks=_ticks(job.initial_ticks, startup),
        restart_ticks=_ticks(job.restart_ticks, startup),
        saving=replace(
            own,
            save_ticks=_ticks(own.save_ticks, saving),
            pause_ticks=_ticks(own.pause_ticks, saving),
            restore_ticks=_ticks(own.restore_ticks, saving),
            memory_ticks=_ticks(own.memory_ticks, saving),
            memory_restore_ticks=_ticks(own.memory_restore_ticks, saving),
        ),
    )


def _source(source: Source, rate: float, recovery: float) -> Source:
    detection, repair = (Wait(wait.mean_s * recovery, wait.sigma) for wait in (source.detection, source.repair))
    return replace(source, mean_s=source.mean_s / rate, detection=detection, repair=repair)


def _ticks(ticks: int, factor: float) -> int:
    """Ticks times a factor, to the nearest tick, half to even; as they are for a factor of 1."""
    return ticks if factor == 1.0 else round(float(ticks) * factor)


@inner(error_model="numpy")
def scale(exact, plan, scaled_at, scaled_ticks, factors):  # type: ignore[no-untyped-def]
    """Writes the durations of one run into its plan: `scaled` in compiled code. The factors are by kind of duration."""
    for entry in range(scaled_at.shape[0]):
        place, factor = scaled_at[entry, 0], factors[scaled_at[entry, 1]]
        if factor == 1.0:
            plan[place], plan[place + 1] = exact[place], exact[place + 1]
            continue
        # The remainder is exact, as C's fmod is. What it leaves may be no double from 2^25 s on, but is so near to the whole
        # number of seconds that it rounds to it.
        rounded = np.rint(scaled_ticks[entry] * factor)
        rest = rounded % float(TICKS)
        plan[place], plan[place + 1] = int(np.rint((rounded - rest) / TICKS)), int(rest)


@inner(error_model="numpy")
def scale_odds(exact, odds, source_rows, rate, recovery):  # type: ignore[no-untyped-def]
    """Writes the means of one run into its chances."""
    for source in range(source_rows.shape[0]):
        at = source_rows[source, 1]
        odds[at + of.MEAN] = exact[at + of.MEAN] / rate[source]
        for column in (of.DETECTION, of.REPAIR):
            odds[at + column] = exact[at + column] * recovery[source]
