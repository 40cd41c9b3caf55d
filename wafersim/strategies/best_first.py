"""The best of many candidates without measuring them all: in the order of a lower bound until no bound is below the best."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import islice
from math import inf

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def best_of(
    ordered: Iterable[tuple[float, int]], measure: Callable[[int], float], keep: int = 1, known: float = inf
) -> dict[int, float]:
    """{candidate: its value} of those that were measured, of (bound, candidate) in the order of bounds; see `best_first`."""
    best = [known] * keep
    found: dict[int, float] = {}
    for bound, index in ordered:
        if bound > best[keep - 1]:
            break
        value = measure(index)
        found[index] = value
        insort(best, value)
    return found


def refined(
    bounds: Floats, at_a_time: int, refine: Callable[[Ints], tuple[Floats, Ints]]
) -> Iterator[tuple[float, int]]:
    """(bound, candidate) in the order of bounds, of groups of candidates whose own bounds are worked out when their turn comes.

    `bounds[g]` is at most the bound of any candidate of group g; `refine` gives (bounds, candidates) of some groups.
    """
    order = np.argsort(bounds, kind="stable")
    waiting: list[tuple[float, int]] = []
    at = 0
    while at < len(order) or waiting:
        while at < len(order) and not (waiting and waiting[0][0] <= bounds[order[at]]):
            found = refine(order[at : at + at_a_time])
            at += at_a_time
            for bound, index in zip(*(column.tolist() for column in found), strict=True):
                heappush(waiting, (bound, index))
        if waiting:
            yield heappop(waiting)


def best_first(
    bounds: Sequence[float],
    measure: Callable[[int], float],
    keep: int = 1,
    known: float = inf,
    most: int | None = None,
) -> dict[int, float]:
    """{candidate: its value} of those that were measured, in the order in which they were; infinity for one that fails.

    `bounds[i]` is at most candidate i's value, so one whose bound is above the `keep`-th best value cannot be among the `keep`
    best: measuring stops there, and the result is what measuring everything would give. `known` is a value that has to be beaten,
    `most` gives up after so many.
    """
    order = np.argsort(np.asarray(bounds), kind="stable").tolist()
    return best_of(((bounds[index], index) for index in islice(order, most)), measure, keep, known)
