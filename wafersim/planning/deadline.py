"""A deadline met by a smaller cluster where the batch is a preference: batches near it divide over other numbers of chips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import ceil, inf
from typing import TypeVar

SIXTEENTHS = (
    18,
    17,
    15,
    14,
)  # of the batch that is preferred, the larger ones first: an eighth more or less at the most
CLOSE = 0.9  # of a size: a smaller cluster whose numbers divide better may be the faster one
BELOW = 12  # sizes below one that should do that are tried
SIMULATED = 8  # sizes at the most
WORTH = 0.95  # of the chips that the preferred batch needs: fewer are worth another one

T = TypeVar("T")


def batches_near(batch: int) -> tuple[int, ...]:
    """1,152, 1,088, 960 and 896 for 1,024."""
    found = (round(batch * part / 16) for part in SIXTEENTHS)
    return tuple(one for one in dict.fromkeys(found) if one != batch and one > 0)


def smaller_cluster(
    batches: Sequence[int],
    most: int,
    days: float,
    estimated: Callable[[int, int], float],
    attempt: Callable[[int, int], T | None],
) -> tuple[T, int] | None:
    """(what `attempt` returns, the batch) of the smallest of fewer than `most` nodes that meets `days` with one of the batches.

    `estimated(nodes, batch)` are days by the closed form, infinity where nothing fits; `attempt` simulates and returns None
    where that takes too long. Nodes are halved by the estimate, then those near the result are simulated, the fewest first.
    """

    @cache
    def quickest(nodes: int) -> tuple[float, int]:
        return min(((estimated(nodes, batch), batch) for batch in batches), default=(inf, 0))

    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if quickest(middle)[0] <= days else (middle, high)
    first = max(1, ceil(CLOSE * high), high - BELOW)
    promising = [nodes for nodes in range(first, most) if nodes <= WORTH * most and quickest(nodes)[0] <= days]
    for nodes in promising[:SIMULATED]:
        batch = quickest(nodes)[1]
        found = attempt(nodes, batch)
        if found is not None:
            return found, batch
    return None
