"""The figure of one step, by strategy."""

from __future__ import annotations

from collections.abc import Callable

from wafersim.report.figures.pipeline import pipeline_figure
from wafersim.report.figures.sheet import Target
from wafersim.report.figures.timeline import timeline_figure
from wafersim.simulation import Simulated

FIGURES: dict[str, Callable[[Simulated, str, Target], None]] = {
    "weight-streaming": timeline_figure,
    "gpu-parallel": pipeline_figure,
}


def step_figure(simulated: Simulated, name: str, path: Target) -> None:
    """Draw it, one step of the run called `name`; a strategy without a figure has none."""
    draw = FIGURES.get(simulated.job.kind)
    if draw is not None:
        draw(simulated, name, path)
