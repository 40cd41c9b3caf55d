"""Sensitivities as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from wafersim.planning.sensitivity import Sensitivity

SHOWN = 15


def sensitivity_table(name: str, found: Sequence[Sensitivity]) -> Table:
    """The numbers that a step hangs on most."""
    table = Table(title=f"What 1 % more of a number does to a step of {name}", title_justify="left")
    for heading in ("number", "value", "step time", "kind"):
        table.add_column(heading, justify="left" if heading in ("number", "kind") else "right")
    for one in found[:SHOWN]:
        table.add_row(one.path, one.written, f"{one.percent:+.3f} %", one.kind)
    return table
