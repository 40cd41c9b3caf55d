"""Units at the door: "1.2 Tb/s" becomes 1.5e11 bytes/s. A small closed table; an unknown unit is an error.

Bits and bytes, KB and KiB are different things, so units are case-sensitive. Inside the program every number is a plain
float in SI units (bytes, bytes/s, Hz, s, W, J, kg, USD).
"""

from __future__ import annotations

import math
import re

_DECIMAL = {"": 1.0, "K": 1e3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}


def _prefixed(unit: str, factor: float, prefixes: dict[str, float]) -> dict[str, float]:
    return {prefix + unit: scale * factor for prefix, scale in prefixes.items()}


_SIZES = {
    **_prefixed("B", 1.0, _DECIMAL),
    **_prefixed("B", 1.0, _BINARY),
    **_prefixed("b", 0.125, {k: v for k, v in _DECIMAL.items() if k}),
}
UNITS: dict[str, dict[str, float]] = {
    "size": _SIZES,
    "bandwidth": {f"{unit}/s": factor for unit, factor in _SIZES.items()},
    "frequency": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9},
    "time": {
        "s": 1.0,
        "ms": 1e-3,
        "us": 1e-6,
        "ns": 1e-9,
        "ps": 1e-12,
        "min": 60.0,
        "h": 3600.0,
        "days": 86_400.0,
        "day": 86_400.0,
        "weeks": 604_800.0,
        "years": 31_557_600.0,
    },
    "power": {"W": 1.0, "kW": 1e3, "MW": 1e6},
    "energy": {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "kWh": 3.6e6, "MWh": 3.6e9},
    "rate": {**_prefixed("FLOP/s", 1.0, _DECIMAL), "PF": 1e15, "TF": 1e12},
    "money": {"USD": 1.0, "kUSD": 1e3, "MUSD": 1e6},
    "price": {"USD/h": 1.0},
    "energy price": {"USD/kWh": 1.0 / 3.6e6, "USD/MWh": 1.0 / 3.6e9},
    "carbon intensity": {
        f"{mass}{of}/{energy}": kilograms / joules
        for mass, kilograms in (("g", 1e-3), ("kg", 1.0), ("t", 1e3))
        for energy, joules in (("kWh", 3.6e6), ("MWh", 3.6e9))
        for of in ("", "CO2e")
    },
    "mass": {"g": 1e-3, "kg": 1.0, "t": 1e3, "kt": 1e6},
    "count": {"": 1.0},
    "fraction": {"": 1.0, "%": 0.01},
    "number of tokens": {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12},
}
_READABLE = {
    "size": ("PB", "TB", "GB", "MB", "KB", "B"),
    "bandwidth": ("PB/s", "TB/s", "GB/s", "MB/s", "KB/s", "B/s"),
    "frequency": ("GHz", "MHz", "kHz", "Hz"),
    "time": ("days", "h", "s", "ms", "us", "ns", "ps"),
    "power": ("MW", "kW", "W"),
    "energy": ("MWh", "kWh", "J"),
    "rate": ("PFLOP/s", "TFLOP/s", "GFLOP/s", "FLOP/s"),
    "money": ("MUSD", "USD"),
    "price": ("USD/h",),
    "energy price": ("USD/kWh",),
    "carbon intensity": ("g/kWh",),
    "mass": ("kt", "t", "kg", "g"),
    "count": ("",),
    "fraction": ("",),
    "number of tokens": ("T", "B", "M", "K", ""),
}
NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_WRITTEN = re.compile(rf"\s*({NUMBER})\s*([A-Za-z%/][A-Za-z0-9%/]*|)\s*")


def parse(text: object, dimension: str) -> float:
    """A written quantity in SI units. A bare number is allowed only for a count, a fraction or tokens.

    Raises ValueError with one line: not a quantity, unknown unit, or a unit of another dimension, and what is allowed.
    """
    units = UNITS[dimension]
    article = "an" if dimension[0] in "aeiou" else "a"
    allowed = f"{article} {dimension} such as {example(dimension)}"
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise ValueError(f"must be {allowed} (got {text!r})")
    written = _WRITTEN.fullmatch(str(text))
    if written is None:
        raise ValueError(f"must be {allowed} (got {text!r})")
    number, unit = float(written[1]), written[2]
    if unit not in units:
        raise ValueError(f"{_unit_problem(unit, dimension)} (got {text!r}); must be {allowed}")
    value = number * units[unit]
    if not math.isfinite(value):
        raise ValueError(f"must be finite (got {text!r})")
    return value


def _unit_problem(unit: str, dimension: str) -> str:
    if not unit:
        return "needs a unit"
    near = [known for known in UNITS[dimension] if known.lower() == unit.lower()]
    if near:  # 2 t of tokens is no mass
        return f"unknown unit {unit!r} (units are case-sensitive: {' or '.join(near)})"
    for other, units in UNITS.items():
        if unit in units and other != dimension:
            return f"{unit} is a unit of {other}, not of {dimension}"
    return f"unknown unit {unit!r}"


def example(dimension: str) -> str:
    """How a number of a dimension is written, for people who wrote another thing."""
    return {
        "size": '"40 GB"', "bandwidth": '"1.2 Tb/s"', "frequency": '"1.1 GHz"', "time": '"2 us"', "power": '"23 kW"',
        "energy": '"5 kWh"', "rate": '"7.5 PFLOP/s"', "money": '"2 MUSD"', "price": '"3.5 USD/h"', "count": "16",
        "energy price": '"0.1 USD/kWh"', "carbon intensity": '"57 g/kWh"', "mass": '"11.2 t"',
        "fraction": '0.95 or "95 %"',
        "number of tokens": '300 B, "20 per parameter" or published',
    }[dimension]  # fmt: skip


def format(value: float, dimension: str) -> str:
    """A value in SI units for people, in the largest unit that keeps it at least 1."""
    units = UNITS[dimension]
    for unit in _READABLE[dimension]:
        if abs(value) >= units[unit]:
            break
    return f"{value / units[unit]:.6g} {unit}".strip()


def pattern(dimension: str) -> str:
    """A regular expression that matches what `parse` accepts as a string, for a JSON Schema."""
    units = "|".join(re.escape(unit) for unit in sorted(UNITS[dimension], key=len, reverse=True))
    return rf"^\s*{NUMBER}\s*({units})\s*$"
