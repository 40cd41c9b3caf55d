"""Throughput against the number that a sweep varies, with intervals, published figures and what binds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter

from wafersim.numbers import amount
from wafersim.report.colours import LINES
from wafersim.report.figures.series import Axis, Point, Series, drawn_against
from wafersim.report.figures.sheet import PAGE, Sheet, Target, Words, broken, inches, sheet, widest
from wafersim.report.figures.style import GREY, INK, MARKERS, quiet, ring
from wafersim.report.screen.binding import bound_by
from wafersim.report.words import Row

SMALL = 8.0  # points of ticks and labels of lines
LEAST = 1.8  # inches that the panels keep, however long the names are
NAMES = 0.3  # of the width: longer names of series are broken
SLOWER = ("step_time_s", "days_to_train")  # published figures that fall as throughput rises


def throughput_figure(rows: Sequence[Row], path: Target, width: float = PAGE) -> None:
    """Tokens/s of every series with its 80 % band, published figures hollow, the marker saying what binds.

    Over chips both axes are logarithmic, dashed lines are ideal, and a panel below has the share of it that is kept.
    `rows` must vary a number (`series.drawn_against`).
    """
    found = drawn_against(rows)
    assert found is not None, "nothing varies that a throughput could be drawn against"
    axis, series = found
    most = max(point.x for each in series for point in each.points)
    ends, gap = broken([_end(each, axis, most) for each in series], max(1.0, NAMES * width), SMALL)
    colours = [LINES[index % len(LINES)] for index in range(len(series))]
    names, left = 0.38 + widest(ends, SMALL), 0.72
    width = max(width, left + LEAST + names)
    binding = list(dict.fromkeys(bound_by(point.row) for each in series for point in each.points))
    shapes = {resource: MARKERS[index % len(MARKERS)] for index, resource in enumerate(binding)}
    across = width - left - names
    known = any("published" in point.row for each in series for point in each.points)
    upper, lower = (
        (min(3.6, 0.55 * width + 0.5), 2.1 if known else 1.35) if axis.chips else (min(3.4, 0.5 * width + 0.5), 0.0)
    )
    upper = max(upper, len(series) * gap)
    body = upper + lower + 0.5 + (0.3 if lower else 0.0)
    words = Words(_finding(axis, series), _circumstances(axis, series, most), _handles(shapes, series, axis))
    with sheet(path, width, body, words) as page:
        rates = page.axes(left, width - names, body - upper - 0.05, upper)
        panels = [rates]
        for each, colour in zip(series, colours, strict=True):
            _draw_rates(rates, each, colour, shapes, ideal=axis.chips)
        _scale(rates, axis, series)
        rates.set_ylabel("tokens/s")
        if axis.chips:
            kept = page.axes(left, width - names, 0.45, lower, sharex=rates)
            _draw_kept(kept, series, colours, shapes)
            panels.append(kept)
        for panel in panels:
            _ticks(panel, axis, across)
            quiet(panel, "both")
        panels[-1].set_xlabel(axis.name)
        _label_ends(page, rates, series, ends, gap, colours)


def _draw_rates(axes: Any, each: Series, colour: str, shapes: dict[str, str], ideal: bool) -> None:
    xs, rates = [point.x for point in each.points], [point.row["tokens_per_s"] for point in each.points]
    if ideal:
        axes.plot(xs, [rates[0] / xs[0] * x for x in xs], "--", color=colour, linewidth=1, alpha=0.7)
    axes.plot(xs, rates, "-", color=colour, linewidth=1.8, label=each.name)
    bands = [(point.x, *band) for point in each.points if (band := rate_interval(point.row)) is not None]
    if len(bands) > 1:
        x, low, high = zip(*bands, strict=True)
        axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
    elif bands:
        axes.plot([bands[0][0]] * 2, bands[0][1:], "-", color=colour, linewidth=1.2)
    _mark(axes, each.points, rates, colour, shapes)
    known = [(point.x, rate) for point in each.points if (rate := published_rate(point.row)) is not None]
    if known:
        axes.plot(*zip(*known, strict=True), zorder=4, **ring(colour))


def _draw_kept(axes: Any, series: Sequence[Series], colours: Sequence[str], shapes: dict[str, str]) -> None:
    """The rate per chip over that of the smallest cluster, in percent; published speed-ups likewise."""
    seen = []
    for each, colour in zip(series, colours, strict=True):
        kept = [100 * efficiency(each.points[0], point) for point in each.points]
        axes.plot([point.x for point in each.points], kept, "-", color=colour, linewidth=1.5)
        _mark(axes, each.points, kept, colour, shapes)
        first = published_rate(each.points[0].row) or each.points[0].row["tokens_per_s"]
        known = [
            (point.x, 100 * rate / point.x / (first / each.points[0].x))
            for point in each.points
            if (rate := published_rate(point.row)) is not None
        ]
        if known:
            axes.plot(*zip(*known, strict=True), zorder=4, **ring(colour))
        seen += [*kept, *(share for _, share in known)]
    low, high = min(seen), max(100.0, *seen)
    floor = 0.0 if low < 50 else 5 * math.floor((low - 1) / 5)
    axes.set_ylim(floor, high + 0.08 * (high - floor))
    axes.set_ylabel("% of linear")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))


def _mark(axes: Any, points: Sequence[Point], heights: Sequence[float], colour: str, shapes: dict[str, str]) -> None:
    for point, height in zip(points, heights, strict=True):
        axes.plot([point.x], [height], shapes[bound_by(point.row)], color=colour, markersize=5, linestyle="none")


def _scale(axes: Any, axis: Axis, series: Sequence[Series]) -> None:
    """Logarithmic where values span a decade, else linear from zero."""
    rates = [point.row["tokens_per_s"] for each in series for point in each.points]
    if axis.logarithmic:
        axes.set_xscale("log", base=2 if axis.chips else 10)
    if axis.chips or max(rates) >= 10 * min(rates):
        axes.set_yscale("log")
    else:
        bands = (rate_interval(point.row) for each in series for point in each.points)
        axes.set_ylim(0, 1.1 * max([*rates, *(band[1] for band in bands if band is not None)]))
    axes.yaxis.set_major_formatter(lambda value, _: amount(value))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _ticks(axes: Any, axis: Axis, across: float) -> None:
    """The swept values as ticks, those that are too near to another left out."""
    low, high = axes.get_xlim()
    place = (
        (lambda x: math.log(x / low) / math.log(high / low))
        if axis.logarithmic
        else (lambda x: (x - low) / (high - low))
    )
    halves = {x: 0.5 * inches(text) + 0.03 for x, text in axis.ticks}
    last = axis.ticks[-1][0]
    kept: list[tuple[float, str]] = []
    free, until = -1.0, place(last) * across - halves[last]
    for x, text in axis.ticks:  # the last one stays
        middle = place(x) * across
        if x == last or (middle - halves[x] >= free and middle + halves[x] <= until):
            kept.append((x, text))
            free = middle + halves[x]
    axes.set_xticks([x for x, _ in kept], [text for _, text in kept], minor=False)
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="x", pad=6)  # clear of the label at the foot of the other axis


def _label_ends(
    page: Sheet, axes: Any, series: Sequence[Series], ends: Sequence[str], gap: float, colours: Sequence[str]
) -> None:
    """The name of each series beside its last point, moved up and down until none covers another."""
    place = axes.get_position()
    wide, tall = place.width * page.width, place.height * page.height
    heights = []
    for each in series:
        at = axes.transData.transform((each.points[-1].x, each.points[-1].row["tokens_per_s"]))
        heights.append(float(axes.transAxes.inverted().transform(at)[1]) * tall)
    order = sorted(range(len(series)), key=lambda index: heights[index])
    placed = apart([heights[index] for index in order], gap, tall - gap / 2 + 0.05)
    beside = {"transform": axes.transAxes, "clip_on": False}
    for index, at in zip(order, placed, strict=True):
        leader = [1 + 0.04 / wide, 1 + 0.18 / wide], [heights[index] / tall, at / tall]
        axes.plot(*leader, color=colours[index], linewidth=1.2, **beside)
        axes.text(1 + 0.22 / wide, at / tall, ends[index], color=INK, fontsize=SMALL, va="center", **beside)


def apart(heights: Sequence[float], gap: float, most: float) -> list[float]:
    """Rising heights moved until neighbours are a `gap` apart, none above `most` while there is room below."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    ceiling = most
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed


def rate_interval(row: Row) -> tuple[float, float] | None:
    """The 80 % interval of the tokens/s: that of the step time, turned over."""
    bounds = row.get("interval", {}).get("step_time_s")
    if bounds is None:
        return None
    work = row["tokens_per_s"] * row["step_time_s"]
    return work / bounds[1], work / bounds[0]


def published_rate(row: Row) -> float | None:
    """Tokens/s that what is published comes to: the predicted ones times published over predicted."""
    known = row.get("published")
    if known is None:
        return None
    ratio = known["value"] / known["predicted"]
    return float(row["tokens_per_s"] * (1 / ratio if known["metric"] in SLOWER else ratio))


def efficiency(few: Point, many: Point) -> float:
    """Tokens/s per chip on a cluster over the same on a smaller one."""
    return float((many.row["tokens_per_s"] / many.x) / (few.row["tokens_per_s"] / few.x))


def _end(each: Series, axis: Axis, most: float) -> str:
    """A series' label; over chips with its efficiency, and where that is from if it stops early."""
    if not axis.chips or len(each.points) == 1:
        return each.name
    last = each.points[-1]
    at = "" if last.x == most else f" at {last.x:,.0f}"
    return f"{each.name}: {100 * efficiency(each.points[0], last):.1f} %{at}"


def _finding(axis: Axis, series: Sequence[Series]) -> str:
    most = max(point.x for each in series for point in each.points)
    reaching = [each for each in series if each.points[-1].x == most and len(each.points) > 1]
    if axis.chips:
        shares = sorted(100 * efficiency(each.points[0], each.points[-1]) for each in reaching)
        if not shares:
            return f"Tokens/s against {axis.name}"
        span = " to ".join(dict.fromkeys((f"{shares[0]:.1f}", f"{shares[-1]:.1f}")))
        return f"{most:,.0f} {axis.name} keep {span} % of linear scaling"
    name, _, unit = axis.name.partition(", ")
    low, high = (dict(axis.ticks)[x] for x in (axis.ticks[0][0], axis.ticks[-1][0]))
    gains = sorted(each.points[-1].row["tokens_per_s"] / each.points[0].row["tokens_per_s"] for each in reaching)
    said = " to ".join(dict.fromkeys(f"{gain:.2f}" for gain in (gains[0], gains[-1]))) if gains else "1.00"
    return f"{name.capitalize()} from {low} to {high} {unit}".rstrip() + f": {said} times the tokens/s"


def _circumstances(axis: Axis, series: Sequence[Series], most: float) -> str:
    parts = ["shaded: 80 % intervals"]
    if axis.chips:
        parts = [
            "dashed: ideal, the smallest cluster's rate per chip",
            "shaded: 80 % intervals (of rates; their ratios have none)",
            f"at the right: efficiency at {most:,.0f} {axis.name}",
        ]
    sources = {p.row["published"]["source"] for each in series for p in each.points if "published" in p.row}
    if sources:
        parts.append(f"published: {', '.join(sorted(sources))}")
    return "; ".join(parts)


def _handles(shapes: dict[str, str], series: Sequence[Series], axis: Axis) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], linestyle="none", marker=shape, color=GREY, markersize=5, label=f"bound by {resource}")
        for resource, shape in shapes.items()
    ]
    handles.append(Patch(color=GREY, alpha=0.3, linewidth=0, label="80 % interval"))
    if axis.chips:
        handles.append(Line2D([], [], linestyle="--", color=GREY, linewidth=1, label="ideal"))
    if any("published" in point.row for each in series for point in each.points):
        handles.append(Line2D([], [], **ring(), label="published"))
    return handles
