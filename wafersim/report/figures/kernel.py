"""A kernel on the grid: busy fraction and wait of every PE; efficiency against size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wafersim.errors import WafersimError
from wafersim.inputs.profile import SystemProfile
from wafersim.kernel import TICKS, busy_shares, kernel_cost, kernel_run
from wafersim.report.figures.style import MODEL_COLOURS, figure, quiet, title
from wafersim.wafer.kernel_cost import KernelCost

SWEEP = [2**i for i in range(-6, 5)]  # of the size asked for


def heatmap_figure(system: SystemProfile, cost: KernelCost, path: Path) -> None:
    """Simulate the kernel on the real grid and draw two maps; only the weight-streaming dataflow is drawn."""
    if cost.dataflow != "weight-streaming":
        raise WafersimError(f"--heatmap: drawn for weight-streaming, not for {cost.dataflow}")
    run, outputs = kernel_run(system, cost)
    with figure(path, 11, 4.6) as drawn:
        maps = (
            (busy_shares(cost, run, outputs), "busy fraction", "viridis", 1.0),
            (run.wait / TICKS, "cycles waited before a weight", "magma", None),
        )
        for index, (values, label, colours, most) in enumerate(maps):
            axes = drawn.add_axes((0.06 + 0.49 * index, 0.13, 0.36, 0.66))
            image = axes.imshow(values, aspect="auto", cmap=colours, interpolation="nearest", vmin=0, vmax=most)
            axes.set_xlabel("column of PEs (hidden features)")
            axes.set_ylabel("row of PEs (tokens)")
            axes.set_title(label, fontsize=9, loc="left")
            quiet(axes, "both")
            axes.grid(False)
            drawn.colorbar(image, cax=drawn.add_axes((0.43 + 0.49 * index, 0.13, 0.012, 0.66)))
        rows, columns = run.busy.shape
        title(
            drawn,
            f"{cost.m} x {cost.k} by {cost.k} x {cost.n} on {system.name}: a PE is busy {cost.pe_utilisation:.0%} of the time",
            f"{rows} x {columns} PEs of one replica, the first {outputs} of {cost.n} outputs simulated weight by weight",
        )


def sweep_figure(system: SystemProfile, dataflows: Sequence[str], size: tuple[int, int, int], path: Path) -> None:
    """Efficiency of each dataflow as all three sides are scaled from 1/64 to 16 times the size."""
    with figure(path, 9, 5.2) as drawn:
        axes: Any = drawn.add_axes((0.09, 0.11, 0.72, 0.72))
        ends, fitting = [], []
        for index, dataflow in enumerate(dataflows):
            sizes = [tuple(max(1, round(side * scale)) for side in size) for scale in SWEEP]
            costs = [kernel_cost(system, dataflow, *one) for one in sizes]
            values = [100 * cost.efficiency for cost in costs]
            colour = MODEL_COLOURS[index * 2]
            axes.plot(SWEEP, values, "-", color=colour, linewidth=1.8)
            faces = ["white" if cost.refused else colour for cost in costs]
            axes.scatter(SWEEP, values, s=22, facecolors=faces, edgecolors=colour, zorder=3)
            fitting += [
                (value, dataflow, scale)
                for value, cost, scale in zip(values, costs, SWEEP, strict=True)
                if not cost.refused
            ]
            ends.append((values[-1], dataflow, MODEL_COLOURS[index * 2]))
        axes.set_xscale("log", base=2)
        axes.set_ylim(0, 100)
        place = -np.inf
        for value, dataflow, colour in sorted(ends):
            place = max(value, place + 4)
            axes.text(SWEEP[-1] * 1.2, place, dataflow, color=colour, va="center")
        axes.set_xlabel(f"scale of {size[0]} x {size[1]} x {size[2]}")
        axes.set_ylabel("efficiency, % of the peak of the PEs used")
        quiet(axes, "both")
        headline = "At none of these sizes do the tiles fit a PE"
        if fitting:
            best, name, scale = max(fitting)
            headline = f"At {scale:g} times the size {name} reaches {best:.0f} % of peak, the most that fits"
        title(
            drawn,
            headline,
            f"all sides scaled together, {system.name}; hollow: the tiles do not fit a PE",
        )
