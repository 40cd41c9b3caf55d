"""What the GPUs of a stage wait for: gap by gap, in the parts of a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.timeline.timeline import KIND, Column, Timeline


class Wait(NamedTuple):
    """Ticks before the task in a row of the timeline, which would otherwise have begun, and the part of the step they are."""

    row: int
    part: str
    ticks: int


def waits_between(timeline: Timeline, plan: GpuPlan, stage: int) -> Iterator[Wait]:
    """Of a stage's pieces of work, from its first to its last one, in the order in which they are done."""
    rows = _rows(timeline, "compute", stage)
    rows = rows[np.lexsort((timeline.chunk[rows], timeline.end[rows], timeline.start[rows]))]
    begins, ends = timeline.end[rows[:-1]], timeline.start[rows[1:]]
    sends = _rows(timeline, "send", stage) if plan.blocking_sends else rows[:0]
    held = dict(zip(timeline.start[sends].tolist(), timeline.end[sends].tolist(), strict=True))
    gathered = set(timeline.end[_rows(timeline, "gather", stage)].tolist())
    gaps = np.flatnonzero(ends > begins)
    for row, begin, end in zip(rows[gaps + 1].tolist(), begins[gaps].tolist(), ends[gaps].tolist(), strict=True):
        sending = min(end, held.get(begin, begin)) - begin
        if sending:
            yield Wait(row, "sends", sending)
        if sending < end - begin:
            late = plan.gathers and end in gathered
            yield Wait(row, "data" if late else idle_part(plan), end - begin - sending)


def waits_of_update(timeline: Timeline, plan: GpuPlan, stage: int) -> tuple[Wait, Wait]:
    """Of a stage's update: for gradients and tied embeddings, and for what else is not done yet on all stages."""
    row = int(_rows(timeline, "update", stage)[0])
    begin, over = int(timeline.start[row]), int(timeline.end[_rows(timeline, "compute", stage)].max())
    ends = timeline.end[_rows(timeline, "scatter", stage)]
    reduced = max(over, int(ends.max())) if len(ends) else over
    data = reduced - over + min(plan.tie, max(0, begin - reduced))
    return Wait(row, "data", data), Wait(row, idle_part(plan), max(0, begin - over - data))


def idle_part(plan: GpuPlan) -> str:
    """What stages wait for that wait for no transfer of their own: each other, where there are several."""
    return "data" if plan.stages == 1 else "bubble"


def _rows(timeline: Timeline, kind: str, stage: int) -> Column:
    """Where they stand in a timeline of one step, whose tasks are sorted by kind, then by stage."""
    low, high = np.searchsorted(timeline.kind, (KIND[kind], KIND[kind] + 1)).tolist()
    first, last = np.searchsorted(timeline.entity[low:high], (stage, stage + 1)).tolist()
    return np.arange(low + first, low + last)
