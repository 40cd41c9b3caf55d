"""A step as a page draws it: so many slices that a browser moves them, in lanes, each with what it says when it is pointed at.

A step of millions of tasks is thinned: lanes on which nothing critical runs and no weight is followed give way first, then
slices in a lane that begin within a short window become one, which says how many it is: those of one kind, or where that leaves
too many, as where kinds take turns, all of them.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.report.trace.events import Lane
from wafersim.report.trace.view import StepView
from wafersim.timeline.clock import to_seconds
from wafersim.timeline.timeline import KINDS, PASSES, Column, Timeline

MOST_LANES = 40
MOST_SLICES = 30_000
FULL = 2**32 - 1  # start and end of a slice are told in so many parts of the step


@dataclass(frozen=True)
class Slices:
    """Lanes with their slices, in the order of lanes and starts. `start` and `end` are ticks after the step's first task."""

    lanes: Sequence[Lane]
    lane: Column
    start: Column
    end: Column
    kind: Column
    pass_: Column
    critical: npt.NDArray[np.bool_]
    said: Sequence[str]  # of each, members of a JSON object
    tasks: int  # of the whole step
    lanes_left_out: int
    window: int  # ticks within which neighbours became one; 0: every task is a slice

    def packed(self) -> dict[str, Any]:
        """Plain values for the page's script; the columns one after the other, little-endian, gzipped, in base 64."""
        span = max(1, int(self.end.max(initial=0)))
        scale = FULL / span
        columns = (
            np.floor(self.start * scale).astype("<u4"),
            np.ceil(self.end * scale).clip(max=FULL).astype("<u4"),
            self.lane.astype("u1"),
            self.kind.astype("u1"),
            self.pass_.astype("u1"),
            self.critical.astype("u1"),
        )
        said = "\n".join(self.said).encode()
        return {
            "lanes": [[lane.process, lane.name] for lane in self.lanes],
            "kinds": list(KINDS),
            "passes": list(PASSES),
            "slices": len(self.start),
            "seconds": to_seconds(float(span)),
            "columns": _zipped(b"".join(column.tobytes() for column in columns)),
            "said": _zipped(said),
        }


def _zipped(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


def slices_of(timeline: Timeline, view: StepView, critical: npt.NDArray[np.bool_]) -> Slices:
    """The slices of a step; tasks of no ticks are none."""
    kept = _lanes(view, critical)
    place = np.full(len(view.lanes), -1)
    place[kept] = np.arange(len(kept))
    rows = np.flatnonzero((timeline.end > timeline.start) & (place[view.lane_of] >= 0))
    rows = rows[np.lexsort((timeline.start[rows], place[view.lane_of[rows]]))]
    origin = int(timeline.start.min())
    lane, start, end = place[view.lane_of[rows]], timeline.start[rows] - origin, timeline.end[rows] - origin
    kinds = timeline.kind[rows], timeline.pass_[rows]
    window, first = _thinned(lane, start, end, kinds)
    counts = np.diff(np.append(first, len(rows)))
    one = rows[first]
    busy = np.add.reduceat(end - start, first) if len(first) else np.zeros(0, np.int64)
    said = [f'"name":{each.name}' + (f",{each.args}" if each.args else "") for each in view.describe(one)]
    for index in np.flatnonzero(counts > 1).tolist():
        among = slice(int(first[index]), int(first[index] + counts[index]))
        several = any((column[among] != column[among.start]).any() for column in kinds)
        said[index] = _many(timeline, int(one[index]), int(counts[index]), int(busy[index]), several)
    return Slices(
        lanes=[view.lanes[index] for index in kept],
        lane=lane[first],
        start=start[first],
        end=np.maximum.reduceat(end, first) if len(first) else end,
        kind=timeline.kind[one],
        pass_=timeline.pass_[one],
        critical=np.logical_or.reduceat(critical[rows], first) if len(first) else critical[:0],
        said=said,
        tasks=len(timeline),
        lanes_left_out=len(np.unique(view.lane_of)) - len(kept),
        window=window,
    )


def _lanes(view: StepView, critical: npt.NDArray[np.bool_]) -> list[int]:
    """Lanes that are shown, in their order: where there are too many, those of what is critical or followed, then the first."""
    used = np.unique(view.lane_of)
    followed = [view.lane_of[row] for flow in view.flows for row in flow.rows]
    ranked = dict.fromkeys([*np.unique(view.lane_of[critical]).tolist(), *map(int, followed), *used.tolist()])
    return sorted(list(ranked)[:MOST_LANES])


def _thinned(lane: Column, start: Column, end: Column, kinds: tuple[Column, Column]) -> tuple[int, Column]:
    """(shortest window, of a power of two of ticks, within which slices have to become one, that there be few enough; places of
    those with which one that is drawn begins)."""
    for alike in ((lane, *kinds), (lane,)):
        window = 0
        while window <= 2 * int(end.max(initial=0)):
            first = _firsts(start, end, alike, window)
            if len(first) <= MOST_SLICES:
                return window, first
            window = 2 * window or 1024
    raise AssertionError("more lanes than slices")


def _firsts(start: Column, end: Column, alike: Sequence[Column], window: int) -> Column:
    """Places with which a slice begins: another lane (kind, pass), another window, or a long one."""
    if not window or not len(start):
        return np.arange(len(start))
    long = end - start >= window
    begins = np.ones(len(start), bool)
    begins[1:] = long[1:] | long[:-1] | (start[1:] // window != start[:-1] // window)
    for column in alike:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def _many(timeline: Timeline, row: int, count: int, busy: int, several: bool) -> str:
    what = f"{KINDS[timeline.kind[row]]}, {PASSES[timeline.pass_[row]]}"
    said = {"name": f"{count:,} x {f'several kinds, the first {what}' if several else what}", "busy_us": busy / 1e6}
    return json.dumps(said)[1:-1]
