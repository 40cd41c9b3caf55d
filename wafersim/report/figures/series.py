"""What a sweep's points are drawn against: the number that it varies, chips or any other, and a series for each other value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wafersim.quantity import NUMBER, UNITS
from wafersim.report.screen.lines import chips_of, lines_of
from wafersim.report.words import COUNTS, Row

WRITTEN = re.compile(rf"\s*({NUMBER})\s*([A-Za-z%/]*)\s*")
DECADE = 10.0
FACTORS = {unit: factor for units in UNITS.values() for unit, factor in units.items()}


@dataclass(frozen=True)
class Point:
    """A point that ran, at its place on the axis."""

    x: float
    row: Row


@dataclass(frozen=True)
class Series:
    """Points that differ in the number of the axis alone, by rising number."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Axis:
    """The number that is varied. `ticks` are its values as they were written; logarithmic where they span a decade."""

    name: str
    chips: bool
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool


def drawn_against(rows: Sequence[Row]) -> tuple[Axis, list[Series]] | None:
    """The axis of a sweep and its series; None where no number varies between points that are otherwise alike."""
    good = [row for row in rows if "infeasible" not in row]
    for path in _paths(good):
        grouped = [each for each in (_chips(good) if path in COUNTS else _others(good, path)) if each.points]
        if any(len(each.points) > 1 for each in grouped):
            return _axis(path, grouped), grouped
    return None


def number_of(value: Any) -> float | None:
    """A swept value as a number, in SI units where it has a unit that is known; None where it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    written = WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if written is None or written[2] not in FACTORS:
        return None
    return float(written[1]) * FACTORS[written[2]]


def _paths(rows: Sequence[Row]) -> list[str]:
    """Swept paths that hold a number in every row: chips first, then what has the most values."""
    values: dict[str, set[float]] = {}
    missing: set[str] = set()
    for path in dict.fromkeys(path for row in rows for path in row.get("varied", {})):
        for row in rows:
            number = float(row["n_systems"]) if path in COUNTS else number_of(row.get("varied", {}).get(path))
            if number is None:
                missing.add(path)
            else:
                values.setdefault(path, set()).add(number)
    several = [path for path, found in values.items() if len(found) > 1 and path not in missing]
    return sorted(several, key=lambda path: (path not in COUNTS, -len(values[path])))


def _chips(rows: Sequence[Row]) -> list[Series]:
    _, lines = lines_of(rows)
    return [Series(line.name, tuple(Point(float(row["n_systems"]), row) for row in line.ran)) for line in lines]


def _others(rows: Sequence[Row], path: str) -> list[Series]:
    """Series over a path: the lines of the same rows as though they were not varied along it."""
    short = [{**row, "varied": {name: value for name, value in row["varied"].items() if name != path}} for row in rows]
    whole = {id(one): row for one, row in zip(short, rows, strict=True)}
    _, lines = lines_of(short)
    found = []
    for line in lines:
        mine = [whole[id(one)] for one in line.points]
        numbered = [Point(x, row) for row in mine if (x := number_of(row["varied"][path])) is not None]
        found.append(Series(line.name, tuple(sorted(numbered, key=lambda point: point.x))))
    return found


def _axis(path: str, grouped: Sequence[Series]) -> Axis:
    points = sorted((point for each in grouped for point in each.points), key=lambda point: point.x)
    low, high = points[0].x, points[-1].x
    if path in COUNTS:
        ticks = {point.x: f"{point.x:,.0f}" for point in points}
        return Axis(chips_of(point.row for point in points), True, tuple(ticks.items()), logarithmic=True)
    said = {point.x: str(point.row["varied"][path]).split() for point in points}
    units = {" ".join(words[1:]) for words in said.values()}
    name, unit = path.rpartition(".")[2].replace("_", " "), units.pop() if len(units) == 1 else ""
    ticks = {x: words[0] if unit else " ".join(words) for x, words in said.items()}
    return Axis(f"{name}, {unit}" if unit else name, False, tuple(ticks.items()), low > 0 and high >= DECADE * low)
