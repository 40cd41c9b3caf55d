"""An axis that reaches over all that is drawn, logarithmic where values span a decade, with the round ticks that fit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from wafersim.numbers import DAY, SPELLED, unit_of
from wafersim.report.figures.sheet import LINE, inches

DECADE = 10.0
ROOM = 0.06  # of the reach, left free at either end
ROUND = (1, 2, 5)
TIMES = SPELLED | {"y": "days"}  # of an axis, on which years are long


def reach(
    axes: Any, which: Literal["x", "y"], values: Iterable[float], long: float, size: float, doubling: bool = False
) -> None:
    """Set limits, scale and ticks of one axis, `long` inches, labels of `size` points. Powers of two if `doubling`, else 1, 2, 5.

    Values are above 0.
    """
    some = list(values)
    low, high = min(some), max(some)
    logarithmic = high >= DECADE * low
    if logarithmic:
        room = (high / low) ** ROOM
        low, high = low / room, high * room
    else:
        room = ROOM * (high - low) or 0.1 * high
        low, high = max(0.0, low - room), high + room
    (axes.set_xscale if which == "x" else axes.set_yscale)("log" if logarithmic else "linear")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)

    def place(value: float) -> float:
        if logarithmic:
            return long * math.log(value / low) / math.log(high / low)
        return long * (value - low) / (high - low)

    ticks = _fitting(_series(low, high, logarithmic, doubling), place, which, size)
    one = axes.xaxis if which == "x" else axes.yaxis
    one.set_ticks(ticks, [said(tick) for tick in ticks])
    one.set_ticks([], minor=True)


def time_unit(days: Iterable[float]) -> tuple[str, float]:
    """(what it is called, days) of the unit that suits the longer half of an axis; days are the largest."""
    name, seconds = unit_of(max(days) / 2 * DAY)
    return TIMES[name], min(1.0, seconds / DAY)


def said(value: float) -> str:
    """A round number as it is, without an exponent."""
    return f"{value:,.10g}" if value >= 1e-4 else f"{value:.10f}".rstrip("0")


def _series(low: float, high: float, logarithmic: bool, doubling: bool) -> list[list[float]]:
    """Ticks from many to few."""
    if logarithmic and doubling:
        powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        return [[2.0**power for power in powers if power % every == 0] for every in (1, 2, 3, 4, 6, 12)]
    if logarithmic:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        mantissas: list[tuple[int, ...]] = [ROUND, (1, 3), (1,)]
        found = [
            [float(f"{part}e{power}") for power in powers for part in parts if low <= float(f"{part}e{power}") <= high]
            for parts in mantissas
        ]
        return [ticks for ticks in found if len(ticks) > 1] or found[:1]
    steps = [float(f"{part}e{power}") for power in range(-9, 15) for part in ROUND]
    fine = [step for step in steps if 1 <= (high - low) / step <= 12]
    if doubling:
        fine = [step for step in fine if step >= 1] or fine[-1:]
    return [[round(k * step, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1)] for step in fine]


def _fitting(series: Sequence[Sequence[float]], place: Any, which: str, size: float) -> list[float]:
    """The most ticks whose labels keep apart."""
    for ticks in series:
        takes = [inches(said(tick), size) + 0.12 if which == "x" else size * LINE / 72 + 0.04 for tick in ticks]
        gaps = [place(right) - place(left) for left, right in itertools.pairwise(ticks)]
        if all(gap >= (one + two) / 2 for gap, one, two in zip(gaps, takes, takes[1:], strict=False)):
            return list(ticks)
    return list(series[-1][-1:])
