"""A kernel on the grid: busy fraction and wait of every PE; efficiency against size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wafersim.errors import WafersimError
from wafersim.inputs.profile import SystemProfile
from wafersim.kernel import TICKS, busy_shares, kernel_cost, kernel_run
from wafersim.report.colours import LINES
from wafersim.report.figures.sheet import PAGE, SLIDE, Words, inches, sheet, widest
from wafersim.report.figures.style import GREY, INK, MARKERS, quiet
from wafersim.wafer.kernel_cost import KernelCost

SWEEP = [2**i for i in range(-6, 5)]  # of the size asked for
SMALL = 8.0  # points


def heatmap_figure(system: SystemProfile, cost: KernelCost, path: Path, width: float = SLIDE) -> None:
    """Simulate the kernel on the real grid and draw two maps; only the weight-streaming dataflow is drawn.

    The maps stand beside each other, or on top of each other where the sheet is narrow.
    """
    if cost.dataflow != "weight-streaming":
        raise WafersimError(f"--heatmap: drawn for weight-streaming, not for {cost.dataflow}")
    run, outputs = kernel_run(system, cost)
    rows, columns = run.busy.shape
    busy = 100 * cost.pe_utilisation
    words = Words(
        f"{cost.m} x {cost.k} by {cost.k} x {cost.n} on {system.name}: a PE is busy {busy:.0f} % of the time",
        f"{rows} x {columns} PEs of one replica, the first {outputs} of {cost.n} outputs simulated weight by weight",
    )
    maps = (
        (busy_shares(cost, run, outputs), "busy fraction", "viridis", 1.0),
        (run.wait / TICKS, "cycles waited before a weight", "magma", None),
    )
    beside = width >= 6
    each = width / 2 if beside else width
    tall = min(3.2, 0.75 * each)
    with sheet(path, width, (tall + 0.75) * (1 if beside else 2), words) as page:
        for index, (values, label, colours, most) in enumerate(maps):
            left, bottom = (index * each, 0.45) if beside else (0.0, 0.45 + (1 - index) * (tall + 0.75))
            axes = page.axes(left + 0.65, left + each - 0.85, bottom, tall)
            image = axes.imshow(values, aspect="auto", cmap=colours, interpolation="nearest", vmin=0, vmax=most)
            axes.set_xlabel("column of PEs (hidden features)", fontsize=SMALL)
            axes.set_ylabel("row of PEs (tokens)", fontsize=SMALL)
            axes.set_title(label, fontsize=SMALL, loc="left", color=GREY)
            axes.locator_params(nbins=4)
            quiet(axes, "both")
            axes.grid(False)
            bar = page.figure.colorbar(image, cax=page.axes(left + each - 0.75, left + each - 0.6, bottom, tall))
            bar.ax.locator_params(nbins=5)
            bar.ax.tick_params(labelsize=SMALL)


def sweep_figure(
    system: SystemProfile, dataflows: Sequence[str], size: tuple[int, int, int], path: Path, width: float = PAGE
) -> None:
    """Efficiency of each dataflow as all three sides are scaled from 1/64 to 16 times the size."""
    curves = {dataflow: _curve(system, dataflow, size) for dataflow in dataflows}
    names = 0.4 + widest(dataflows, SMALL)
    width = max(width, names + 2.2)
    tall = min(3.4, 0.5 * width)
    words = Words(_finding(curves), f"all sides scaled together, {system.name}; hollow: the tiles do not fit a PE")
    with sheet(path, width, tall + 0.6, words) as page:
        axes: Any = page.axes(0.55, width - names, 0.45, tall)
        for index, curve in enumerate(curves.values()):
            colour = LINES[index % len(LINES)]
            values = [100 * cost.efficiency for cost in curve]
            axes.plot(SWEEP, values, "-", color=colour, linewidth=1.8)
            faces = ["white" if cost.refused else colour for cost in curve]
            axes.scatter(
                SWEEP, values, s=22, marker=MARKERS[index % len(MARKERS)], facecolors=faces, edgecolors=colour, zorder=3
            )
        axes.set_xscale("log", base=2)
        axes.set_ylim(0, 100)
        place, wide = -np.inf, width - names - 0.55
        beside = {"transform": axes.transAxes, "clip_on": False}
        ends = sorted((curve[-1].efficiency, index, dataflow) for index, (dataflow, curve) in enumerate(curves.items()))
        for value, index, dataflow in ends:
            place = max(value, place + 0.14 / tall)
            axes.plot([1, 1 + 0.15 / wide], [value, place], color=LINES[index % len(LINES)], linewidth=1.2, **beside)
            axes.text(1 + 0.19 / wide, place, dataflow, color=INK, va="center", fontsize=SMALL, **beside)
        shown = SWEEP if (width - names) / len(SWEEP) > inches("1/64") + 0.1 else SWEEP[::2]
        axes.set_xticks(
            shown, [f"{scale:g}" if scale >= 1 else f"1/{round(1 / scale)}" for scale in shown], fontsize=SMALL
        )
        axes.set_xlabel(f"scale of {size[0]} x {size[1]} x {size[2]}")
        axes.set_ylabel("efficiency, % of peak of the PEs used" if tall > 2.6 else "% of peak")
        quiet(axes, "both")


def _curve(system: SystemProfile, dataflow: str, size: tuple[int, int, int]) -> list[KernelCost]:
    scaled = [tuple(max(1, round(side * scale)) for side in size) for scale in SWEEP]
    return [kernel_cost(system, dataflow, *one) for one in scaled]


def _finding(curves: dict[str, list[KernelCost]]) -> str:
    fitting = [
        (100 * cost.efficiency, name, scale)
        for name, curve in curves.items()
        for cost, scale in zip(curve, SWEEP, strict=True)
        if not cost.refused
    ]
    if not fitting:
        return "At none of these sizes do the tiles fit a PE"
    best, name, scale = max(fitting)
    return f"At {scale:g} times the size {name} reaches {best:.0f} % of peak, the most that fits"
