"""Rewrites calibrated numbers in a profile's YAML, line by line, so that comments and order stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from wafersim import quantity
from wafersim.inputs.resources import find

KEY = re.compile(r'^(?P<indent> *)"?(?P<name>[^":]+)"?:(?P<rest>.*)$')
VALUE = re.compile(r'\{value: ("[^"]*"|[^,]+),')
ERROR = re.compile(r", standard_error: [^,}]+")
SOURCE = re.compile(r'source: "(wafersim calibrate --set \w+)[^"]*"')


def rewrite_profile(
    name: str,
    values: Mapping[tuple[str, ...], float],
    errors: Mapping[tuple[str, ...], float] | None = None,
    own: int = 0,
) -> Path:
    """Set numbers given by their path of keys, in SI units, and their date; returns the file, unchanged if nothing changed.

    Every number stands on one line: `name: {value: 1, kind: calibrated, source: "...", date: "..."}` and keeps the unit it
    is written in. `errors` are relative standard errors, `own` counts rows that are not published: the source then says so.
    """
    path = find("hardware", name)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    left, errors = dict(values), errors or {}
    lines, above = [], list[tuple[int, str]]()
    for line in path.read_text(encoding="utf-8").splitlines():
        key = KEY.match(line)
        if key is not None:
            indent = len(key["indent"])
            above = [(depth, parent) for depth, parent in above if depth < indent] + [(indent, key["name"])]
            where = tuple(parent for _, parent in above)
            value, old = left.pop(where, None), VALUE.search(line)
            if value is not None and old is not None:
                line = _changed(line, old[1], value, errors.get(where), today, own)
        lines.append(line)
    assert not left, f"{path}: no line for {sorted(left)}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _changed(line: str, old: str, value: float, error: float | None, today: str, own: int) -> str:
    written = as_written(value, old)
    new = VALUE.sub(f"{{value: {written},", line)
    new = SOURCE.sub(rf'source: "\1{f", with {own} rows of a user" if own else ""}"', new)
    if error is not None:
        new = ERROR.sub("", new)
        new = re.sub(r"\}(\s*(#.*)?)$", f", standard_error: {error:.3g}}}\\1", new)
    return new if new == line else re.sub(r'date: "[^"]*"', f'date: "{today}"', new)


def as_written(value: float, old: str) -> str:
    """A number in the unit in which the old one is written, to four digits."""
    unit = old.strip('"').partition(" ")[2] if old.startswith('"') else ""
    if not unit:
        return f"{value:.4g}"
    factor = next(units[unit] for units in quantity.UNITS.values() if unit in units)
    return f'"{value / factor:.4g} {unit}"'
