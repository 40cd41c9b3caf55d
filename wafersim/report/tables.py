"""Tables of predictions, for wafers and for GPUs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from wafersim.metrics.gpu import split_name
from wafersim.report.words import COUNTED, Row, figure, label, plus_minus, seconds, with_interval

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
GPU_PARTS = (
    ("compute", "compute"),
    ("recompute", "recompute"),
    ("launch", "launches"),
    ("tensor", "in-layer collectives"),
    ("bubble", "bubble"),
    ("sends", "sends"),
    ("data", "data-parallel"),
    ("optimizer", "optimizer"),
)


def throughput_table(title: str, rows: Sequence[Row], varied: Sequence[str] = (), kind: str = "wafer") -> Table:
    """One row per point, infeasible ones with a dash."""
    names = ["step time", "80 %", "tokens/s", "MFU", "binding resource", "days to train"]
    own = ["batch/system", "micro-batch"] if kind == "wafer" else ["batch", "micro-batch", "split"]
    if kind == "wafer":
        names.insert(4, "scaling")
    table = _table(title, varied, *own, *names, counted=COUNTED[kind])
    for row in rows:
        if "infeasible" in row:
            dashes = ["-"] * (len(own) + 4 + (kind == "wafer"))
            table.add_row(*_head(row, varied), *dashes, "cannot run", "-")
            continue
        micro_batches = f"{row['micro_batches']} x {row['micro_batch']}"
        first = [str(row["batch_per_system"]), micro_batches]
        if kind == "gpu":
            first = [str(row["batch"]), micro_batches, split_name(row["layout"])]
        rates = [
            seconds(row["step_time_s"]),
            plus_minus(row),
            figure(row["tokens_per_s"]),
            f"{row['mfu']:.1%}",
        ]
        if kind == "wafer":
            efficiency = row["scaling_efficiency"]
            rates.append("-" if efficiency is None else f"{efficiency:.1%}")
        table.add_row(*_head(row, varied), *first, *rates, row["binding_resource"], with_interval(row, "days_to_train"))
    return table


def breakdown_table(rows: Sequence[Row], varied: Sequence[str] = (), kind: str = "wafer") -> Table:
    """Shares of the step in percent."""
    parts = PARTS if kind == "wafer" else GPU_PARTS
    title = "Where a step goes (% of the step)" + ("" if kind == "wafer" else ", on the busiest stage")
    table = _table(title, varied, *(label for _, label in parts), counted=COUNTED[kind])
    for row in rows:
        shares = [row["breakdown"][name] / row["step_time_s"] for name, _ in parts]
        table.add_row(*_head(row, varied), *(f"{100 * share:.1f}" for share in shares))
    return table


def gpu_memory_table(rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """Memory of the fullest GPU."""
    names = ("weights", "gradients", "optimizer", "activations", "buffers")
    table = _table("Memory of the fullest GPU (GB)", varied, "of", "used", *names, counted=COUNTED["gpu"])
    for row in rows:
        memory = row["memory"]
        sizes = (memory["memory_bytes"], memory["total_bytes"], *(memory[f"{name}_bytes"] for name in names))
        table.add_row(*_head(row, varied), *(f"{size / 1e9:.1f}" for size in sizes))
    return table


def published_table(rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """Predicted beside published, with the source and whether anybody has verified it."""
    table = _table(
        "Beside what is published",
        varied,
        "metric",
        "predicted",
        "80 % interval",
        "published",
        "error",
        "source",
        counted="on",
    )
    for row in rows:
        one = row["published"]
        source = one["source"] + ("" if one["verified"] else " (recalled, not verified)")
        half = row["interval"]["half_width"] if "interval" in row else None
        bounds = [] if half is None else [one["predicted"] * math.exp(side * half) for side in (-1, 1)]
        interval = "-".join(map(figure, bounds)) or "-"
        cells = (
            one["metric"],
            figure(one["predicted"]),
            interval,
            figure(one["value"]),
            f"{one['error']:+.1%}",
            source,
        )
        table.add_row(*_head(row, varied), *cells)
    return table


def search_table(row: Row) -> Table:
    """The fastest splits of a search, and those that need less memory."""
    table = Table(title=f"The fastest splits of {row['model']} on {row['n_systems']} GPUs", title_justify="left")
    table.add_column("split")
    for name in ("micro-batch", "step time", "against the fastest", "tokens/s", "memory (GB)"):
        table.add_column(name, justify="right")
    found = row["search"]
    best = found["best"][0]["step_time_s"]
    shown: list[str] = []
    for one in [*found["best"], *found["front"]]:
        key = f"{split_name(one)} {one['micro_batch']}"
        if key in shown:
            continue
        if len(shown) == len(found["best"]):
            table.add_row("fastest with less memory:", *[""] * 5)
        shown.append(key)
        over = one["step_time_s"] / best - 1
        cells = (
            seconds(one["step_time_s"]),
            f"{over:+.1%}",
            figure(one["tokens_per_s"]),
            f"{one['memory_bytes'] / 1e9:.1f}",
        )
        table.add_row(split_name(one), str(one["micro_batch"]), *cells)
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


def _table(title: str, varied: Sequence[str], *columns: str, counted: str = "systems") -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("model")
    table.add_column(counted, justify="right")
    for name in varied:
        *_, above, last = ("", *name.split("."))
        table.add_column(f"{above} {last}" if last.isdigit() else last, justify="right")
    for column in columns:
        left = column in ("binding resource", "policy", "split", "source", "metric")
        table.add_column(column, justify="left" if left else "right", no_wrap=not left)
    return table


def _head(row: Row, varied: Sequence[str]) -> list[str]:
    return [row["model"], str(row["n_systems"]), *(label(row.get("varied", {}).get(name, "")) for name in varied)]
