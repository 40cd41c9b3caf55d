"""One step of a pipeline on GPUs: a lane of work a stage, its data-parallel channel below where it has one."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch

from wafersim.report.colours import CHANNELS, PASSES
from wafersim.report.figures.sheet import SLIDE, Target, Words, inches, sheet, widest
from wafersim.report.figures.style import GREY, LIGHTER, quiet
from wafersim.report.screen.binding import bound_by
from wafersim.report.words import seconds
from wafersim.simulation import Simulated
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.timeline.timeline import PASSES as CODES
from wafersim.timeline.timeline import Timeline

MOST_LANES = 16
ROW, SMALL, LEAST = 0.38, 8.0, 1.6  # inches of a lane; points; inches that lanes keep


def pipeline_figure(simulated: Simulated, name: str, path: Target, width: float = SLIDE) -> None:
    """Forward, backward and update of every stage (of some, where they are many) over one step."""
    plan, timeline = simulated.periodic.plan, simulated.periodic.timeline
    stages = sorted(set(np.linspace(0, plan.stages - 1, min(plan.stages, MOST_LANES)).round().astype(int).tolist()))
    begin = int(timeline.start.min())
    step = float(simulated.periodic.step_ticks) / TICKS_PER_SECOND
    last = max(step, (int(timeline.end.max()) - begin) / TICKS_PER_SECOND)
    labels = [f"stage {stage}" for stage in stages]
    names, end = 0.2 + widest(labels, SMALL), 0.15 + inches("100 %", SMALL)
    width = max(width, names + LEAST + end)
    tall = ROW * len(stages) + 0.05
    with sheet(path, width, tall + 0.5, _words(simulated, name, step)) as page:
        axes = page.axes(names, width - end, 0.45, tall)
        pixel = last / ((width - names - end) * page.figure.dpi)
        for y, stage in enumerate(stages):
            mine = timeline.select(timeline.entity == stage)
            _bars(axes, mine.of("compute"), begin, y, 0.0, 0.6, pixel)
            _bars(axes, mine.of("update"), begin, y, 0.0, 0.6, pixel)
            for kind, colour in CHANNELS.items():
                _bars(axes, mine.of(kind), begin, y, 0.62, 0.24, pixel, colour)
            busy = 100 * mine.of("compute").busy() / TICKS_PER_SECOND / step
            axes.annotate(f"{busy:.0f} %", (1, y + 0.3), (5, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                          va="center", fontsize=SMALL, color=GREY, annotation_clip=False)  # fmt: skip
        axes.set_xlim(0, last)
        axes.set_ylim(len(stages), -0.1)
        axes.set_yticks([y + 0.3 for y in range(len(stages))], labels, fontsize=SMALL)
        axes.locator_params(axis="x", nbins=max(2, int((width - names - end) / 0.7)))
        axes.set_xlabel("seconds")
        quiet(axes)


def _words(simulated: Simulated, name: str, step: float) -> Words:
    plan, timeline, prediction = simulated.periodic.plan, simulated.periodic.timeline, simulated.prediction
    used = [each for each in CODES if np.any(timeline.pass_ == CODES.index(each))]
    handles = [Patch(color=PASSES[each], label=each) for each in used]
    if plan.micro_batches > 1:
        handles.append(Patch(color=GREY, alpha=1 - LIGHTER, linewidth=0, label="lighter: every other micro-batch"))
    handles += [
        Patch(color=colour, label=f"{kind} (data-parallel)")
        for kind, colour in CHANNELS.items()
        if timeline.of(kind).busy()
    ]
    batches = f"{plan.micro_batches} micro-batch{'es' * (plan.micro_batches > 1)} of {prediction.micro_batch}"
    return Words(
        f"One step of {name} on {prediction.n_systems:,} GPUs: {seconds(step)}, bound by {bound_by(prediction.to_json())}",
        f"{prediction.split.name}; {batches}, {plan.schedule}; at the right: share of the step that a stage works",
        handles,
    )


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
    colours = [colour or PASSES[CODES[code]] for code in tasks.pass_.tolist()]
    alphas = [
        1 - LIGHTER if odd and colour is None else 1.0 for odd in ((tasks.micro_batch + tasks.layer) % 2).tolist()
    ]
    axes.add_collection(PolyCollection(corners, facecolors=colours, alpha=alphas, edgecolors="none"))
