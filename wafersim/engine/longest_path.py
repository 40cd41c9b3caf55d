"""Longest path over a bundle graph, step after step: exact start and end ticks wherever the order of service is fixed."""

from __future__ import annotations

import numpy as np

from wafersim.compiled import njit
from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_CHILDREN, BundleGraph, Ints


class LongestPath:
    """`next_step(durations)` solves one more step and returns the end ticks of its tasks, valid until the next call."""

    def __init__(self, graph: BundleGraph, lags: Ints) -> None:
        assert np.all(graph.server < 0), "a first-come server needs the event queue"
        self._graph, self._lags = graph, lags
        self._ends = np.zeros((graph.reach + 1, graph.tasks), np.int64)
        self._step = 0

    def next_step(self, durations: Ints) -> Ints:
        """End ticks of the next step's tasks."""
        _solve_step(*self._graph.arrays(), self._lags, durations, self._ends, self._step)
        self._step += 1
        row: Ints = self._ends[(self._step - 1) % len(self._ends)]
        return row


@njit(error_model="numpy")
def _solve_step(
    width: Ints,
    offset: Ints,
    duration_at: Ints,
    duration_stride: Ints,
    first: Ints,
    source: Ints,
    relation: Ints,
    lag: Ints,
    distance: Ints,
    map_: Ints,
    maps: Ints,
    map_at: Ints,
    lags: Ints,
    durations: Ints,
    ends: Ints,
    step: int,
) -> None:
    """Fill row `step % len(ends)`. Until a bundle is complete its row holds the time at which its tasks are ready."""
    rows = len(ends)
    current = ends[step % rows]
    for bundle in range(len(width)):
        at, w = offset[bundle], width[bundle]
        for i in range(w):
            current[at + i] = 0
        for edge in range(first[bundle], first[bundle + 1]):
            d = distance[edge]
            if d > step:
                continue  # before the first step everything is there at tick 0
            before = ends[(step - d) % rows]
            src, delay, kind = offset[source[edge]], lags[lag[edge]], relation[edge]
            if kind == SAME:
                for i in range(w):
                    current[at + i] = max(current[at + i], before[src + i] + delay)
            elif kind == TO_CHILDREN:
                parent = map_at[map_[edge]]
                for i in range(w):
                    current[at + i] = max(current[at + i], before[src + maps[parent + i]] + delay)
            elif kind == FROM_CHILDREN:
                parent = map_at[map_[edge]]
                for i in range(width[source[edge]]):
                    target = at + maps[parent + i]
                    current[target] = max(current[target], before[src + i] + delay)
            elif kind == FROM_ALL:
                latest = before[src]
                for i in range(1, width[source[edge]]):
                    latest = max(latest, before[src + i])
                current[at] = max(current[at], latest + delay)
            else:
                ready = before[src] + delay
                for i in range(w):
                    current[at + i] = max(current[at + i], ready)
        if duration_stride[bundle] == 0:
            ticks = durations[duration_at[bundle]]
            for i in range(w):
                current[at + i] += ticks
        else:
            for i in range(w):
                current[at + i] += durations[duration_at[bundle] + i]
