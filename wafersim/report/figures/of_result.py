"""The figure of a result that says most of it: where a step goes, a sweep's throughput, a comparison, a plan's front."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

from matplotlib.figure import Figure

from wafersim.errors import WafersimError
from wafersim.metrics.prediction import Prediction
from wafersim.planning.comparison import Sides
from wafersim.planning.planned import Planned
from wafersim.planning.results import Results
from wafersim.planning.sweep import PointResult
from wafersim.report.figures.breakdown import breakdown_figure
from wafersim.report.figures.comparison import comparison_figure
from wafersim.report.figures.days_by_size import size_figure
from wafersim.report.figures.front import front_figure
from wafersim.report.figures.series import drawn_against
from wafersim.report.figures.sheet import Kept
from wafersim.report.figures.step import step_figure
from wafersim.report.figures.throughput import throughput_figure


@singledispatch
def figure_of(result: object) -> Figure:
    """Of a prediction, a point, results, sides or a plan; raises WafersimError where there is nothing to draw."""
    raise TypeError(f"{type(result).__name__} has no figure")


@figure_of.register
def _(result: Prediction) -> Figure:
    return _kept(lambda kept: breakdown_figure([result.to_json()], kept))


@figure_of.register
def _(result: PointResult) -> Figure:
    simulated = result.simulated
    if simulated is None:
        raise WafersimError(f"a point that cannot run has no figure: {result.infeasible}")
    return _kept(lambda kept: step_figure(simulated, result.point.experiment.name, kept))


@figure_of.register
def _(result: Results) -> Figure:
    rows = [point.to_json() for point in result.points if point.simulated is not None]
    if not rows:
        raise WafersimError("none of the points can run: there is nothing to draw")
    draw = breakdown_figure if drawn_against(rows) is None else throughput_figure
    return _kept(lambda kept: draw(rows, kept))


@figure_of.register
def _(result: Sides) -> Figure:
    rows = result.to_json()
    if all("infeasible" in row for row in rows):
        raise WafersimError("none of the sides can run: there is nothing to draw")
    return _kept(lambda kept: comparison_figure(rows, kept))


@figure_of.register
def _(result: Planned) -> Figure:
    if not result.wholes:
        raise WafersimError("no size was simulated: there is nothing to draw")
    draw = front_figure if result.front else size_figure
    return _kept(lambda kept: draw(result, kept))


def _kept(draw: Callable[[Kept], None]) -> Figure:
    kept = Kept()
    draw(kept)
    return kept.figure
