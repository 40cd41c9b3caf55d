"""How many published values lie in their 80 % intervals, and how wide those are, group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

from wafersim.evidence.rows import ValidatedRow
from wafersim.inputs.fit import LeftOut

Judged = tuple[str, LeftOut]
"""A row's family, and its error beside the half-width of its interval, in logarithms."""


@dataclass(frozen=True)
class Coverage:
    """Rows inside, the share of them where each family of rows counts once, and the mean half-width (of the logarithm)."""

    rows: int
    families: int
    rows_inside: int
    share: float
    half_width: float


def coverage_of(judged: Sequence[Judged]) -> Coverage | None:
    """Of some rows; None without any. Rows of one family repeat each other."""
    families: dict[str, list[bool]] = {}
    for family, one in judged:
        families.setdefault(family, []).append(abs(one.error) <= one.half_width)
    if not families:
        return None
    shares = [sum(inside) / len(inside) for inside in families.values()]
    return Coverage(
        rows=len(judged),
        families=len(families),
        rows_inside=sum(sum(inside) for inside in families.values()),
        share=sum(shares) / len(shares),
        half_width=sum(one.half_width for _, one in judged) / len(judged),
    )


def by_group(judged: Mapping[str, Sequence[Judged]]) -> dict[str, Coverage]:
    """Group by group, those that have rows."""
    found = {group: coverage_of(rows) for group, rows in judged.items()}
    return {group: one for group, one in found.items() if one is not None}


def interval_of(row: ValidatedRow) -> LeftOut | None:
    """The middle of a row's interval against what was published, and half of its width; None without an interval."""
    if not row.low or not row.high:
        return None
    error, half = log(sqrt(row.low * row.high) / row.published), log(row.high / row.low) / 2
    return LeftOut(error=error, half_width=half)
