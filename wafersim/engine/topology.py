"""A topological order of tasks, which a bundle graph is numbered in (Kahn 1962)."""

from __future__ import annotations

import numpy as np

from wafersim.compiled import njit
from wafersim.engine.graph import Ints


@njit()
def topological_order(tasks: int, to: Ints, source: Ints) -> Ints:
    """Tasks such that each comes after all that it waits for; shorter than `tasks` where a circuit forbids it."""
    waits = np.zeros(tasks, np.int64)
    first = np.zeros(tasks + 1, np.int64)
    for edge in range(len(to)):
        waits[to[edge]] += 1
        first[source[edge] + 1] += 1
    for task in range(tasks):
        first[task + 1] += first[task]
    at = first[:-1].copy()
    following = np.empty(len(to), np.int64)
    for edge in range(len(to)):
        following[at[source[edge]]] = to[edge]
        at[source[edge]] += 1
    order = np.empty(tasks, np.int64)
    ready = 0
    for task in range(tasks):
        if waits[task] == 0:
            order[ready] = task
            ready += 1
    taken = 0
    while taken < ready:
        task = order[taken]
        taken += 1
        for edge in range(first[task], first[task + 1]):
            waits[following[edge]] -= 1
            if waits[following[edge]] == 0:
                order[ready] = following[edge]
                ready += 1
    return order[:ready]
