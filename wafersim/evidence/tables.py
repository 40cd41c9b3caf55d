"""The shipped tables of published measurements."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from wafersim.inputs.fit import Fit, Set

Table = list[dict[str, str]]
TABLES: dict[Set, str] = {
    "wafer": "wafer_measurements.csv",
    "gpu": "gpu_measurements.csv",
    "kernel": "kernel_cycles.csv",
    "collective": "collective_measurements.csv",
}


@cache
def shipped(which: Set) -> Table:
    """The rows of a set's table, every cell as text."""
    with (files("wafersim.evidence") / "data" / TABLES[which]).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def columns(which: Set) -> list[str]:
    """Of the shipped table; a user's may leave out those that it does not need."""
    return list(shipped(which)[0])


def published_ids(which: Set) -> set[str]:
    """Of the shipped table."""
    return {row["id"] for row in shipped(which)}


def own_count(fit: Fit) -> int:
    """Rows of a calibration that are not published."""
    return len(set(fit.rows) - published_ids(fit.set))
