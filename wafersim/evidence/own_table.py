"""A user's own table of measurements: told by its columns, checked cell by cell."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wafersim.errors import Fault, Infeasible, InputFaults
from wafersim.evidence.cells import checked
from wafersim.evidence.kinds import Kind, kinds
from wafersim.evidence.rows import Cells
from wafersim.evidence.tables import columns


@dataclass(frozen=True)
class OwnTable:
    """Rows with every column of the shipped table, and by id why others cannot be read."""

    kind: Kind
    rows: tuple[Cells, ...]
    skipped: Mapping[str, str]


def read_own(path: Path) -> OwnTable:
    """Raises InputFaults where the file is no such table; a row with a cell that is no number is listed with the reason."""
    given, table = _parsed(path)
    which = _told(path, given)
    if not table:
        raise InputFaults([Fault(str(path), None, "", "has no rows")])
    found, seen = [], set[str]()
    for line, row in table.items():
        name = row["id"]
        if not name or name in seen:
            problem = "is empty" if not name else f"{name!r} stands there twice"
            found.append(Fault(str(path), line, "id", problem))
        seen.add(name)
    if found:
        raise InputFaults(found)
    whole = dict.fromkeys(columns(which.name), "")
    rows, skipped = list[Cells](), dict[str, str]()
    for row in table.values():
        try:
            rows.append(_readable(which, {**whole, **row}))
        except Infeasible as reason:
            skipped[row["id"]] = str(reason)
    return OwnTable(which, tuple(rows), skipped)


def _parsed(path: Path) -> tuple[list[str], dict[int, dict[str, str]]]:
    """(column names as the shipped tables spell them, rows by line); rows of a table without ids are called by their lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFaults(
            [Fault(str(path), None, "", f"cannot be read ({getattr(error, 'strerror', None) or error})")]
        ) from None
    lines = re.split(r"\r\n|\r|\n", text.strip())
    if not any(lines):
        raise InputFaults([Fault(str(path), None, "", "is empty")])
    for line, written in enumerate(lines, 1):
        control = next((c for c in written if unicodedata.category(c) == "Cc" and c != "\t"), None)
        if control is not None:  # a terminal would do what it says
            raise InputFaults([Fault(str(path), line, "", f"has the control character {control!r}")])
    reader = csv.reader(lines, delimiter=max(",;\t", key=lines[0].count), skipinitialspace=True)
    usual = {name.lower(): name for which in kinds() for name in columns(which.name)}
    given: list[str] = []
    table = {}
    try:
        given = [usual.get(name.strip().lower(), name.strip()) for name in next(reader)]
        twice = next((name for name in given if name and given.count(name) > 1), None)
        if twice is not None:
            raise InputFaults([Fault(str(path), 1, twice, "is the name of two columns")])
        for row in reader:
            if any(row):
                cells = dict(zip(given, map(str.strip, row), strict=False))
                name = "" if "id" in given else f"line-{reader.line_num}"
                table[reader.line_num] = {"id": name, **cells}
    except csv.Error as error:
        raise InputFaults([Fault(str(path), reader.line_num, "", f"cannot be read ({error})")]) from None
    return [*given, "id"], table


def _told(path: Path, given: list[str]) -> Kind:
    """The kind whose columns are there; raises InputFaults with those that are missing."""
    lacking = {which.name: [name for name in which.needed if name not in given] for which in kinds()}
    nearest = min(kinds(), key=lambda which: (len(lacking[which.name]) / len(which.needed), -len(which.needed)))
    if lacking[nearest.name]:
        problem = (
            f"has no column {', '.join(lacking[nearest.name])}; a {nearest.name} table has {', '.join(nearest.needed)}"
        )
        raise InputFaults([Fault(str(path), 1, "", problem)])
    return nearest


def _readable(which: Kind, row: Cells) -> Cells:
    """The row with plain numbers; as it is where its metric is another and its numbers do not matter."""
    if which.metrics and row.get("metric") not in which.metrics:
        return row
    cells = checked(row, which.numbers, which.fractional)
    if "value" in which.needed and not cells["value"]:
        raise Infeasible("value is missing")
    return cells
