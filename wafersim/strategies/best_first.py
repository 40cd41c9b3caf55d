"""The best of many candidates without measuring them all: in the order of a lower bound until no bound is below the best."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from math import inf

import numpy as np


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
