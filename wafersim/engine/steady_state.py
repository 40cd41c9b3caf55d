"""The maximum cycle ratio of a cyclic task graph: the period that longest paths settle into, without simulating a step.

Every circuit of the graph takes (durations and lags on it) ticks for (steps that its edges reach back) steps; the slowest
one sets the pace (Baccelli et al., Synchronization and Linearity, 1992). Found by Lawler's method with exact integers: take
a circuit's ratio p / c, look for a circuit that is longer than c * ticks - p * steps = 0 allows (Bellman-Ford over the
topological order), take its ratio, until there is none.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from wafersim.compiled import njit
from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_CHILDREN, BundleGraph, Ints


def maximum_cycle_ratio(graph: BundleGraph, lags: Ints, durations: Ints) -> Fraction:
    """Ticks per step of the slowest circuit. The graph must fix the order of every service."""
    assert np.all(graph.server < 0), "circuits through a first-come server are not edges of the graph"
    to, source, weight, distance = task_edges(graph, lags, durations)
    ratio = Fraction(0)
    while True:
        found = _longer_circuit(graph.tasks, to, source, weight * ratio.denominator - distance * ratio.numerator)
        if not len(found):
            return ratio
        ratio = Fraction(int(weight[found].sum()), int(distance[found].sum()))


def task_edges(graph: BundleGraph, lags: Ints, durations: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """(to, from, ticks from end to end, distance) of every edge between tasks, sorted by `to`."""
    sizes = _count_edges(*graph.arrays())
    columns = [np.empty(sizes, np.int64) for _ in range(4)]
    _expand(*graph.arrays(), lags, durations[graph.duration_of], *columns)
    order = np.argsort(columns[0], kind="stable")
    to, source, weight, distance = (column[order] for column in columns)
    return to, source, weight, distance


@njit()
def _fan(kind: int, to_width: int, source_width: int) -> int:
    """Edges between the tasks of two bundles."""
    if kind in (FROM_CHILDREN, FROM_ALL):
        return source_width
    return to_width


@njit()
def _count_edges(
    width: Ints, offset: Ints, duration_at: Ints, duration_stride: Ints, first: Ints, source: Ints, relation: Ints,
    lag: Ints, distance: Ints, map_: Ints, maps: Ints, map_at: Ints,
) -> int:  # fmt: skip
    count = 0
    for bundle in range(len(width)):
        for edge in range(first[bundle], first[bundle + 1]):
            count += _fan(relation[edge], width[bundle], width[source[edge]])
    return count


@njit()
def _expand(
    width: Ints, offset: Ints, duration_at: Ints, duration_stride: Ints, first: Ints, source: Ints, relation: Ints,
    lag: Ints, distance: Ints, map_: Ints, maps: Ints, map_at: Ints, lags: Ints, ticks: Ints, to_task: Ints,
    from_task: Ints, weight: Ints, steps: Ints,
) -> None:  # fmt: skip
    n = 0
    for bundle in range(len(width)):
        for edge in range(first[bundle], first[bundle + 1]):
            kind, at, parents = relation[edge], offset[source[edge]], map_at[map_[edge]]
            for i in range(_fan(kind, width[bundle], width[source[edge]])):
                task, other = offset[bundle] + i, at
                if kind == SAME:
                    other = at + i
                elif kind == TO_CHILDREN:
                    other = at + maps[parents + i]
                elif kind == FROM_CHILDREN:
                    task, other = offset[bundle] + maps[parents + i], at + i
                elif kind == FROM_ALL:
                    task, other = offset[bundle], at + i
                to_task[n], from_task[n] = task, other
                weight[n], steps[n] = lags[lag[edge]] + ticks[task], distance[edge]
                n += 1


@njit()
def _longer_circuit(tasks: int, to: Ints, source: Ints, excess: Ints) -> Ints:
    """Edges of a circuit whose excess is positive; none if there is no such circuit.

    Rounds of relaxation in topological order of the edges within a step; once a circuit stands in the tree of
    predecessors it is one of positive excess.
    """
    value, by = np.zeros(tasks, np.int64), np.full(tasks, -1, np.int64)
    mark = np.zeros(tasks, np.int64)
    while True:
        changed = False
        for edge in range(len(to)):
            better = value[source[edge]] + excess[edge]
            if better > value[to[edge]]:
                value[to[edge]], by[to[edge]] = better, edge
                changed = True
        if not changed:
            return np.empty(0, np.int64)
        mark[:] = 0
        for root in range(tasks):
            task = root
            while task >= 0 and mark[task] == 0:
                mark[task] = root + 1
                task = source[by[task]] if by[task] >= 0 else -1
            if task >= 0 and mark[task] == root + 1:
                circuit = [by[task]]
                here = source[by[task]]
                while here != task:
                    circuit.append(by[here])
                    here = source[by[here]]
                return np.array(circuit)
