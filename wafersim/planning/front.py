"""The best of candidates in several respects and their front, measuring few of them: exact where bounds are bounds.

A candidate has a bound for each of its values; the answers are what measuring all would give. `ahead` is told which may be next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf

from wafersim.strategies.best_first import best_of

Pair = tuple[float, float]
Looked = Callable[[Iterable[int]], None]
"""Told of the places that may be measured next, in their order."""


def _nobody(places: Iterable[int]) -> None:
    """Measures nothing ahead."""


def best(bounds: Sequence[float], value: Callable[[int], float], ahead: Looked = _nobody) -> int | None:
    """The place of the least value, the first of equals; None where all are infinite. `bounds[i]` is at most value i."""
    order = sorted(range(len(bounds)), key=lambda place: (bounds[place], place))
    least = inf

    def in_turn() -> Iterator[tuple[float, int]]:
        for number, place in enumerate(order):
            if bounds[place] <= least:
                ahead(other for other in order[number:] if bounds[other] <= least)
            yield bounds[place], place

    def looked(place: int) -> float:
        nonlocal least
        found = value(place)
        least = min(least, found)
        return found

    measured = best_of(in_turn(), looked)
    found = min(measured, key=lambda place: (measured[place], place), default=None)
    return None if found is None or measured[found] == inf else found


def front(bounds: Sequence[Pair], values: Callable[[int], Pair], ahead: Looked = _nobody) -> list[int]:
    """Places of the candidates that none beats in one value without losing in the other, in the order of the first value.

    Infinite values mean a candidate that does not count; of equals the first stays.
    """
    measured: dict[int, Pair] = {}
    order = sorted(range(len(bounds)), key=lambda place: (bounds[place], place))

    def open_(place: int) -> bool:
        return not any(_beats(other, bounds[place]) for other in measured.values())

    for number, place in enumerate(order):
        if open_(place):
            ahead(other for other in order[number:] if open_(other))
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
