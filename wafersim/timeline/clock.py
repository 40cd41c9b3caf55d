"""The clock of a step: int64 picoseconds ("ticks"), exact under maximum and addition."""

from __future__ import annotations

from itertools import pairwise

TICKS_PER_SECOND = 10**12
LONGEST_TICKS = 2**63 - 1  # about 106 days; a step never comes near it


def to_ticks(seconds: float) -> int:
    """Seconds rounded to the nearest tick; asserts that the result fits an int64 and is not negative."""
    ticks = round(seconds * TICKS_PER_SECOND)
    assert 0 <= ticks <= LONGEST_TICKS, f"{seconds} s does not fit the clock"
    return ticks


def to_seconds(ticks: int | float) -> float:
    """Ticks as seconds, for people."""
    return float(ticks) / TICKS_PER_SECOND


def split(total: int, parts: int) -> tuple[int, ...]:
    """`parts` integers that add up to `total` exactly, each the difference of cumulative roundings."""
    edges = [total * i // parts for i in range(parts + 1)]
    return tuple(high - low for low, high in pairwise(edges))


def stretched(ticks: int, factor: float) -> int:
    """A duration times a factor, rounded to the nearest tick (half to even, as NumPy rounds)."""
    return ticks if factor == 1.0 else round(ticks * factor)
