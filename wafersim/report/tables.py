"""Tables of predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from wafersim.report.words import Row, chance, counted, figure, label, mfu_head, plus_minus, seconds, to_train
from wafersim.strategies.registry import words_of


def throughput_table(title: str, rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """One row per point, infeasible ones with a dash; scaling and split where some point has them."""
    scales = any(row.get("scaling_efficiency") is not None for row in rows)
    splits = any(row.get("layout") is not None for row in rows)
    names = ["batch", "micro-batch", *(["split"] if splits else []), "step time", "80 %", "tokens/s", mfu_head(rows)]
    names += [*(["scaling"] if scales else []), "binding resource", "to train"]
    table = _table(title, varied, *names, counted=_many(rows))
    for row in rows:
        if "infeasible" in row:
            table.add_row(*_head(row, varied), *["-"] * (len(names) - 2), "cannot run", "-")
            continue
        cells = [str(row["batch"]), f"{row['micro_batches']} x {row['micro_batch']}"]
        cells += [row["split"]["name"]] if splits else []
        cells += [seconds(row["step_time_s"]), plus_minus(row), figure(row["tokens_per_s"]), f"{row['mfu']:.1%}"]
        if scales:
            efficiency = row["scaling_efficiency"]
            cells.append("-" if efficiency is None else f"{efficiency:.1%}")
        table.add_row(*_head(row, varied), *cells, row["binding_resource"], to_train(row))
    return table


def breakdown_table(rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """Shares of the step in percent, of points on one kind of machine."""
    words = words_of(rows[0]["kind"])
    heads = (part.heads for part in words.parts)
    table = _table(f"Where a step goes (% of the step){words.where}", varied, *heads, counted=words.many)
    for row in rows:
        shares = [row["breakdown"][part.key] / row["step_time_s"] for part in words.parts]
        table.add_row(*_head(row, varied), *(f"{100 * share:.1f}" for share in shares))
    return table


def memory_table(rows: Sequence[Row], varied: Sequence[str] = ()) -> Table:
    """What takes memory, one row for each model, policy and size, of points on one kind of machine."""
    words = words_of(rows[0]["kind"])
    policies = any("activation_policy" in row["memory"] for row in rows)
    columns = ["of", "used", *(heads for _, heads in words.memory), *(["policy"] if policies else [])]
    table = _table(words.memory_title, varied, *columns, counted=words.many)
    seen = set()
    for row in rows:
        memory = row["memory"]
        policy = memory.get("activation_policy", "")
        key = (row["model"], policy, memory["total_bytes"], *_head(row, varied)[2:])
        if key in seen:
            continue
        seen.add(key)
        sizes = (memory["capacity_bytes"], memory["total_bytes"], *(memory[name] for name, _ in words.memory))
        table.add_row(*_head(row, varied), *(f"{size / 1e9:.1f}" for size in sizes), *([policy] if policies else []))
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
        half = row["interval"]["half_width"] if "interval" in row and one["metric"] != "speed_up" else None
        bounds = [] if half is None else [one["predicted"] * math.exp(side * half) for side in (-1, 1)]
        interval = "-".join(map(figure, bounds)) or "-"
        cells = (
            " ".join([one["metric"], *(f"({said})" for said in [one.get("flops_convention")] if said)]),
            figure(one["predicted"]),
            interval,
            figure(one["value"]),
            f"{one['error']:+.1%}",
            source,
        )
        table.add_row(*_head(row, varied), *cells)
    return table


def published_run_table(rows: Sequence[Row]) -> Table:
    """The runs that authors describe: batch, steps and FLOPs beside those simulated; blank where nothing is published."""
    table = Table(title="The published runs: simulated, and (published)", title_justify="left")
    table.add_column("model")
    for name in ("systems", "batch", "steps", "training FLOPs", "error", "relative utilisation"):
        table.add_column(name, justify="right")
    first = flops_per_system(rows[0])
    assert first is not None
    for row in rows:
        run = row["published_run"]
        steps = sum(phase["steps"] for phase in row["phases"])
        card, relative = run.get("training_flops"), run.get("relative_utilisation")
        table.add_row(
            row["model"],
            " then ".join(f"{phase['n_systems']}" for phase in row["phases"]),
            " then ".join(f"{phase['batch']:,}" for phase in row["phases"]),
            f"{steps:,.0f}",
            f"{run['predicted_training_flops']:.2e} ({'-' if card is None else f'{card:.1e}'})",
            "-" if card is None else f"{run['predicted_training_flops'] / card - 1:+.1%}",
            f"{run['predicted_flops_per_s_per_system'] / first:.2f} ({'-' if relative is None else f'{relative:.2f}'})",
        )
    table.caption = (
        "FLOPs as the cards count them: with the softmax; relative to the first run of these, in the same FLOPs."
    )
    return table


def flops_per_system(row: Row) -> float | None:
    """FLOP/s of a system, in the FLOPs that the model's card counts; None of a point that is no published run."""
    found: float | None = row.get("published_run", {}).get("predicted_flops_per_s_per_system")
    return found


def search_table(row: Row) -> Table:
    """The fastest splits of a search, and those that need less memory."""
    table = Table(title=f"The fastest splits of {row['model']} on {counted(row)}", title_justify="left")
    table.add_column("split")
    columns = ("micro-batch", "step time", "against the fastest", "fastest", "tokens/s", "memory (GB)", "fits")
    for name in columns:
        table.add_column(name, justify="right")
    found = row["search"]
    best = found["best"][0]["step_time_s"]
    shown: list[str] = []
    for one in [*found["best"], *found["front"]]:
        key = f"{one['split']} {one['micro_batch']}"
        if key in shown:
            continue
        if len(shown) == len(found["best"]):
            table.add_row("fastest with less memory:", *[""] * len(columns))
        shown.append(key)
        over = one["step_time_s"] / best - 1
        cells = (
            seconds(one["step_time_s"]),
            f"{over:+.1%}",
            chance(one["fastest_probability"]) if one.get("fastest_probability") is not None else "-",
            figure(one["tokens_per_s"]),
            f"{one['memory_bytes'] / 1e9:.1f}",
            chance(one["fits_probability"]),
        )
        table.add_row(one["split"], str(one["micro_batch"]), *cells)
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


def _many(rows: Sequence[Row]) -> str:
    """What the chips of some points are called."""
    return " or ".join(dict.fromkeys(words_of(row["kind"]).many for row in rows))


def _head(row: Row, varied: Sequence[str]) -> list[str]:
    return [row["model"], str(row["n_systems"]), *(label(row.get("varied", {}).get(name, "")) for name in varied)]
