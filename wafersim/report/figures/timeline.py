"""One periodic step as lanes, and three layers of its backward pass close up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wafersim.report.colours import PASSES
from wafersim.report.figures.lanes import Lane, Window, close_up, lanes_of, seconds_of
from wafersim.report.figures.sheet import SLIDE, Sheet, Target, Words, inches, sheet, widest, wrapped
from wafersim.report.figures.style import GREY, INK, LIGHTER, lighter, quiet
from wafersim.report.screen.binding import bound_by
from wafersim.report.words import seconds
from wafersim.simulation import Simulated
from wafersim.strategies.critical import critical_tasks
from wafersim.strategies.weight_streaming.words import WORDS
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.timeline.timeline import PASSES as CODES

BAR, ROW = 0.72, 0.25  # of a lane; inches of one
SMALL = 8.0  # points
SHADED = "#f3ecd6"  # where the close-up is
MANY = 20_000  # bars of a lane; of more than that those that nobody sees are left out
LEAST = 1.6  # inches that the lanes keep, however long their names are


def timeline_figure(simulated: Simulated, name: str, path: Target, width: float = SLIDE) -> None:
    """Lanes from MemoryX down to the wafer and back up; bars coloured by pass, lighter on every other layer.

    A bar shorter than a pixel is drawn one pixel wide, so the share of the step that a lane is busy stands beside it.
    Lanes in which nothing happens are told in one line below.
    """
    plan, timeline = simulated.periodic.plan, simulated.periodic.timeline
    step = float(simulated.periodic.step_ticks) / TICKS_PER_SECOND
    origin = float(timeline.start.min()) / TICKS_PER_SECOND
    last = max(step, float(timeline.end.max()) / TICKS_PER_SECOND - origin)
    every, window = lanes_of(timeline, plan), close_up(timeline, plan, origin)
    found = critical_tasks(simulated.periodic)
    critical = [] if found is None else lanes_of(found, plan)
    above, below = _folded(every), _folded([lane.within(window.low, window.high, origin) for lane in every])
    names, end = 0.2 + widest([lane.name for lane in every], SMALL), 0.1 + inches("99.9 %", SMALL)
    width = max(width, names + LEAST + end)
    across = width - names - end
    notes = [
        wrapped(f"{text}; idle: {idle}" if idle else text, across, SMALL)
        for text, (_, idle) in (
            ("seconds from the first weight of the step", above),
            (f"seconds; {window.said}", below),
        )
    ]
    heights = [ROW * len(lanes) for lanes, _ in (above, below)]
    feet = [0.28 + 0.16 * len(lines) for lines in notes]
    body = sum(heights) + sum(feet) + 0.35
    with sheet(path, width, body, _words(simulated, name, above[0], found is not None)) as page:
        whole = page.axes(names, width - end, feet[1] + heights[1] + 0.25 + feet[0], heights[0])
        close = page.axes(names, width - end, feet[1], heights[1])
        pixels = across * page.figure.dpi
        _draw(whole, above[0], origin, edged_above=step, pixel=last / pixels, smooth=False)
        _draw(close, below[0], origin, 0.01 * (window.high - window.low), (window.high - window.low) / pixels)
        for axes, lanes, shown in ((whole, above[0], last), (close, below[0], window.high - window.low)):
            _mark(axes, lanes, critical, origin, shown / pixels)
            axes.locator_params(axis="x", nbins=max(2, int(across / 0.7)))
            axes.tick_params(axis="x", labelsize=SMALL)
        _write_busy(whole, above[0], step)
        whole.set_xlim(0, last)
        whole.axvspan(window.low, window.high, color=SHADED, zorder=0, linewidth=0)
        close.set_xlim(window.low, window.high)
        _name_layers(close, window)
        _below(page, whole, notes[0], names)
        _below(page, close, notes[1], names)


def _words(simulated: Simulated, name: str, lanes: Sequence[Lane], circuit: bool) -> Words:
    prediction, counted = simulated.prediction, WORDS.counted
    passes = simulated.periodic.timeline.pass_
    handles: list[Any] = [
        Patch(color=PASSES[each], label=each) for each in CODES if np.any(passes == CODES.index(each))
    ]
    handles += [Patch(color=lane.colour, label=lane.name) for lane in lanes if lane.colour]
    handles.append(Patch(color=GREY, alpha=1 - LIGHTER, linewidth=0, label="lighter: every other layer"))
    if circuit:
        handles.append(Line2D([], [], color=INK, linewidth=2.2, label="on the critical circuit"))
    finding = (
        f"One step of {name} on {counted(prediction.n_systems)}: {seconds(prediction.step_time_s)}, "
        f"bound by {bound_by(prediction.to_json())}"
    )
    slowest = f"the slowest of {counted(prediction.n_systems)}, its" if prediction.n_systems > 1 else "the system, its"
    circumstances = (
        f"{slowest} path to MemoryX; activations: {simulated.choice.policy}; "
        "at the right: share of the step that a lane is busy"
    )
    return Words(finding, circumstances, handles)


def _folded(lanes: Sequence[Lane]) -> tuple[list[Lane], str]:
    """(lanes in which something happens, the names of the others)."""
    busy = [lane for lane in lanes if len(lane.tasks)]
    return busy, ", ".join(lane.name for lane in lanes if not len(lane.tasks))


def _draw(
    axes: Any, lanes: Sequence[Lane], origin: float, edged_above: float, pixel: float, smooth: bool = True
) -> None:
    """Bars of every lane; those longer than `edged_above` seconds get a white edge, shorter ones would vanish in it.

    Bars narrower than a `pixel` (seconds) are drawn one pixel wide. The overview is not `smooth`: antialiasing would
    make equal bars dark or pale by where they fall, which reads as a pattern in the machine.
    """
    palette = np.array([_colour(pass_, layer) for pass_ in CODES for layer in range(2)])
    for y, lane in enumerate(lanes):
        start, end = seconds_of(lane.tasks, origin)
        colour = 2 * lane.tasks.pass_ + lane.tasks.layer % 2
        thin = end - start < pixel
        start = np.where(thin, np.floor(start / pixel) * pixel, start)
        end = np.where(thin, start + pixel, end)
        if not smooth and len(start) > MANY:
            drawn = _last_of_each(start, end, colour)
            start, end, colour = start[drawn], end[drawn], colour[drawn]
        corners = np.empty((len(start), 4, 2))
        corners[:, (0, 3), 0], corners[:, (1, 2), 0] = start[:, None], end[:, None]
        corners[:, :2, 1], corners[:, 2:, 1] = y - BAR / 2, y + BAR / 2
        colours = np.tile(to_rgb(lane.colour), (len(start), 1)) if lane.colour else palette[colour]
        edged = end - start > edged_above
        edges = np.where(edged[:, None], 1.0, colours)
        widths = np.where(edged, 0.5, 0.0)
        bars = PolyCollection(list(corners), facecolors=colours, edgecolors=edges, linewidths=widths)
        bars.set_antialiased(smooth)
        axes.add_collection(bars)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.set_yticks(range(len(lanes)), [lane.name for lane in lanes], fontsize=SMALL)
    quiet(axes)


def _last_of_each(start: np.ndarray, end: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Places of bars, in order, without those that a later one of the same colour covers exactly: of millions few are left."""
    reverse = np.stack((start, end, colour))[:, ::-1]
    _, first = np.unique(reverse, axis=1, return_index=True)
    return np.sort(len(start) - 1 - first)


def _mark(axes: Any, lanes: Sequence[Lane], critical: Sequence[Lane], origin: float, pixel: float) -> None:
    """A line under every bar that lies on the critical circuit; bars less than a `pixel` (seconds) apart share theirs."""
    place = {lane.name: y for y, lane in enumerate(lanes)}
    for lane in critical:
        if lane.name not in place:
            continue
        y = place[lane.name] + BAR / 2 + 0.06
        lines = [[(start, y), (end, y)] for start, end in _joined(*seconds_of(lane.tasks, origin), pixel)]
        axes.add_collection(LineCollection(lines, colors=INK, linewidths=2.2, capstyle="butt"))


def _joined(start: np.ndarray, end: np.ndarray, gap: float) -> list[tuple[float, float]]:
    """Spans of time, those together that lie no further than `gap` apart."""
    if not len(start):
        return []
    order = np.argsort(start, kind="stable")
    begin, until = start[order], np.maximum.accumulate(end[order])
    first = np.flatnonzero(np.concatenate(([True], begin[1:] > until[:-1] + gap)))
    last = np.concatenate((first[1:], [len(begin)])) - 1
    return list(zip(begin[first].tolist(), until[last].tolist(), strict=True))


def _write_busy(axes: Any, lanes: Sequence[Lane], step: float) -> None:
    """The share of the step in which each lane is busy, in the right margin."""
    for y, lane in enumerate(lanes):
        share = 100 * lane.tasks.busy() / TICKS_PER_SECOND / step
        text = f"{share:.0f} %" if share >= 9.95 else f"{share:.1f} %"
        axes.annotate(
            text, (1, y), (5, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            va="center", fontsize=SMALL, color=INK, annotation_clip=False,
        )  # fmt: skip


def _name_layers(axes: Any, window: Window) -> None:
    for name, start, end in window.layers:
        axes.axvline(start, color=GREY, linewidth=0.6, linestyle=":")
        axes.text((start + end) / 2, -0.62, name, ha="center", va="bottom", fontsize=SMALL, color=GREY)


def _below(page: Sheet, axes: Any, lines: Sequence[str], left: float) -> None:
    """What the axis counts, and the lanes that are idle, under its ticks."""
    low = axes.get_position().y0 * page.height - page.foot
    for index, line in enumerate(lines):
        page.text(left, low - 0.24 - 0.155 * index, line, fontsize=SMALL, color=GREY, va="top")


def _colour(pass_: str, layer: int) -> tuple[float, float, float]:
    return to_rgb(lighter(PASSES[pass_]) if layer % 2 else PASSES[pass_])
