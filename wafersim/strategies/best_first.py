"""The best of many candidates without measuring them all: in the order of a lower bound until no bound is below the best."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from itertools import islice
from math import inf

import numpy as np


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
    best = [known] * keep
    found: dict[int, float] = {}
    for index in islice(np.argsort(np.asarray(bounds), kind="stable").tolist(), most):
        if bounds[index] > best[keep - 1]:
            break
        value = measure(index)
        found[index] = value
        insort(best, value)
    return found
