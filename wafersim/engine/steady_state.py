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
from wafersim.engine.graph import BundleGraph, Ints
from wafersim.engine.waits import waits_of


def maximum_cycle_ratio(graph: BundleGraph, lags: Ints, durations: Ints) -> Fraction:
    """Ticks per step of the slowest circuit. The graph must fix the order of every service."""
    assert np.all(graph.server < 0), "circuits through a first-come server are not edges of the graph"
    first, source, lag, distance = waits_of(graph)
    to = np.repeat(np.arange(graph.tasks), np.diff(first))
    weight = lags[lag] + durations[graph.duration_of][to]  # from end to end
    ratio = Fraction(0)
    while True:
        found = _longer_circuit(graph.tasks, to, source, weight * ratio.denominator - distance * ratio.numerator)
        if not len(found):
            return ratio
        ratio = Fraction(int(weight[found].sum()), int(distance[found].sum()))


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
