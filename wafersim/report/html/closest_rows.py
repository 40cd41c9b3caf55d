"""The published rows closest to a run, on its page: how far off each was predicted, and what it does otherwise."""

from __future__ import annotations

import math
from typing import Any

from wafersim import numbers
from wafersim.evidence.closest import CloseRow, closest
from wafersim.report.html.parts import Part, Section, Table
from wafersim.report.words import plain
from wafersim.simulation import Job

HEADS = ("row", "published", "predicted", "error", "left out", "80 % within", "does otherwise", "source")


def closest_section(job: Job, choice: Any, run: str) -> Section | None:
    """None where nothing of its kind is published."""
    rows = closest(job, choice)
    if not rows:
        return None
    caption = "Error: of the shipped model, fitted on some of these rows. Left out: of constants fitted without the row"
    table: list[Part] = [Table(caption, HEADS, [_cells(row) for row in rows], frozenset({1, 2, 3, 4, 5}))]
    lead = f"The published measurements that are the most like {run}, and how far off each is predicted."
    return Section("evidence", "How far off it was elsewhere", lead, table)


def _cells(row: CloseRow) -> list[str]:
    left_out = "" if row.left_out_error is None else numbers.change(row.left_out_error)
    within = "" if row.half_width is None else numbers.percent(math.expm1(row.half_width))
    note = f" ({row.note})" if row.note else ""
    alike = f"; {len(row.alike)} more alike" if row.alike else ""
    return [
        f"{row.id}: {row.what}{note}{alike}",
        f"{plain(row.value)} {row.unit}",
        plain(row.predicted),
        numbers.change(row.error),
        left_out,
        within,
        "; ".join(row.differs) or "nothing that is counted",
        row.source if row.link is None or row.link in row.source else f"{row.source} {row.link}",
    ]
