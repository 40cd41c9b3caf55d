"""The figures of a whole run in its directory: one run over time, its end, where its time goes, and its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wafersim.report.figures.checkpoint_waste import waste_figure
from wafersim.report.figures.finish_dates import Finishes, finish_figure
from wafersim.report.figures.goodput import Goodput, goodput_figure
from wafersim.report.figures.run_over_time import run_figure
from wafersim.training_run.build import step_seconds
from wafersim.training_run.compiled import run_compiled
from wafersim.training_run.duration import Duration
from wafersim.training_run.trace import trace_of
from wafersim.training_run.waste import Measured, waste_by_interval

BESIDE_BEST = (0.2, 1 / 3, 0.6, 1.0, 1.7, 3.0, 5.0)  # intervals that are simulated, over the best
WASTE_RUNS = 200


def duration_figures(directory: Path, found: Duration, name: str, formats: Sequence[str]) -> None:
    """`run`, `finish`, `goodput` and, where something fails, `checkpoints` in each of the formats."""
    job = found.plan.jobs[0]
    usual = int(np.argmin(abs(found.chance_ends_s - found.chance.mean)))  # number of the run that is drawn over time
    trace = trace_of(job, run_compiled(found.plan, found.seed, usual).log)
    finishes = Finishes(found.chance_ends_s, found.ends_s, found.start, found.deadline_s)
    causes = tuple((cause.name, cause.lost_s) for cause in found.causes)
    goodput = Goodput(name, tuple(seconds for _, seconds in found.losses), causes)
    best = found.best
    measured = () if best is None else _measured(found, best.seconds)
    used = found.save_every * step_seconds(job.stretches[-1])
    for suffix in formats:
        run_figure(trace, name, directory / f"run.{suffix}")
        finish_figure(finishes, name, directory / f"finish.{suffix}")
        goodput_figure([goodput], directory / f"goodput.{suffix}")
        if best is not None:
            other = used if used and found.save_every != best.steps[-1] else None
            waste_figure(best, measured, name, directory / f"checkpoints.{suffix}", other)


def _measured(found: Duration, best_s: float) -> tuple[Measured, ...]:
    return waste_by_interval(found.plan, [best_s * factor for factor in BESIDE_BEST], found.seed, WASTE_RUNS)
