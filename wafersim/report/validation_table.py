"""Predicted beside published on the console: row by row, and by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from wafersim.evidence.floors import coverage, summary
from wafersim.evidence.ranking import Ranking, rankings
from wafersim.evidence.rows import ValidatedRow, ValidationReport
from wafersim.report.console import print_table, say
from wafersim.report.memory_judgement import refused_sentence
from wafersim.report.words import figure

MOST_ROWS = 60  # that are named when they are skipped
USES = {
    "fit": "fit rows set the constants (errors are in-sample)",
    "release": "release rows set one factor each",
    "test": "test rows judge",
    "shown": "shown rows are not gated",
    "flops": "flops rows check a convention",
}


def print_rows(report: ValidationReport, whose: str, console: Console) -> None:
    """Every row; `whose` measurements they are heads the table."""
    print_table(console, row_table(report.rows, whose))


def print_groups(report: ValidationReport, console: Console) -> None:
    """Errors by group, what was skipped and why, rows left out one by one, what each use means."""
    rows = report.rows
    if rows:
        print_table(console, group_table(rows))
    if len(report.skipped) <= MOST_ROWS:
        for name, reason in report.skipped.items():
            say(console, f"{name} skipped: {reason}")
    else:
        for reason, count in Counter(report.skipped.values()).items():
            say(console, f"{count} rows skipped: {reason}")
    ranked = rankings(rows)
    if ranked:
        print_table(console, ranking_table(ranked))
    if any(row.seen for row in rows):
        say(console, "seen: a row that sets constants has the same configuration (all but batch and release).")
    if refused := refused_sentence(rows):
        say(console, refused)
    for name in dict.fromkeys(row.set for row in rows):
        left_out = [row for row in rows if row.set == name and row.left_out is not None]
        share = coverage(report, name)
        if len(left_out) > 1 and share is not None:
            said = ", ".join(f"{row.id} {row.left_out[0] / row.published - 1:+.1%}" for row in left_out if row.left_out)
            say(console, f"Left out one by one: {said}; their intervals cover {share:.0%}.")
    said = "; ".join(text for use, text in USES.items() if any(row.use == use for row in rows))
    if said:
        say(console, f"use: {said}. Intervals hold 80 %.")
    console.file.write("\n")


def ranking_table(ranked: Sequence[Ranking]) -> Table:
    """How well the splits of jobs are ordered, by group."""
    table = Table(title="Jobs measured in several splits: the order of their splits, and what the predicted best costs")
    for name in ("group", "jobs", "splits", "Kendall tau", "regret", "at most"):
        table.add_column(name, justify="left" if name == "group" else "right")
    for one in ranked:
        numbers = (str(one.jobs), str(one.splits), f"{one.tau:.2f}", f"{one.regret:.1%}", f"{one.worst_regret:.1%}")
        table.add_row(one.group, *numbers)
    return table


def row_table(rows: Sequence[ValidatedRow], whose: str) -> Table:
    """One line a row."""
    table = Table(title=f"{whose} measurements, predicted")
    left = ("row", "use", "what", "unit", "assumed, or why it is only shown")
    for name in (*left[:3], "predicted", "80 % interval", "published", left[3], "error", "covered", left[4]):
        table.add_column(name, justify="left" if name in left else "right")
    for row in rows:
        note = "; ".join([row.note] * bool(row.note) + list(row.assumed))
        interval = "-" if row.low is None or row.high is None else f"{figure(row.low)}-{figure(row.high)}"
        covered = {True: "yes", False: "no", None: "-"}[row.covers]
        numbers = (figure(row.predicted), interval, figure(row.published), row.unit, f"{row.error:+.1%}", covered)
        table.add_row(row.id, row.use, row.what, *numbers, note)
    return table


def group_table(rows: Sequence[ValidatedRow]) -> Table:
    """n, bias, absolute errors and coverage of every group and use."""
    table = Table(title="Errors by group (absolute but for the bias)")
    for name in ("group", "use", "n", "bias", "median", "mean", "90th", "max", "covered", "half-width"):
        table.add_column(name, justify="left" if name in ("group", "use") else "right")
    for group, use, seen in dict.fromkeys((row.group, row.use, bool(row.seen)) for row in rows):
        found = summary([row for row in rows if (row.group, row.use, bool(row.seen)) == (group, use, seen)])
        sizes = (f"{size:.2%}" for size in (found.median, found.mean, found.ninetieth, found.most))
        held = ("-" if share is None else f"{share:.0%}" for share in (found.covered, found.half_width))
        table.add_row(group, f"{use}, seen" if seen else use, str(found.n), f"{found.bias:+.2%}", *sizes, *held)
    return table
