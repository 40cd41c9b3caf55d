"""Knees of a front: where a little more of one thing stops to buy much of the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

Pair = tuple[float, float]
DEEP = 0.04  # of the side of the square into which the front is drawn: less than that is no bend that one sees


def knees(front: Sequence[Pair], most: int = 2) -> list[int]:
    """Places of the points that lie farthest towards the origin of the line between their neighbours among ends and knees.

    In logarithms, each scaled to the reach of the front, so that units do not matter: a knee is deeper than `DEEP` of that
    reach; the deepest come first, at most so many. Both values are above 0 and the first rises as the second falls.
    """
    if len(front) < 3:
        return []
    across = _scaled([pair[0] for pair in front])
    down = _scaled([pair[1] for pair in front])
    found: list[int] = []
    while len(found) < most:
        kept = sorted([0, *found, len(front) - 1])
        depths = [
            (_below(across, down, left, place, right), place)
            for left, right in itertools.pairwise(kept)
            for place in range(left + 1, right)
        ]
        depth, place = max(depths, default=(0.0, 0))
        if depth <= DEEP:
            break
        found.append(place)
    return found


def _scaled(values: Sequence[float]) -> list[float]:
    logarithms = [math.log(value) for value in values]
    least, reach = min(logarithms), max(logarithms) - min(logarithms)
    return [(value - least) / reach if reach else 0.0 for value in logarithms]


def _below(across: Sequence[float], down: Sequence[float], left: int, place: int, right: int) -> float:
    """How far a point lies from the chord between two others, on the side of the origin."""
    dx, dy = across[right] - across[left], down[right] - down[left]
    length = math.hypot(dx, dy)
    if length == 0.0:
        return 0.0
    return (dy * (across[place] - across[left]) - dx * (down[place] - down[left])) / length
