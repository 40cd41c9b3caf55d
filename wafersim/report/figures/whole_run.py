"""The figures of a whole run in its directory: one run over time, its end, and where its time goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wafersim.report.figures.finish_dates import Finishes, finish_figure
from wafersim.report.figures.goodput import Goodput, goodput_figure
from wafersim.report.figures.run_over_time import run_figure
from wafersim.training_run.compiled import run_compiled
from wafersim.training_run.duration import Duration
from wafersim.training_run.trace import trace_of


def duration_figures(directory: Path, found: Duration, name: str, formats: Sequence[str]) -> None:
    """`run`, `finish` and `goodput` in each of the formats."""
    job = found.plan.jobs[0]
    usual = int(np.argmin(abs(found.chance_ends_s - found.chance.mean)))  # number of the run that is drawn over time
    trace = trace_of(job, run_compiled(found.plan, found.seed, usual).log)
    finishes = Finishes(found.chance_ends_s, found.ends_s, found.start, found.deadline_s)
    causes = tuple((cause.name, cause.lost_s) for cause in found.causes)
    goodput = Goodput(name, tuple(seconds for _, seconds in found.losses), causes)
    for suffix in formats:
        run_figure(trace, name, directory / f"run.{suffix}")
        finish_figure(finishes, name, directory / f"finish.{suffix}")
        goodput_figure([goodput], directory / f"goodput.{suffix}")
