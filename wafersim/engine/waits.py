"""The edges between bundles as edges between tasks, by the task that waits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wafersim.compiled import njit
from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_CHILDREN, BundleGraph, Ints


class Waits(NamedTuple):
    """The predecessors of every task: those of task t are `first[t]` .. `first[t + 1]`; `lag` indexes the table of lags."""

    first: Ints
    source: Ints
    lag: Ints
    distance: Ints


def waits_of(graph: BundleGraph) -> Waits:
    """What waits for what, task by task."""
    first = np.concatenate(([0], np.cumsum(graph.waits[-1])))
    columns = [np.empty(int(first[-1]), np.int64) for _ in Waits._fields[1:]]
    _expand(*graph.arrays(), first[:-1].copy(), *columns)
    return Waits(first, *columns)


@njit(error_model="numpy")
def _expand(
    width: Ints, offset: Ints, duration_at: Ints, duration_stride: Ints, first: Ints, source: Ints, relation: Ints,
    lag: Ints, distance: Ints, map_: Ints, maps: Ints, map_at: Ints, place: Ints, source_of: Ints, lag_of: Ints,
    distance_of: Ints,
) -> None:  # fmt: skip
    """Put every edge between tasks where the next one of its task belongs."""
    for bundle in range(len(width)):
        for edge in range(first[bundle], first[bundle + 1]):
            kind, of_map = relation[edge], map_at[map_[edge]]
            many = width[source[edge]] if kind in (FROM_ALL, FROM_CHILDREN) else width[bundle]
            for number in range(many):
                task, before = offset[bundle], offset[source[edge]]
                if kind == FROM_ALL:
                    before += number
                elif kind == FROM_CHILDREN:
                    task, before = task + maps[of_map + number], before + number
                else:
                    task += number
                    if kind == SAME:
                        before += number
                    elif kind == TO_CHILDREN:
                        before += maps[of_map + number]
                at = place[task]
                place[task] += 1
                source_of[at], lag_of[at], distance_of[at] = before, lag[edge], distance[edge]
