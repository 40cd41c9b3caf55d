"""Numbers as people say them: 81 s, 9.9 h, 10.6 d, 3.9 M tokens, 2.5 MUSD."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

DAY = 86_400.0  # seconds
TIMES = (("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", DAY), ("y", 365.25 * DAY))
FIRST = {
    "s": 1.0,
    "min": 120.0,
    "h": 5400.0,
    "d": 2 * DAY,
    "y": 2000 * DAY,
}  # seconds from which a unit is taken
STEPS = ("ms", "s", "h")
"""Units of a step."""
SPELLED = {"ms": "milliseconds", "s": "seconds", "min": "minutes", "h": "hours", "d": "days", "y": "years"}
DOLLARS = (("USD", 1.0), ("kUSD", 1e3), ("MUSD", 1e6))
JOULES = (("kWh", 3.6e6), ("MWh", 3.6e9), ("GWh", 3.6e12))
WATTS = (("W", 1.0), ("kW", 1e3), ("MW", 1e6))


def unit_of(seconds: float, units: tuple[str, ...] = ("ms", "s", "min", "h", "d", "y")) -> tuple[str, float]:
    """The unit in which a time is told, and its seconds."""
    known = [one for one in TIMES if one[0] in units]
    chosen = known[0]
    for name, size in known[1:]:
        if float(f"{seconds:.2e}") >= FIRST[name]:
            chosen = (name, size)
    return chosen


def scale(value: float, units: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """The largest of some units, which rise, in which a value is not below one; the smallest where it is below that."""
    return next((one for one in reversed(units) if value >= 0.9995 * one[1]), units[0])


def short_unit(seconds: float) -> tuple[str, float]:
    """Of what may take microseconds."""
    return ("us", 1e-6) if seconds < 0.9995e-3 else unit_of(seconds, STEPS)


def common_unit(times: Sequence[float]) -> tuple[str, float]:
    """One unit for steps or kernels that may be far apart: that of their geometric mean."""
    return short_unit(math.exp(sum(map(math.log, times)) / len(times)))


def step(seconds: float, unit: tuple[str, float] | None = None) -> str:
    """A step with three digits: `169 ms`, `8.31 s`."""
    name, size = unit or unit_of(seconds, STEPS)
    return f"{digits(seconds / size)} {name}"


def duration(seconds: float) -> str:
    """`25 min`, `9.9 h`, `13.0 d`."""
    name, size = unit_of(seconds)
    return f"{tenths(seconds / size)} {name}"


def span(low: float, high: float, middle: float) -> str:
    """Both ends in the unit of what lies between, which stands beside it: `11.5 - 14.7`."""
    _, size = unit_of(middle)
    return f"{tenths(low / size)} - {tenths(high / size)}"


def interval(row: Mapping[str, Any], name: str, factor: float = 1.0) -> str:
    """The 80 % interval of a time of a row, in the unit of the time; nothing where there is none."""
    bounds = row.get("interval", {}).get(name)
    return "" if bounds is None else span(bounds[0] * factor, bounds[1] * factor, row[name] * factor)


def tenths(value: float) -> str:
    """One decimal below a hundred: what is not known to a tenth of a percent needs no more."""
    return f"{value:,.1f}" if abs(value) < 99.95 else f"{value:,.0f}"


def digits(value: float, count: int = 3) -> str:
    """So many significant digits, never an exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{count - 1}e}")
    return f"{rounded:,.{max(0, count - 1 - math.floor(math.log10(abs(rounded))))}f}"


def grouped(value: float) -> str:
    """`3.2`, `29`, `2,287`: two significant digits below ten, else whole."""
    return two(value) if abs(value) < 9.95 else f"{value:,.0f}"


def amount(value: float, unit: str = "") -> str:
    """A large number with a letter: `3.9 M`, `257 B`, `23 kUSD`; below ten thousand as it is."""
    if abs(value) < 9_999.5:
        return f"{value:,.0f} {unit}".rstrip() if abs(value) >= 9.95 else f"{two(value)} {unit}".rstrip()
    for letter, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * size:
            return f"{two(value / size)} {letter}{unit}"
    return f"{value:,.0f} {unit}".rstrip()


def energy(joules: float) -> str:
    """`9.8 kWh`, `117 MWh`, `217 GWh`."""
    hours = joules / 3600.0
    letter, size = next((one for one in (("G", 1e9), ("M", 1e6)) if hours >= 0.9995 * one[1]), ("k", 1e3))
    return f"{two(hours / size)} {letter}Wh"


def two(value: float) -> str:
    """Two significant digits below ten, whole above; a whole number stays one."""
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    if abs(value) >= 9.95:
        return f"{value:,.0f}"
    rounded = float(f"{value:.1e}")
    return f"{rounded:.{max(0, 1 - math.floor(math.log10(abs(rounded))))}f}"


def percent(share: float) -> str:
    """`96 %`; what rounds to nothing is `< 1 %`."""
    return f"{100 * share:.0f} %" if share >= 0.005 or share == 0 else "< 1 %"


def error(size: float) -> str:
    """`2.9 %`, `34 %`: the size of an error, with a decimal below ten."""
    return f"{100 * size:.1f} %" if size < 0.0995 else f"{100 * size:,.0f} %"


def change(relative: float) -> str:
    """`-17 %`, `+3 %`, with a decimal below ten; `0 %` for nothing that shows."""
    if abs(relative) < 5e-4:
        return "0 %"
    return f"{100 * relative:+.0f} %" if abs(relative) >= 0.0995 else f"{100 * relative:+.1f} %"
