"""The best of candidates in several respects and their front, measuring few of them: exact where bounds are bounds.

A candidate has a bound for each of its values and is measured at most once; the answers are what measuring all would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Generic, TypeVar

from wafersim.strategies.best_first import best_first

M = TypeVar("M")
Pair = tuple[float, float]


class Measured(Generic[M]):
    """What was measured of candidates by their places, each once."""

    def __init__(self, measure: Callable[[int], M]) -> None:
        self._measure = measure
        self._known: dict[int, M] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, place: int) -> bool:
        """Whether it was measured."""
        return place in self._known

    def __call__(self, place: int) -> M:
        """Of the candidate at a place."""
        if place not in self._known:
            self._known[place] = self._measure(place)
        return self._known[place]


def best(bounds: Sequence[float], value: Callable[[int], float]) -> int | None:
    """The place of the least value, the first of equals; None where all are infinite. `bounds[i]` is at most value i."""
    measured = best_first(bounds, value)
    found = min(measured, key=lambda place: (measured[place], place), default=None)
    return None if found is None or measured[found] == inf else found


def front(bounds: Sequence[Pair], values: Callable[[int], Pair]) -> list[int]:
    """Places of the candidates that none beats in one value without losing in the other, in the order of the first value.

    Infinite values mean a candidate that does not count; of equals the first stays.
    """
    measured: dict[int, Pair] = {}
    for place in sorted(range(len(bounds)), key=lambda place: (bounds[place], place)):
        if not any(_beats(other, bounds[place]) for other in measured.values()):
            measured[place] = values(place)
    kept: list[int] = []
    least = inf
    for place in sorted(measured, key=lambda place: (measured[place], place)):
        if measured[place][1] < least and measured[place][0] < inf:
            kept.append(place)
            least = measured[place][1]
    return kept


def _beats(one: Pair, bound: Pair) -> bool:
    """Whether a measured candidate is better than another can be, in one value and no worse in the other."""
    return one[0] <= bound[0] and one[1] <= bound[1] and one != bound
