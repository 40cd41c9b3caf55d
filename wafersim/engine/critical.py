"""The chain of tasks that sets the time: from a task back through whatever it started right after.

In a periodic state the chain closes: a task met again some steps earlier bounds the critical circuit, whose length in
ticks is the period times the steps it spans. Elsewhere it ends at the start of the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.compiled import njit
from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_CHILDREN, BundleGraph, Ints


@dataclass(frozen=True)
class CriticalChain:
    """Tasks of the chain, the latest first, with the step (from 0, falling) and the delay before each one's start.

    `steps` is how many steps a closed chain spans, 0 for one that left the window.
    """

    task: Ints
    step: Ints
    lag: Ints
    steps: int


def critical_chain(graph: BundleGraph, lags: Ints, ends: Ints, starts: Ints, period: int | None) -> CriticalChain:
    """The chain behind the latest task of the last row of `ends` [step, task].

    With a `period` the rows are one cycle, and row -n is row n's time less the period; without, nothing is before the
    first row.
    """
    rows, tasks = ends.shape
    out = [np.empty(rows * tasks + 1, np.int64) for _ in range(3)]
    seen = np.full((rows, tasks), -1, np.int64)
    length, closed_at = _walk(
        graph.bundle_of,
        *graph.arrays(),
        lags,
        ends,
        starts,
        graph.server_of_task,
        *graph.users,
        -1 if period is None else period,
        int(ends[-1].argmax()),
        seen,
        *out,
    )
    task, step, lag = (column[:length] for column in out)
    if closed_at < 0:
        return CriticalChain(task, step, lag, 0)
    # The last entry is the task that closes the circuit: the same as at `closed_at`, some steps before.
    steps = int(step[closed_at] - step[-1])
    return CriticalChain(task[closed_at:-1], step[closed_at:-1] - step[closed_at], lag[closed_at:-1], steps)


@njit(error_model="numpy")
def _served_before(users: Ints, starts: Ints, ends: Ints, period: int, task: int, step: int) -> tuple[int, int]:
    """(task, step) of whom the server served right before a task of a step; (-1, 0) for nobody in the window.

    In the order of start, end, step and task, which cannot run in a circle where tasks of no duration share a tick. A user
    of a later step can have been served first: weights that do not wait for this step's updates leave before them.
    """
    rows = len(ends)
    shift = (step // rows) * period
    start, end = starts[step % rows, task] + shift, ends[step % rows, task] + shift
    found, then, since, until = -1, 0, 0, 0
    for row in range(rows):
        for other in users:
            turn = 0  # the last cycle in which the other one came before
            if period == 0:
                turn = step // rows
            elif period > 0:
                turn = (start - starts[row, other]) // period
            s, e, other_step = starts[row, other] + turn * period, ends[row, other] + turn * period, row + turn * rows
            if period >= 0 and s == start and (e, other_step, other) >= (end, step, task):
                s, e, other_step = s - period, e - period, other_step - rows
            if s > start or (s == start and (e, other_step, other) >= (end, step, task)):
                continue
            if found < 0 or (s, e, other_step, other) > (since, until, then, found):
                found, then, since, until = other, other_step, s, e
    return found, then


@njit(error_model="numpy")
def _walk(
    bundle_of: Ints, width: Ints, offset: Ints, duration_at: Ints, duration_stride: Ints, first: Ints, source: Ints,
    relation: Ints, lag_of: Ints, distance: Ints, map_: Ints, maps: Ints, map_at: Ints, lags: Ints, ends: Ints,
    starts: Ints, server: Ints, first_user: Ints, users: Ints, period: int, last: int, seen: Ints, out_task: Ints,
    out_step: Ints, out_lag: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Follow tight predecessors; a `period` below 0 stands for none.

    Returns (entries written, the entry that the last one repeats or -1).
    """
    rows = len(ends)
    task, step, length = last, rows - 1, 0
    while True:
        row = step % rows
        out_task[length], out_step[length], out_lag[length] = task, step, 0
        if seen[row, task] >= 0:
            return length + 1, seen[row, task]
        seen[row, task] = length
        since = starts[row, task] + (step // rows) * period
        bundle = bundle_of[task]
        entity = task - offset[bundle]
        found, then, delay = -1, 0, 0
        for edge in range(first[bundle], first[bundle + 1]):
            earlier = step - distance[edge]
            if found >= 0 or (period < 0 and earlier < 0):
                continue
            at, kind = offset[source[edge]], relation[edge]
            low, high = at, at + 1
            if kind == SAME:
                low, high = at + entity, at + entity + 1
            elif kind == TO_CHILDREN:
                low = at + maps[map_at[map_[edge]] + entity]
                high = low + 1
            elif kind in (FROM_CHILDREN, FROM_ALL):
                high = at + width[source[edge]]
            for other in range(low, high):
                if kind == FROM_CHILDREN and maps[map_at[map_[edge]] + other - at] != entity:
                    continue
                end = ends[earlier % rows, other] + (earlier // rows) * period
                if end + lags[lag_of[edge]] == since:
                    found, then, delay = other, earlier, lags[lag_of[edge]]
                    break
        if found < 0 and server[task] >= 0:
            served = users[first_user[server[task]] : first_user[server[task] + 1]]
            other, earlier = _served_before(served, starts, ends, period, task, step)
            if other >= 0 and ends[earlier % rows, other] + (earlier // rows) * period == since:
                found, then = other, earlier
        out_lag[length] = delay
        length += 1
        if found < 0:
            return length, -1
        task, step = found, then
