"""The figures of a whole run in its directory: one run over time, its end, where its time goes, and its saves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wafersim.report.figures.checkpoint_waste import waste_figure
from wafersim.report.figures.finish_dates import Finishes, finish_figure
from wafersim.report.figures.goodput import Goodput, goodput_figure
from wafersim.report.figures.run_over_time import run_figure
from wafersim.training_run.best_interval import step_seconds
from wafersim.training_run.compiled import run_compiled
from wafersim.training_run.duration import Duration
from wafersim.training_run.trace import trace_of
from wafersim.training_run.waste import Measured, waste_by_interval

BESIDE_BEST = (0.2, 1 / 3, 0.6, 1.0, 1.7, 3.0, 5.0)  # intervals that are simulated, over the best
LEAST_SAVES = 3  # of a run at such an interval: the closed form is of long runs
RUNS, SAVES = 200, 3_000_000  # that are simulated for each interval, at most, and saves in all of them


def duration_figures(directory: Path, found: Duration, name: str, formats: Sequence[str]) -> None:
    """`run`, `finish`, `goodput` and, where a run has several of the best intervals, `checkpoints`, in each of the formats."""
    job = found.plan.jobs[0]
    usual = int(np.argmin(abs(found.chance_ends_s - found.chance.mean)))  # number of the run that is drawn over time
    trace = trace_of(job, run_compiled(found.plan, found.seed, usual).log)
    finishes = Finishes(found.chance_ends_s, found.ends_s, found.start, found.deadline_s)
    causes = tuple((cause.name, cause.lost_s) for cause in found.causes)
    goodput = Goodput(name, tuple(seconds for _, seconds in found.losses), causes)
    best, last = found.best, job.stretches[-1]
    whole = sum(stretch.steps * step_seconds(job, stretch) for stretch in job.stretches)
    if best is not None and best.seconds > whole / LEAST_SAVES:
        best = None
    measured = () if best is None else _measured(found, best.seconds, whole)
    used = last.save_every * step_seconds(job, last)
    for suffix in formats:
        run_figure(trace, name, directory / f"run.{suffix}")
        finish_figure(finishes, name, directory / f"finish.{suffix}")
        goodput_figure([goodput], directory / f"goodput.{suffix}")
        if best is not None:
            other = used if used and last.save_every != best.steps[-1] else None
            waste_figure(best, measured, name, directory / f"checkpoints.{suffix}", other)


def _measured(found: Duration, best_s: float, whole_s: float) -> tuple[Measured, ...]:
    """Simulated waste about the best interval, as far as a run has several such intervals of a step at least."""
    job = found.plan.jobs[0]
    shortest = min(step_seconds(job, stretch) for stretch in job.stretches)
    intervals = [best_s * factor for factor in BESIDE_BEST if shortest <= best_s * factor <= whole_s / LEAST_SAVES]
    runs = min(RUNS, int(SAVES / sum(whole_s / interval for interval in intervals)))
    return waste_by_interval(found.plan, intervals, found.seed, runs) if runs > 1 else ()
