"""What a sweep's points are drawn against: the number that it varies, chips or any other, and a series for each other value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wafersim.quantity import NUMBER, UNITS
from wafersim.report.screen.lines import Line, chips_of, lines_of, shortened
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
    """The axis of a sweep, chips before anything else, and its series; None where points that are otherwise alike differ in
    no number."""
    good = [row for row in rows if "infeasible" not in row]
    over_chips = _chips(good)
    if _several(over_chips):
        return _of_chips(over_chips), over_chips
    for path in _paths(good):
        grouped = _others(good, path)
        if _several(grouped):
            return _of_values(path, grouped), grouped
    return None


def _several(grouped: Sequence[Series]) -> bool:
    return any(len(each.points) > 1 for each in grouped)


def number_of(value: Any) -> float | None:
    """A swept value as a number, in SI units where it has a unit that is known; None where it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    written = WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if written is None or written[2] not in FACTORS:
        return None
    return float(written[1]) * FACTORS[written[2]]


def _paths(rows: Sequence[Row]) -> list[str]:
    """Swept paths that hold a number in every row, what has the most values first."""
    found = {}
    for path in dict.fromkeys(path for row in rows for path in row.get("varied", {}) if path not in COUNTS):
        numbers = {number_of(row.get("varied", {}).get(path)) for row in rows}
        if len(numbers) > 1 and None not in numbers:
            found[path] = len(numbers)
    return sorted(found, key=lambda path: -found[path])


def named_lines(rows: Sequence[Row]) -> list[Line]:
    """The lines of a sweep, named by the values that they differ in, several fields at once with the fields' names."""
    lines = lines_of(rows)[1]
    keys = [_key(line.points[0]) for line in lines]
    telling = [place for place in dict.fromkeys(place for key in keys for place in key) if _tells(place, keys)]
    models = dict(
        zip([line.name for line in lines], shortened([line.points[0]["model"] for line in lines]), strict=True)
    )
    if not telling:
        return lines
    named = []
    for line, key in zip(lines, keys, strict=True):
        words = [models[line.name]] if len(set(models.values())) > 1 else []
        words += [f"{place[1]} {key[place]}".replace("_", " ").strip() for place in telling if place in key]
        named.append(Line(", ".join(words), line.points))
    return named


def _key(row: Row) -> dict[tuple[str, str], str]:
    """What was varied but for model and chips: by path, and by field where several go together."""
    key = {}
    for path, value in row.get("varied", {}).items():
        if path in ("model", *COUNTS):
            continue
        bare = isinstance(value, int | float) and not isinstance(value, bool)  # a number alone does not say of what
        fields = value if isinstance(value, dict) else {path.rpartition(".")[2] if bare else "": value}
        key.update({(path, name): str(inner) for name, inner in fields.items()})
    return key


def _tells(place: tuple[str, str], keys: Sequence[dict[tuple[str, str], str]]) -> bool:
    """Whether lines differ in a field, and not just as they do in an earlier field of the same path."""
    mine = [key.get(place) for key in keys]
    if len(set(mine)) == 1:
        return False
    earlier = [other for other in dict.fromkeys(other for key in keys for other in key) if other[0] == place[0]]
    for other in earlier[: earlier.index(place)]:
        theirs = [key.get(other) for key in keys]
        if len(set(theirs)) == len(set(zip(theirs, mine, strict=True))) and None not in theirs:
            return False
    return True


def _chips(rows: Sequence[Row]) -> list[Series]:
    lines = [line for line in named_lines(rows) if line.ran]
    return [Series(line.name, tuple(Point(float(row["n_systems"]), row) for row in line.ran)) for line in lines]


def _others(rows: Sequence[Row], path: str) -> list[Series]:
    """Series over a path: the lines of the same rows as though they were not varied along it."""
    short = [{**row, "varied": {name: value for name, value in row["varied"].items() if name != path}} for row in rows]
    whole = {id(one): row for one, row in zip(short, rows, strict=True)}
    found = []
    for line in named_lines(short):
        mine = [whole[id(one)] for one in line.points]
        numbered = [Point(x, row) for row in mine if (x := number_of(row["varied"][path])) is not None]
        if numbered:
            found.append(Series(line.name, tuple(sorted(numbered, key=lambda point: point.x))))
    return found


def _of_chips(grouped: Sequence[Series]) -> Axis:
    points = sorted((point for each in grouped for point in each.points), key=lambda point: point.x)
    ticks = {point.x: f"{point.x:,.0f}" for point in points}
    return Axis(chips_of(point.row for point in points), True, tuple(ticks.items()), logarithmic=True)


def _of_values(path: str, grouped: Sequence[Series]) -> Axis:
    """Ticks as the values are written; where all have one unit it stands with the name."""
    points = sorted((point for each in grouped for point in each.points), key=lambda point: point.x)
    said = {point.x: str(point.row["varied"][path]).split() for point in points}
    units = {" ".join(words[1:]) for words in said.values()}
    name, unit = path.rpartition(".")[2].replace("_", " "), units.pop() if len(units) == 1 else ""
    ticks = {x: words[0] if unit else " ".join(words) for x, words in said.items()}
    low, high = points[0].x, points[-1].x
    return Axis(f"{name}, {unit}" if unit else name, False, tuple(ticks.items()), low > 0 and high >= DECADE * low)
