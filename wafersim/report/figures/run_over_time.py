"""One whole run over time: its steps, how far they are behind with every roll-back, what the job did, and what struck it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from wafersim.numbers import SPELLED, digits, duration, unit_of
from wafersim.report.figures.sheet import PAGE, Words, sheet, widest
from wafersim.report.figures.style import GREY, INK, quiet
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.training_run.plan import Event, Loss
from wafersim.training_run.trace import Trace
from wafersim.training_run.words import WORDS

SMALL = 8.0  # points
ROW, BAR = 0.21, 0.66  # inches of a lane; share of it that a bar is high
TALL, BEHIND = 1.3, 0.95  # inches of the steps, and of the time that they are behind
CAUSES = 8  # that have a lane of their own
STARTS = "later starts and restores"


@dataclass(frozen=True)
class Lane:
    """Bars [n, 2] of start and end, or strikes [n, 1], in seconds, with what stands at its right."""

    name: str
    at: np.ndarray
    colour: str
    said: str


def run_figure(trace: Trace, name: str, path: Path, width: float = PAGE) -> None:
    """Above, steps that are done over time, and how much later than by steps alone; below, a lane for all that a job does and
    for each cause of failures."""
    end = trace.end_ticks / TICKS_PER_SECOND
    doing, strikes = _doing(trace), _strikes(trace)
    lanes = [*doing, *strikes]
    names = 0.2 + max(widest([lane.name for lane in lanes], SMALL), 0.4)
    right = 0.15 + widest([lane.said for lane in lanes], SMALL)
    width = max(width, names + 1.6 + right)
    unit, size = unit_of(end)
    tall = ROW * len(lanes)
    behind_at = 0.45 + tall + 0.15
    with sheet(path, width, behind_at + BEHIND + 0.15 + TALL, _words(trace, name)) as page:
        steps = page.axes(names, width - right, behind_at + BEHIND + 0.15, TALL)
        behind = page.axes(names, width - right, behind_at, BEHIND, sharex=steps)
        below = page.axes(names, width - right, 0.45, tall, sharex=steps)
        _draw_steps(steps, trace, size)
        _draw_behind(behind, trace, size)
        pixel = end / size / ((width - right - names) * page.figure.dpi)
        for y, lane in enumerate(lanes):
            _draw(below, y, lane, size, pixel)
        if strikes:
            below.axhline(len(doing) - 0.5, color=GREY, linewidth=0.6)
        below.set_ylim(len(lanes) - 0.5, -0.5)
        below.set_yticks(range(len(lanes)), [lane.name for lane in lanes], fontsize=SMALL)
        below.set_xlabel(f"{SPELLED[unit]} from the beginning", fontsize=SMALL)
        below.set_xlim(0, end / size)
        below.locator_params(axis="x", nbins=max(2, int((width - right - names) / 0.7)))
        below.tick_params(axis="x", labelsize=SMALL)
        quiet(below)
        for axes in (steps, behind):
            axes.tick_params(axis="x", labelbottom=False)
            axes.tick_params(axis="y", labelsize=SMALL)
            quiet(axes, "both")


def _draw_steps(axes: Any, trace: Trace, size: float) -> None:
    at = np.array([ticks / TICKS_PER_SECOND / size for ticks, _ in trace.progress])
    many = trace.steps >= 10_000
    done = np.array([step for _, step in trace.progress]) / (1000 if many else 1)
    ideal = np.array(trace.ideal, float) / (TICKS_PER_SECOND * size, 1000 if many else 1)
    axes.plot(ideal[:, 0], ideal[:, 1], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.plot(at, done, color=WORDS[Loss.PRODUCTIVE].colour, linewidth=1.3, solid_joinstyle="miter")
    axes.set_ylim(0, 1.03 * trace.steps / (1000 if many else 1))
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylabel("thousand steps" if many else "steps", fontsize=SMALL)


def _draw_behind(axes: Any, trace: Trace, size: float) -> None:
    """Time since the beginning, less what the steps that are done take alone."""
    at = np.array([ticks / TICKS_PER_SECOND for ticks, _ in trace.progress])
    ticks, steps = np.array(trace.ideal, float).T
    behind = at - np.interp([step for _, step in trace.progress], steps, ticks / TICKS_PER_SECOND)
    unit, own = unit_of(float(behind.max()))
    axes.plot(at / size, behind / own, color=WORDS[Loss.WASTED_PROGRESS].colour, linewidth=1.1)
    axes.set_ylim(0, 1.05 * float(behind.max()) / own or 1.0)
    axes.locator_params(axis="y", nbins=3)
    axes.set_ylabel(f"{SPELLED[unit]}\nbehind", fontsize=SMALL)


def _draw(axes: Any, y: int, lane: Lane, size: float, pixel: float) -> None:
    """Bars no narrower than a pixel; strikes as short lines."""
    if lane.at.shape[1] == 1:
        marks = [[(x, y - BAR / 2), (x, y + BAR / 2)] for (x,) in lane.at / size]
        axes.add_collection(LineCollection(marks, colors=lane.colour, linewidths=0.9))
    else:
        start, end = lane.at[:, 0] / size, np.maximum(lane.at[:, 1] / size, lane.at[:, 0] / size + pixel)
        low, high = np.full(len(start), y - BAR / 2), np.full(len(start), y + BAR / 2)
        corners = np.stack([np.stack(pair, 1) for pair in ((start, low), (end, low), (end, high), (start, high))], 1)
        bars = PolyCollection(list(corners), facecolors=lane.colour, linewidths=0)
        bars.set_antialiased(False)
        axes.add_collection(bars)
    axes.annotate(
        lane.said, (1, y), (5, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
        va="center", fontsize=SMALL, color=INK, annotation_clip=False,
    )  # fmt: skip


def _doing(trace: Trace) -> list[Lane]:
    """A lane for each thing that the job does, with its share of the run."""
    found = []
    for loss in Loss:
        spans = [
            (span.start_ticks / TICKS_PER_SECOND, span.end_ticks / TICKS_PER_SECOND)
            for span in trace.spans
            if span.loss is loss
        ]
        if spans:
            label = {Loss.PRODUCTIVE: "steps", Loss.PROGRAM_STARTUP: STARTS}.get(loss, WORDS[loss].label)
            share = 100 * trace.ticks(loss) / trace.end_ticks
            said = f"{share:.1f} %" if share >= 0.095 else f"{share:.2f} %"
            found.append(Lane(label, np.array(spans), WORDS[loss].colour, said))
    return found


def _strikes(trace: Trace) -> list[Lane]:
    """A lane for each cause, the most frequent first; those that are left share one."""
    counts = Counter(strike.cause for strike in trace.strikes if strike.event is not Event.CORRUPTED)
    counts.update({strike.cause: 0 for strike in trace.strikes})
    ranked = [cause for cause, _ in counts.most_common()]
    own = ranked if len(ranked) <= CAUSES else ranked[: CAUSES - 1]
    groups: list[tuple[str, Sequence[str]]] = [(cause.replace("-", " "), (cause,)) for cause in own]
    if len(own) < len(ranked):
        groups.append((f"{len(ranked) - len(own)} other causes", ranked[len(own) :]))
    found = []
    for name, causes in groups:
        at = np.array([[strike.ticks / TICKS_PER_SECOND] for strike in trace.strikes if strike.cause in causes])
        number = sum(counts[cause] for cause in causes)
        found.append(Lane(name, at, WORDS[Loss.WASTED_PROGRESS].colour, f"{number:,}"))
    return found


def _words(trace: Trace, name: str) -> Words:
    end = trace.end_ticks / TICKS_PER_SECOND
    stops = sum(strike.event is not Event.CORRUPTED for strike in trace.strikes)
    stopped = "never stopped" if stops == 0 else "stopped once" if stops == 1 else f"stopped {stops:,} times"
    between = f", every {duration(end / stops)} in the mean" if stops > 1 else ""
    finding = f"{name}: {digits(trace.steps)} steps in {duration(end)}, {stopped}{between}"
    if trace.steps < 1e6:
        finding = finding.replace(digits(trace.steps), f"{trace.steps:,}", 1)
    said = "one simulated run, beside steps alone (dashed); it falls back where a start goes on from a checkpoint; "
    return Words(finding, f"{said}right: share of the run{', number of failures' if trace.strikes else ''}")
