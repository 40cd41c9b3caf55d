"""What checkpoints and failures cost against the interval between saves: the closed curve, its optimum, and simulated runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from wafersim.numbers import TIMES, digits, duration
from wafersim.report.colours import FIRST, MATCHED
from wafersim.report.figures.sheet import PAGE, Words, sheet
from wafersim.report.figures.style import INK, quiet
from wafersim.strategies import palette
from wafersim.training_run.best_interval import Interval
from wafersim.training_run.waste import Measured

SMALL = 8.0  # points
REACH = 8.0  # times and parts of the best interval that the curve spans at least
TALL = 2.6  # inches
USED = palette.RED


def waste_figure(
    best: Interval,
    measured: Sequence[Measured],
    name: str,
    path: Path,
    used_s: float | None = None,
    width: float = PAGE,
) -> None:
    """The interval on a logarithmic axis; `used_s` is the one that the run has, if it is not the best."""
    spans = [best.seconds / REACH, best.seconds * REACH, *(each.interval_s for each in measured)]
    spans += [used_s] if used_s else []
    curve = np.geomspace(min(spans) / 1.05, max(spans) * 1.05, 300)
    heights = [100 * best.waste_at(float(x)) for x in curve]
    with sheet(path, width, TALL + 0.5, _words(best, measured, name, used_s)) as page:
        axes = page.axes(0.65, width - 0.15, 0.45, TALL)
        axes.plot(curve, heights, color=MATCHED, linewidth=1.6)
        axes.plot([best.seconds], [100 * best.waste()], "o", color=FIRST, markersize=8, zorder=4)
        if used_s:
            axes.plot([used_s], [100 * best.waste_at(used_s)], "s", color=USED, markersize=7, zorder=4)
        if measured:
            axes.errorbar(
                [each.interval_s for each in measured], [100 * each.waste for each in measured],
                yerr=[196 * each.error for each in measured], fmt="o", color=INK, markersize=3.5, linewidth=1, zorder=5,
            )  # fmt: skip
        tops = [100 * best.waste_at(factor * best.seconds) for factor in (1 / 5, 5)]
        tops += [100 * each.waste for each in measured] + ([100 * best.waste_at(used_s)] if used_s else [])
        axes.set_ylim(0, min(100.0, 1.12 * max(tops)))
        axes.set_xscale("log")
        axes.set_xlim(curve[0], curve[-1])
        _ticks(axes, curve[0], curve[-1], width)
        axes.set_xlabel("training between two saves", fontsize=SMALL)
        axes.set_ylabel("time lost, % of the run", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        quiet(axes, "both")


def _ticks(axes: Any, low: float, high: float, width: float) -> None:
    """Round times: 1, 2, 5, 10, 20, 30 of seconds, minutes, hours, days."""
    sizes = {name: size for name, size in TIMES if name in ("s", "min", "h", "d")}
    rounds = [(f"{n} {name}", n * sizes[name]) for name, many in
              (("s", (1, 2, 5, 10, 20, 30)), ("min", (1, 2, 5, 10, 20, 30)), ("h", (1, 2, 4, 8)), ("d", (1, 2, 5, 10, 30, 100)))
              for n in many]  # fmt: skip
    least = low * (high / low) ** (0.25 / (width - 0.8))  # so that the first does not touch the other axis
    shown = [each for each in rounds if least <= each[1] <= high]
    every = max(1, -(-len(shown) // int((width - 0.8) / 0.6)))
    axes.set_xticks([at for _, at in shown[::every]], [text for text, _ in shown[::every]])
    axes.set_xticks([], minor=True)


def _words(best: Interval, measured: Sequence[Measured], name: str, used_s: float | None) -> Words:
    losses = [f"{100 * best.waste(factor):.1f} %" for factor in (1 / 3, 3)]
    finding = f"{name}: best saved every {duration(best.seconds)}, which loses {100 * best.waste():.1f} % of the time"
    steps = sorted(set(best.steps))
    of = f"{steps[0]:,} steps" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,} steps"
    said = f"the best is {of}; at a third and three times of it {losses[0]} and {losses[1]}; a failure that stops the job every "
    said += f"{duration(best.stops.mtbf_s)}, a save of {duration(best.save.stop_s)}"
    if best.save.written_s:
        said += f" and {duration(best.save.written_s)} in the background"
    handles = [
        Line2D([], [], color=MATCHED, linewidth=1.6, label="closed form"),
        Line2D([], [], color=FIRST, marker="o", linestyle="none", markersize=8, label="best"),
    ]
    if used_s:
        label = f"as it is: {duration(used_s)}, {digits(100 * best.waste_at(used_s), 2)} %"
        handles.append(Line2D([], [], color=USED, marker="s", linestyle="none", markersize=7, label=label))
    if measured:
        label = f"simulated, {measured[0].runs:,} runs each, with 95 % of chance"
        handles.append(Line2D([], [], color=INK, marker="o", markersize=3.5, linewidth=1, label=label))
    return Words(finding, said, handles)
