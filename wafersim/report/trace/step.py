"""A step as a trace, task by task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from wafersim import __version__
from wafersim.errors import WafersimError
from wafersim.report.trace.events import (
    BLOCK,
    TICKS_PER_NANOSECOND,
    Rows,
    counted,
    document,
    duration,
    flow,
    microseconds,
    nanoseconds,
)
from wafersim.report.trace.file import write_trace
from wafersim.report.trace.gpu import gpu_view
from wafersim.report.trace.view import StepView
from wafersim.report.trace.wafer import wafer_view
from wafersim.simulation import Simulated
from wafersim.strategies.critical import critical_tasks
from wafersim.timeline.clock import to_seconds
from wafersim.timeline.timeline import KINDS, Column, Timeline

VIEWS: dict[str, Callable[[Simulated], StepView]] = {"weight-streaming": wafer_view, "gpu-parallel": gpu_view}
SEEN = 1000  # nanoseconds: the catapult viewer finds no shorter slice at the end of an arrow
TIMES = "ts and dur are microseconds, ps start and end in picoseconds; 0 is the start of the step's first task"


def save_step(simulated: Simulated, title: str, path: Path) -> None:
    """Write the last step that was simulated. Raises WafersimError, one line, where the path cannot be written."""
    view = VIEWS.get(simulated.job.kind)
    if view is None:
        raise WafersimError(f"--trace: steps of {simulated.job.kind} have no trace")
    about = {
        "title": title,
        "step_seconds": to_seconds(float(simulated.periodic.step_ticks)),
        "times": TIMES,
        "written_by": f"wafersim {__version__}",
    }
    timeline = simulated.periodic.timeline
    write_trace(path, document(about, events(timeline, view(simulated), on_circuit(simulated))))


def on_circuit(simulated: Simulated) -> np.ndarray:
    """Which tasks of the last step are on the critical circuit; none where no circuit is known."""
    timeline, found = simulated.periodic.timeline, critical_tasks(simulated.periodic)
    return np.zeros(len(timeline), bool) if found is None else among(timeline, found)


def events(timeline: Timeline, view: StepView, critical: np.ndarray) -> Iterator[str]:
    """Names, counters, slices lane by lane, arrows. A task of no ticks is no slice."""
    rows, origin = Rows.of(view.lanes, view.counters), int(timeline.start.min())
    busy = timeline.end > timeline.start
    yield from rows.names(set(range(len(view.lanes))) - set(np.unique(view.lane_of[busy]).tolist()))
    for counter in view.counters:
        yield from counted(counter, rows.pid(counter.process), origin)
    order = np.lexsort((timeline.start, view.lane_of))
    order = order[busy[order]]
    pids = rows.pids
    for first in range(0, len(order), BLOCK):
        block = order[first : first + BLOCK]
        lanes, kinds = view.lane_of[block].tolist(), timeline.kind[block].tolist()
        starts, ends = (timeline.start[block] - origin).tolist(), (timeline.end[block] - origin).tolist()
        every = zip(lanes, kinds, starts, ends, view.describe(block), critical[block].tolist(), strict=True)
        for lane, kind, start, end, said, is_critical in every:
            args = f'"ps":[{start},{end}]' + (f",{said.args}" if said.args else "")
            if is_critical:
                args += ',"critical":true'
            yield (
                f'{{"ph":"X","pid":{pids[lane]},"tid":{lane + 1},"ts":{microseconds(start)},"dur":{duration(start, end)},'
                f'"name":{said.name},"cat":"{KINDS[kind]}","args":{{{args}}}}}'
            )
    for number, path in enumerate(view.flows, 1):
        stops = []
        for row in path.rows:
            start, end = (nanoseconds(int(at[row]) - origin) for at in (timeline.start, timeline.end))
            if end - start >= SEEN:
                lane, middle = int(view.lane_of[row]), (start + end) // 2 * TICKS_PER_NANOSECOND
                stops.append((pids[lane], lane + 1, middle))
        if len(stops) > 1:
            yield from flow(number, path.name, stops)


def among(timeline: Timeline, some: Timeline) -> np.ndarray:
    """Which tasks of a step are among some of its tasks."""
    keys, asked = timeline.key_columns(), some.key_columns()
    shape = [int(max(key.max(initial=0), other.max(initial=0))) + 1 for key, other in zip(keys, asked, strict=True)]
    if not len(some):
        return np.zeros(len(timeline), bool)
    known, wanted = _numbers(keys, shape), _numbers(asked, shape)  # in canonical order, that of these numbers
    found = np.zeros(len(timeline), bool)
    found[np.searchsorted(known, wanted)] = True
    return found


def _numbers(keys: tuple[Column, ...], shape: list[int]) -> Column:
    numbers: Column = np.ravel_multi_index(keys, shape)
    return numbers
