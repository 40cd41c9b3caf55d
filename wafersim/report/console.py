"""Tables on the console: rich on a terminal, plain aligned text when piped."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Row = dict[str, Any]

PARTS = (
    ("compute", "compute"),
    ("kernel_latency", "kernel latency"),
    ("exposed_stream", "stream"),
    ("exposed_drain", "drain"),
    ("exposed_activations", "activations"),
    ("exposed_input", "input"),
    ("optimizer", "optimizer"),
    ("fixed_latency", "fixed"),
)
NOTICED = 0.05  # of the step: a part that grows beyond it starts to bind
ADVICE = {
    "wafer compute": "the wafer itself: only more systems, sparsity or a better matmul kernel make the step shorter",
    "kernel latency": "kernels too short for their launch: a larger micro-batch gives each of them more work",
    "weight stream": "weights arrive too slowly: a larger micro-batch streams them less often; more link bandwidth helps",
    "gradient drain": "gradients leave too slowly: a larger micro-batch, fp16 gradients or a faster reduce path",
    "activation traffic": "activations on servers fill the system's I/O: keep fewer, or make the micro-batch smaller",
    "optimizer": "the optimizer at MemoryX: a larger batch spreads it, no clipping overlaps it with the backward pass",
    "fixed latency": "hops and MemoryX's latency: a larger batch per system gives them less weight",
    "input workers": "input workers starve the wafer: add workers",
}


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr, only on a terminal and only for more than one point."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda name: bar.update(task, advance=1, description=f"{label}{name}")


def print_run(
    title: str, rows: Sequence[Row], circuit: Sequence[str], directory: Path | None, console: Console | None = None
) -> None:
    """Throughput, then where a step goes, then what binds and what to change, with the critical `circuit` of one point."""
    console = console or new_console()
    good = [row for row in rows if "infeasible" not in row]
    varied = _varied(rows)
    tables = [throughput_table(title, rows, varied)]
    if good:
        tables += [breakdown_table(good, varied), memory_table(good, varied)]
    for table in tables:
        print_table(console, table)
    for row in rows:
        if "infeasible" in row:
            say(console, f"{line_name(row)} on {row['n_systems']}: cannot run: {row['infeasible']}")
    for line in [*why_these_policies(good), *explain(good), *circuit, *engines(good)]:
        say(console, line)
    if directory is not None:
        say(console, f"Written to {directory}")


def throughput_table(title: str, rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """One row per point, infeasible ones with a dash."""
    names = ("step time", "samples/s", "tokens/s", "MFU", "scaling", "binding resource", "days to train")
    table = _table(title, varied, "batch/system", "micro-batch", *names)
    for row in rows:
        if "infeasible" in row:
            table.add_row(*_head(row, varied), "-", "-", *["-"] * 5, "cannot run", "-")
            continue
        efficiency = row["scaling_efficiency"]
        table.add_row(
            *_head(row, varied),
            str(row["batch_per_system"]),
            f"{row['micro_batches']} x {row['micro_batch']}",
            seconds(row["step_time_s"]),
            figure(row["samples_per_s"]),
            figure(row["tokens_per_s"]),
            f"{row['mfu']:.1%}",
            "-" if efficiency is None else f"{efficiency:.1%}",
            row["binding_resource"],
            figure(row["days_to_train"]),
        )
    return table


def breakdown_table(rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """Shares of the step in percent."""
    table = _table("Where a step goes (% of the step)", varied, *(label for _, label in PARTS))
    for row in rows:
        shares = [row["breakdown"][name] / row["step_time_s"] for name, _ in PARTS]
        table.add_row(*_head(row, varied), *(f"{100 * share:.1f}" for share in shares))
    return table


def memory_table(rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """Wafer memory, one row for each model and policy."""
    table = _table(
        "Wafer memory (GB) and activations",
        varied,
        "of",
        "used",
        "buffers",
        "activations",
        "working set",
        "policy",
    )
    seen = set()
    for row in rows:
        memory = row["memory"]
        key = (row["model"], memory["activation_policy"], memory["total_bytes"], *_head(row, varied)[2:])
        if key in seen:
            continue
        seen.add(key)
        buffers = memory["weight_buffer_bytes"] + memory["drain_buffer_bytes"]
        sizes = (
            memory["sram_bytes"],
            memory["total_bytes"],
            buffers,
            memory["activation_bytes"],
            memory["working_set_bytes"],
        )
        table.add_row(*_head(row, varied), *(f"{size / 1e9:.1f}" for size in sizes), memory["activation_policy"])
    return table


def why_these_policies(rows: Sequence[Row]) -> list[str]:
    """Why each model got its activation policy on the largest cluster; prediction.json has the reason of every point."""
    return [
        f"{line_name(row)} on {row['n_systems']}: {row['memory']['activation_policy']}, {row['memory']['reason']}"
        for row in _largest(rows)
        if row["memory"]["reason"]
    ]


def _largest(rows: Sequence[Row]) -> list[Row]:
    """The point of each line of the sweep with the most systems, the last of equals."""
    largest: dict[str, Row] = {}
    for row in rows:
        name = line_name(row)
        if name not in largest or row["n_systems"] >= largest[name]["n_systems"]:
            largest[name] = row
    return list(largest.values())


def explain(rows: Sequence[Row]) -> list[str]:
    """What binds the largest cluster of each model, how much of the step that is, and what would change it."""
    by_resource: dict[tuple[int, str], list[Row]] = {}
    for row in _largest(rows):
        by_resource.setdefault((row["n_systems"], row["binding_resource"]), []).append(row)
    lines = []
    for (systems, resource), bound in by_resource.items():
        advice = next((text for key, text in ADVICE.items() if resource.startswith(key)), "")
        shares = sorted(max(row["breakdown"].values()) / row["step_time_s"] for row in bound)
        line = f"{', '.join(map(line_name, bound))} on {systems}: bound by {resource}"
        span = " to ".join(dict.fromkeys((f"{shares[0]:.0%}", f"{shares[-1]:.0%}")))
        lines.append(f"{line}, {span} of the step" + (f" - {advice}" if advice else ""))
    lines += turning_points(rows)
    assumed = sorted({name for row in rows for name in row["assumed"]})
    if assumed:
        lines.append(f"Leaned on assumed numbers: {', '.join(assumed)} (`wafersim show` gives the reason of each).")
    lines += sorted({f"Note: {note}" for row in rows for note in row["notes"]})
    return lines


def turning_points(rows: Sequence[Row]) -> list[str]:
    """Where resources start to bind as systems are added, for each line of a sweep on which one does."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(line_name(row), []).append(row)
    out = []
    for name, points in lines.items():
        ranked = sorted(points, key=lambda row: row["n_systems"])
        turns = [
            f"{later['binding_resource']} leads from {later['n_systems']} systems"
            for earlier, later in pairwise(ranked)
            if earlier["binding_resource"] != later["binding_resource"]
        ]
        for part, said in PARTS[1:]:
            at = next((row for row in ranked if row["breakdown"][part] > NOTICED * row["step_time_s"]), None)
            if at is not None and at is not ranked[0]:
                turns.append(f"{said} above {NOTICED:.0%} of the step from {at['n_systems']} systems")
        if turns:
            out.append(f"{name}: {'; '.join(turns)}")
    return out


def line_name(row: Row) -> str:
    """What a line of a sweep over systems is called: the model and the other swept values."""
    others = [label(v) for name, v in row.get("varied", {}).items() if name not in ("model", "system.systems")]
    return " ".join([row["model"], *others])


def engines(rows: Sequence[Row]) -> list[str]:
    """Which engine ran how many points and why, and in how many of them alike systems were left out."""
    by_reason: dict[str, list[Row]] = {}
    for row in rows:
        by_reason.setdefault(row["engine_reason"], []).append(row)
    lines = []
    for reason, ran in by_reason.items():
        folded = sum(row["systems_simulated"] < row["n_systems"] for row in ran)
        left_out = f"; alike systems by one of them in {folded}" if folded else ""
        lines.append(f"Engine of {len(ran)} point{'s' * (len(ran) > 1)}: {reason}{left_out}")
    return lines


def seconds(value: float) -> str:
    """A time with three digits, in ms below a second."""
    rounded = _rounded(value)  # first, so that 0.9996 s reads 1.00 s
    return f"{_three(value * 1e3)} ms" if rounded < 1 else f"{_three(value)} s" if rounded < 100 else f"{value:,.0f} s"


def figure(value: float) -> str:
    """A number with three digits, whole above a thousand."""
    return f"{value:.2e}" if value >= 1e7 else f"{value:,.0f}" if _rounded(value) >= 1000 else _three(value)


def _rounded(value: float) -> float:
    return float(f"{value:.2e}")


def _three(value: float) -> str:
    """Three significant digits, zeros at the end kept: 3.00 stands under 2.99."""
    rounded = _rounded(value)
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}" if rounded else "0"


def new_console() -> Console:
    """Titles and names are the user's: brackets and colons in them are text, not markup."""
    return Console(markup=False, emoji=False, highlight=False)


def _varied(rows: Sequence[Row]) -> list[str]:
    """Swept paths beyond model and systems, which have their own columns."""
    names = dict.fromkeys(name for row in rows for name in row.get("varied", {}))
    return [name for name in names if name not in ("model", "system.systems")]


def _head(row: Row, varied: Sequence[str]) -> list[str]:
    return [row["model"], str(row["n_systems"]), *(label(row.get("varied", {}).get(name, "")) for name in varied)]


def label(value: Any) -> str:
    """A swept value; several fields at once as name=value."""
    if isinstance(value, dict):
        return " ".join(f"{name}={inner}" for name, inner in value.items())
    return str(value)


def _table(title: str, varied: Sequence[str], *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("model")
    table.add_column("systems", justify="right")
    for name in varied:
        *_, above, last = ("", *name.split("."))
        table.add_column(f"{above} {last}" if last.isdigit() else last, justify="right")
    for column in columns:
        left = column in ("binding resource", "policy")
        table.add_column(column, justify="left" if left else "right", no_wrap=not left)
    return table


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
    console.file.write("\n".join(lines) + "\n\n")


def say(console: Console, text: str) -> None:
    if console.is_terminal:
        console.print(text, markup=False, highlight=False)
    else:
        console.file.write(text + "\n")
