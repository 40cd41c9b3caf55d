"""Sensitivities as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from wafersim.planning.sensitivity import Sensitivity

SHOWN = 15
ANOMALY = "anomaly"
WHY = f"{ANOMALY}: a better number and a longer step, since what arrives earlier is served in another order"


def sensitivity_table(name: str, found: Sequence[Sensitivity]) -> Table:
    """The numbers that a step hangs on most, and all of those whose order of service makes a step longer."""
    table = Table(title=f"What 1 % more of a number does to a step of {name}", title_justify="left")
    for heading in ("number", "value", "step time", "kind"):
        table.add_column(heading, justify="left" if heading in ("number", "kind") else "right")
    odd = any(one.anomaly for one in found)
    if odd:
        table.add_column("order of service")
        table.caption = WHY
    shown = [*found[:SHOWN], *(one for one in found[SHOWN:] if one.anomaly)]
    for one in shown:
        said = [ANOMALY if one.anomaly else ""] if odd else []
        table.add_row(one.path, one.written, f"{one.percent:+.3f} %", one.kind, *said)
    return table
