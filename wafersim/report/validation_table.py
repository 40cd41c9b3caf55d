"""Predicted beside published on the console: row by row, or by group where rows are many."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from wafersim.report.console import new_console, print_table, say
from wafersim.report.words import figure

MOST_ROWS = 60
USES = (
    "use: fit rows set the constants (errors are in-sample); release rows set one factor each; test rows judge; "
    "shown rows are not gated."
)


def print_validation(report: dict[str, Any], console: Console | None = None) -> None:
    """The rows (or their groups), then what was skipped and why."""
    console = console or new_console()
    rows = report["rows"]
    if len(rows) <= MOST_ROWS and rows:
        print_table(console, row_table(rows))
    if len({(row["group"], row["use"]) for row in rows}) > 1 or len(rows) > MOST_ROWS:
        print_table(console, group_table(rows))
    if len(report["skipped"]) <= MOST_ROWS:
        for one in report["skipped"]:
            say(console, f"{one['id']} skipped: {one['reason']}")
    else:
        for reason, count in Counter(one["reason"] for one in report["skipped"]).items():
            say(console, f"{count} rows skipped: {reason}")
    say(console, USES)


def row_table(rows: list[dict[str, Any]]) -> Table:
    """One line a row."""
    table = Table(title="Published measurements, predicted")
    for name in ("row", "use", "what", "predicted", "published", "unit", "error", "assumed, or why it is only shown"):
        table.add_column(name, justify="right" if name in ("predicted", "published", "error") else "left")
    for row in rows:
        note = "; ".join([row["note"]] * bool(row["note"]) + row["assumed"])
        values = (figure(row["predicted"]), figure(row["published"]), row["unit"], f"{row['error']:+.1%}")
        table.add_row(row["id"], row["use"], row["what"], *values, note)
    return table


def group_table(rows: list[dict[str, Any]]) -> Table:
    """n, bias and absolute errors of every group and use."""
    table = Table(title="Errors by group (absolute but for the bias)")
    for name in ("group", "use", "n", "bias", "median", "mean", "90th", "max"):
        table.add_column(name, justify="left" if name in ("group", "use") else "right")
    for group, use in dict.fromkeys((row["group"], row["use"]) for row in rows):
        errors = np.array([row["error"] for row in rows if (row["group"], row["use"]) == (group, use)])
        size = np.abs(errors)
        numbers = (errors.mean(), np.median(size), size.mean(), np.percentile(size, 90), size.max())
        table.add_row(group, use, str(len(errors)), f"{numbers[0]:+.2%}", *(f"{value:.2%}" for value in numbers[1:]))
    return table
