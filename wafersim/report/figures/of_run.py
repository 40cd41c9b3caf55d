"""The figures of a run's directory: which there are, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wafersim.planning.sensitivity import Sensitivity
from wafersim.report.figures.breakdown import breakdown_figure
from wafersim.report.figures.published import has_published, published_figure
from wafersim.report.figures.sensitivity import sensitivity_figure
from wafersim.report.figures.series import drawn_against
from wafersim.report.figures.step import step_figure
from wafersim.report.figures.throughput import throughput_figure
from wafersim.report.run_directory import step_file
from wafersim.report.words import Row
from wafersim.simulation import Simulated

FORMATS = ("png", "svg", "pdf")


def run_figures(
    directory: Path,
    rows: Sequence[Row],
    simulated: Simulated,
    name: str,
    sensitive: Sequence[Sensitivity] | None,
    formats: Sequence[str],
) -> None:
    """Where the step goes; throughput where a number varies, else predicted beside published where something is; the step of
    `simulated`, which is the run called `name`; the sensitivities if they were asked for.
    """
    good = [row for row in rows if "infeasible" not in row]
    step = step_file(simulated.prediction.model, simulated.prediction.n_systems)
    for suffix in formats:
        breakdown_figure(good, directory / f"breakdown.{suffix}")
        if drawn_against(good) is not None:
            throughput_figure(good, directory / f"throughput.{suffix}")
        elif has_published(good):
            published_figure(good, directory / f"published.{suffix}")
        step_figure(simulated, name, directory / f"{step}.{suffix}")
        if sensitive:
            sensitivity_figure(name, sensitive, directory / f"sensitivity.{suffix}")
