"""Rewrites calibrated numbers in a profile's YAML, line by line, so that comments and order stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from wafersim.spec.resources import find

KEY = re.compile(r'^(?P<indent> *)"?(?P<name>[^":]+)"?:(?P<rest>.*)$')
VALUE = re.compile(r'\{value: ("[^"]*"|[^,]+),')


def rewrite_profile(name: str, values: Mapping[tuple[str, ...], str]) -> Path:
    """Set the value and the date of numbers given by their path of keys; returns the file, unchanged if nothing changed.

    Every number stands on one line: `name: {value: 1, kind: calibrated, source: "...", date: "..."}`.
    """
    path = find("hardware", name)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    left = dict(values)
    lines, above = [], list[tuple[int, str]]()
    for line in path.read_text(encoding="utf-8").splitlines():
        key = KEY.match(line)
        if key is not None:
            indent = len(key["indent"])
            above = [(depth, parent) for depth, parent in above if depth < indent] + [(indent, key["name"])]
            written = left.pop(tuple(parent for _, parent in above), None)
            old = VALUE.search(line)
            if written is not None and old is not None and old[1] != written:
                line = VALUE.sub(f"{{value: {written},", line)
                line = re.sub(r'date: "[^"]*"', f'date: "{today}"', line)
        lines.append(line)
    assert not left, f"{path}: no line for {sorted(left)}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
