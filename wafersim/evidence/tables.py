"""The shipped tables of published measurements."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from wafersim.evidence.kinds import KINDS
from wafersim.evidence.rows import Cells

if TYPE_CHECKING:
    from wafersim.inputs.fit import Fit


@cache
def shipped(which: str) -> Sequence[Cells]:
    """The rows of a kind's shipped tables, every cell as text; a column that a row's table lacks is empty."""
    rows: list[Cells] = []
    for file in KINDS[which]:
        with (files("wafersim.evidence") / "data" / file).open(encoding="utf-8") as stream:
            rows += csv.DictReader(stream)
    every = dict.fromkeys((name for row in rows for name in row), "")
    return [{**every, **row} for row in rows]


def read_data(file: str) -> dict[str, Any]:
    """A YAML file that lies beside the tables, read anew."""
    text = (files("wafersim.evidence") / "data" / file).read_text(encoding="utf-8")
    found: dict[str, Any] = YAML(typ="safe").load(text)
    return found


def columns(which: str) -> list[str]:
    """Of the shipped tables; a user's may leave out those that it does not need."""
    return list(shipped(which)[0])


def published_ids(which: str) -> set[str]:
    """Of the shipped tables."""
    return {row["id"] for row in shipped(which)}


def own_count(fit: Fit) -> int:
    """Rows of a calibration that are not published."""
    return len(set(fit.rows) - published_ids(fit.set))
