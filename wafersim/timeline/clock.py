"""The clock of a step: int64 picoseconds ("ticks"), exact under maximum and addition."""

from __future__ import annotations

from itertools import pairwise

from wafersim.errors import Infeasible

TICKS_PER_SECOND = 10**12
LONGEST_TICKS = 2**63 - 1  # about 106 days
LONGEST_STEP = LONGEST_TICKS // 64  # about 40 hours: so that dozens of steps fit the clock


def to_ticks(seconds: float) -> int:
    """Seconds rounded to the nearest tick; raises Infeasible beyond the longest step that is simulated."""
    assert not seconds < 0, f"{seconds} s is negative"
    if not seconds * TICKS_PER_SECOND < 2 * LONGEST_TICKS:  # infinite, or no number
        raise Infeasible(_too_long(seconds))
    return checked_step(round(seconds * TICKS_PER_SECOND))


def checked_step(ticks: int) -> int:
    """`ticks` if a step may take them; raises Infeasible."""
    if ticks > LONGEST_STEP:
        raise Infeasible(_too_long(ticks / TICKS_PER_SECOND))
    return ticks


def _too_long(seconds: float) -> str:
    most = LONGEST_STEP / TICKS_PER_SECOND / 3600
    return f"a step may take {seconds / 3600:.3g} hours; up to {most:.0f} are simulated"


def to_seconds(ticks: int | float) -> float:
    """Ticks as seconds, for people."""
    return float(ticks) / TICKS_PER_SECOND


def split(total: int, parts: int) -> tuple[int, ...]:
    """`parts` integers that add up to `total` exactly, each the difference of cumulative roundings."""
    edges = [total * i // parts for i in range(parts + 1)]
    return tuple([high - low for low, high in pairwise(edges)])


def stretched(ticks: int, factor: float) -> int:
    """A duration times a factor, rounded to the nearest tick (half to even, as NumPy rounds)."""
    return ticks if factor == 1.0 else round(ticks * factor)
