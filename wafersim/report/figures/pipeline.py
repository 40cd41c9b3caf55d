"""One step of a pipeline on GPUs: a lane of work a stage, its data-parallel channel below where it has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch

from wafersim.report.figures.style import GREY, figure, quiet, title
from wafersim.report.words import seconds
from wafersim.simulation import Simulated
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.timeline.timeline import PASSES, Timeline

COLOURS = {"forward": "#3b6fb6", "backward": "#e8a33d", "dgrad": "#e8a33d", "wgrad": "#c8553d", "update": "#4f9d69"}
CHANNEL = {"gather": "#8e6bbf", "scatter": "#c97fb0"}
MOST_LANES = 16


def pipeline_figure(simulated: Simulated, name: str, path: Path) -> None:
    """Forward, backward and update of every stage (of some, where they are many) over one step."""
    plan, timeline = simulated.periodic.plan, simulated.periodic.timeline
    prediction = simulated.prediction
    stages = sorted(set(np.linspace(0, plan.stages - 1, min(plan.stages, MOST_LANES)).round().astype(int).tolist()))
    begin = int(timeline.start.min())
    step = float(simulated.periodic.step_ticks) / TICKS_PER_SECOND
    with figure(path, 13, 1.9 + 0.42 * len(stages)) as drawn:
        height = drawn.get_size_inches()[1]
        axes = drawn.add_axes((0.07, 0.85 / height, 0.86, 1 - 1.65 / height))
        pixel = step / (0.86 * 13 * drawn.dpi)
        for y, stage in enumerate(stages):
            mine = timeline.select(timeline.entity == stage)
            _bars(axes, mine.of("compute"), begin, y, 0.0, 0.6, pixel)
            _bars(axes, mine.of("update"), begin, y, 0.0, 0.6, pixel)
            for kind in CHANNEL:
                _bars(axes, mine.of(kind), begin, y, 0.62, 0.24, pixel, CHANNEL[kind])
            busy = mine.of("compute").busy() / TICKS_PER_SECOND / step
            axes.text(1.01, y + 0.3, f"{busy:.0%}", transform=axes.get_yaxis_transform(), fontsize=8.5, color=GREY)
        axes.set_xlim(0, max(step, (int(timeline.end.max()) - begin) / TICKS_PER_SECOND))
        axes.set_ylim(len(stages), -0.15)
        axes.set_yticks([y + 0.3 for y in range(len(stages))], [f"stage {stage}" for stage in stages])
        axes.set_xlabel("seconds")
        quiet(axes)
        title(
            drawn,
            f"One step of {name} on {prediction.n_systems:,} GPUs: {seconds(step)}, bound by {prediction.binding_resource}",
            f"{prediction.split.name}; {plan.micro_batches} micro-batches of {prediction.micro_batch}, {plan.schedule}; "
            "at the right: share of the step that a stage works",
        )
        used = [p for p in COLOURS if np.any(timeline.pass_ == PASSES.index(p))]
        patches = [Patch(color=COLOURS[p], label=p) for p in used]
        patches += [
            Patch(color=colour, label=f"{kind} (data-parallel)")
            for kind, colour in CHANNEL.items()
            if timeline.of(kind).busy()
        ]
        drawn.legend(handles=patches, loc="lower center", ncol=len(patches), frameon=False, fontsize=8.5)


def _bars(
    axes: Any, tasks: Timeline, begin: int, y: int, low: float, tall: float, pixel: float, colour: str | None = None
) -> None:
    """Bars of one lane; every other micro-batch lighter, so that neighbours can be told apart."""
    if not len(tasks):
        return
    start = (tasks.start - begin) / TICKS_PER_SECOND
    end = np.maximum((tasks.end - begin) / TICKS_PER_SECOND, start + pixel)
    corners = [
        [(a, y + low), (b, y + low), (b, y + low + tall), (a, y + low + tall)]
        for a, b in zip(start.tolist(), end.tolist(), strict=True)
    ]
    colours = [colour or COLOURS[PASSES[code]] for code in tasks.pass_.tolist()]
    alphas = [0.72 if odd else 1.0 for odd in ((tasks.micro_batch + tasks.layer) % 2).tolist()]
    axes.add_collection(PolyCollection(corners, facecolors=colours, alpha=alphas, edgecolors="none"))
