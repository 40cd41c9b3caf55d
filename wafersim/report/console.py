"""The console: rich on a terminal, plain aligned text when piped."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from wafersim.errors import Interrupted
from wafersim.planning.what_if import WhatIf
from wafersim.report.explain import engines, explain, search_line, why_these_policies, would_help
from wafersim.report.imports import in_full
from wafersim.report.tables import (
    breakdown_table,
    memory_table,
    published_run_table,
    published_table,
    search_table,
    throughput_table,
)
from wafersim.report.words import Row, line_name, varied_paths

MOST_NAMED = 12  # things to do that are named one by one where the user interrupts
MOST_REFUSALS = 10  # points that are named with their reason


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr, only on a terminal and only for more than one point.

    Raises Interrupted, which says how far it came, where the user interrupts.
    """
    done: list[str] = []
    try:
        if total < 2 or not sys.stderr.isatty():
            yield done.append
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=total)

            def advance(name: str) -> None:
                done.append(name)
                bar.update(task, advance=1, description=f"{label}{name}")

            yield advance
    except KeyboardInterrupt:
        names = f" ({', '.join(done) if total <= MOST_NAMED else f'the last one {done[-1]}'})" if done else ""
        raise Interrupted(f"{label}interrupted, {len(done):,} of {total:,} done{names}; nothing is written") from None


@contextmanager
def working(label: str) -> Iterator[None]:
    """The time that something without parts has taken so far, on stderr of a terminal. Raises Interrupted."""
    try:
        if not sys.stderr.isatty():
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            bar.add_task(label, total=None)
            yield
    except KeyboardInterrupt:
        raise Interrupted(f"{label}: interrupted before it was done; nothing is written") from None


def print_points(title: str, rows: Sequence[Row], console: Console) -> None:
    """Every point: throughput, where its step goes, what is published of it, why it cannot run."""
    varied = varied_paths(rows)
    for kind in dict.fromkeys(row["kind"] for row in rows):
        _print_tables(console, title, [row for row in rows if row["kind"] == kind], varied)
    refused = [row for row in rows if "infeasible" in row]
    for row in refused[:MOST_REFUSALS]:
        say(console, f"{line_name(row)} on {row['n_systems']}: cannot run: {row['infeasible']}")
    if len(refused) > MOST_REFUSALS:
        more = len(refused) - MOST_REFUSALS
        say(console, f"and {more} more points that cannot run (prediction.json has each reason)")


def print_imports(rows: Sequence[Row], console: Console) -> None:
    """What became of each key of the files that models were read of."""
    for line in in_full(rows):
        say(console, line)


def print_reasons(rows: Sequence[Row], circuit: Sequence[str], helps: Sequence[WhatIf], console: Console) -> None:
    """Memory and policies, what binds, the critical `circuit` of one point and what would help it, engines, what was assumed."""
    good, varied = [row for row in rows if "infeasible" not in row], varied_paths(rows)
    for kind in dict.fromkeys(row["kind"] for row in good):
        print_table(console, memory_table([row for row in good if row["kind"] == kind], varied))
    for line in [*why_these_policies(good), *explain(good), *circuit, *would_help(helps), *engines(good)]:
        say(console, line)


def _print_tables(console: Console, title: str, rows: Sequence[Row], varied: Sequence[str]) -> None:
    good = [row for row in rows if "infeasible" not in row]
    tables = [throughput_table(title, rows, varied)]
    if good:
        tables += [breakdown_table(good, varied)]
    beside = [row for row in good if row.get("published")]
    tables += [published_table(beside, varied)] if beside else []
    trained = [row for row in good if "published_run" in row]
    tables += [published_run_table(trained)] if trained else []
    searches = [row for row in good if row.get("search") and row["search"]["considered"] > 1]
    if len(searches) == 1:
        tables += [search_table(searches[0])]
    for table in tables:
        print_table(console, table)
    for row in searches[:1] if len(searches) == 1 else []:
        say(console, search_line(row))


def new_console() -> Console:
    """Titles and names are the user's: brackets and colons in them are text, not markup."""
    return Console(markup=False, emoji=False, highlight=False)


def print_table(console: Console, table: Table) -> None:
    """A rich table on a terminal that is wide enough; plain lines elsewhere, since rich would drop whole columns."""
    headers = [str(column.header) for column in table.columns]
    if console.is_terminal:
        table.box, table.pad_edge, table.padding = box.SIMPLE_HEAD, False, (0, 1, 0, 0)
        for column in table.columns:
            if column.justify == "right":  # numbers are narrower than what they are called
                column.header = re.sub(r"(?<=[/-])(?=\w{3})| (?=\w{3})", "\n", str(column.header))
        if console.measure(table, options=console.options.update(width=10_000)).minimum <= console.width:
            console.print(table)
            return
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    widths = [max(map(len, [header, *column])) for header, column in zip(headers, cells, strict=True)]
    lines = [f"{table.title}"]
    for values in [tuple(headers), *zip(*cells, strict=True)]:
        padded = [
            value.rjust(width) if column.justify == "right" else value.ljust(width)
            for value, width, column in zip(values, widths, table.columns, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    if table.caption:
        lines.append(str(table.caption))
    console.file.write("\n".join(lines) + "\n\n")


def say(console: Console, text: str) -> None:
    if console.is_terminal:
        console.print(text, markup=False, highlight=False)
    else:
        console.file.write(text + "\n")
