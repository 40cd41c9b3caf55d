"""The first screen of a run: how long, how sure, what binds, what would help, what is extrapolated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wafersim import numbers
from wafersim.inputs.price import RENT
from wafersim.planning.what_if import WhatIf
from wafersim.report.imports import in_short
from wafersim.report.screen.binding import shares_of
from wafersim.report.screen.layout import (
    LINES,
    UNBROKEN,
    Column,
    cut,
    first_that_fits,
    sentence,
    table,
    titled,
    whole,
    written,
)
from wafersim.report.screen.lines import Line, as_trained, chips_of, lines_of
from wafersim.report.screen.search import search_block
from wafersim.report.tables import flops_per_system
from wafersim.report.words import Row, unmeasured, within

MOST_HELP = 5  # changes that are named
MOST_COUNTS = 7  # columns of the block of step times
LEAST_LINES = 3  # of a table that has more
MOST_WARNINGS = 3  # lines
MOST_SHARES = 5  # parts of a step that are named
SHOWN = 0.01  # of the step: smaller parts are not
BESIDE_GPUS = {
    "andromeda16": "cs2_vs_a100",
    "experiments/andromeda16.yaml": "cs2_vs_a100",
}  # shipped: experiment -> comparison
UNITS = {
    "step_time_s": "s",
    "tokens_per_s": "tokens/s",
    "samples_per_s": "/s",
    "days_to_train": "d",
    "speed_up": "x",
    "hardware_tflops_per_gpu": "TFLOP/s",
}  # of what an experiment states as published


@dataclass(frozen=True)
class Found:
    """What a run of an `experiment` found; seconds that it `took`. What would help is told of the largest point."""

    title: str
    experiment: str
    rows: Sequence[Row]
    largest: Row
    helps: Sequence[WhatIf]
    directory: Path | None
    took: float
    figures: bool = True  # whether they were drawn
    trace: Path | None = None
    report: bool = False  # whether its directory has one


def run_screen(found: Found, width: int, most: int = LINES) -> list[str]:
    """At most 24 lines; up to three more where points cannot run or something was done otherwise than asked."""
    heads, lines = lines_of(found.rows)
    able = [line for line in lines if line.head is not None]
    main, block = _main(heads, able, width), _block(able, width) or search_block(found.largest, width)
    of = "" if heads.startswith("model") or heads == "point" else f"{heads} "
    sayings = _sayings(found, able, of, width, roomy=True)
    if 1 + len(main) + len(block) + len(sayings) > most:
        sayings = _sayings(found, able, of, width, roomy=False)
    room = most - 1 - len(sayings)
    if block:  # of two tables that do not fit the block loses what it can first
        block = cut(block, max(room - len(main), 1 + LEAST_LINES))
    main = cut(main, room - len(block))
    left = room - len(main) - len(block)
    gaps = (left >= 1, left >= 2 and bool(block), left >= 2 + bool(block))
    out = [titled(found.title, found.took, width), *[""] * gaps[0], *main, *[""] * gaps[1], *block, *[""] * gaps[2]]
    return [*out, *_warnings(found.rows, width), *sayings]


def _main(heads: str, lines: Sequence[Line], width: int) -> list[str]:
    rows = [line.head for line in lines if line.head is not None]
    base = rows[0]
    lengths = {row["sequence_length"] for row in rows}
    trained = f"train {numbers.amount(base['tokens'])}" if len({row["tokens"] for row in rows}) == 1 else "train in"
    columns = [
        Column(heads, tuple(_marked(line.name, row) for line, row in zip(lines, rows, strict=True)), left=True),
        Column(chips_of(rows), tuple(f"{row['n_systems']:,}" for row in rows)),
        Column(
            f"batch x {rows[0]['sequence_length']:,}" if len(lengths) == 1 else "batch x length",
            _batches(rows, lengths),
            5,
        ),
        Column("tokens", tuple(numbers.amount(row["batch"] * row["sequence_length"]) for row in rows), 6),
        Column("split", tuple(_split(row) for row in rows), 4, left=True),
        Column("step", tuple(numbers.step(row["step_time_s"]) for row in rows)),
        Column(trained, tuple(numbers.duration(row["days_to_train"] * numbers.DAY) for row in rows), 1),
        Column("80 % range", tuple(numbers.interval(row, "days_to_train", numbers.DAY) for row in rows), 2),
        Column("MFU", tuple(numbers.percent(row["mfu"]) for row in rows), 3),
        _published(rows),
    ]
    return table(columns, width)


def _marked(name: str, row: Row) -> str:
    """A star where nobody has measured such a machine or stack at all; `Trust` says what."""
    return f"{name} *" if unmeasured(row) else name


def _batches(rows: Sequence[Row], lengths: set[int]) -> tuple[str, ...]:
    return tuple(
        f"{row['batch']:,}" if len(lengths) == 1 else f"{row['batch']:,} x {row['sequence_length']:,}" for row in rows
    )


def _split(row: Row) -> str:
    return "" if row["kind"] == "wafer" else str(row["split"]["name"]).replace(" x ", " ").replace(",", "")


def _published(rows: Sequence[Row]) -> Column:
    """What is published of the points: a measurement and how far off it is, or the utilisation beside that of the first."""
    stated = [row.get("published") for row in rows]
    if any(stated):
        metric = next(one["metric"] for one in stated if one)
        cells = tuple(
            "" if one is None else f"{numbers.digits(one['value'])} ({numbers.change(one['error'])})" for one in stated
        )
        return Column(f"pub. {UNITS[metric]}", cells, 2)
    relative = [row.get("published_run", {}).get("relative_utilisation") for row in rows]
    if not any(relative):
        return Column("", ("",) * len(rows), 9)
    uses = [flops_per_system(row) for row in rows]
    first = next(use for use in uses if use)
    said = (
        f"{use / first:.2f} ({f'{one:.2f}' if one else '-'})" if use else ""
        for use, one in zip(uses, relative, strict=True)
    )
    return Column(f"x {_first(rows)} (pub)", tuple(said), 2)


def _block(lines: Sequence[Line], width: int) -> list[str]:
    """Step time by the number of chips, for lines with several."""
    scaled = [line for line in lines if len(line.ran) > 1]
    if not scaled:
        return []
    points = [row for line in scaled for row in line.ran]
    asked = [row for row in points if not as_trained(row)] or points
    counts = _spread(sorted({row["n_systems"] for row in asked}), MOST_COUNTS)
    last = counts[-1]
    cells = {count: tuple(_step_on(line, count) for line in scaled) for count in counts}
    kinds = {"batch fixed" if len({row["batch"] for row in line.ran}) == 1 else "batch grows" for line in scaled}
    kept = tuple(_kept(line, last) for line in scaled)
    return table(
        [
            Column(", ".join(["step", *(kinds if len(kinds) == 1 else ())]), tuple(line.name for line in scaled), left=True),
            *(Column(f"{count:,}", cells[count], 1 + (index % 2) if 0 < index < len(counts) - 1 else 0)
              for index, count in enumerate(counts)),
            Column(f"linear kept 1-{last:,}", kept, 1),
        ],
        width,
    )  # fmt: skip


def _spread(counts: Sequence[int], most: int) -> list[int]:
    """So many of the counts, first and last among them."""
    if len(counts) <= most:
        return list(counts)
    picked = {round(index * (len(counts) - 1) / (most - 1)) for index in range(most)}
    return [counts[index] for index in sorted(picked)]


def _step_on(line: Line, count: int) -> str:
    found = next((row for row in line.ran if row["n_systems"] == count), None)
    return "-" if found is None else numbers.step(found["step_time_s"])


def _kept(line: Line, count: int) -> str:
    found = next((row for row in line.ran if row["n_systems"] == count), None)
    share = None if found is None else found["scaling_efficiency"]
    return "" if share is None else numbers.percent(share)


def _warnings(rows: Sequence[Row], width: int) -> list[str]:
    """What cannot run, and what was done otherwise than asked."""
    refused = [row for row in rows if "infeasible" in row]
    count = f"{len(refused)} of {len(rows)} points; " if len(refused) > 1 else ""
    said = [f"{count}{row['model']} on {row['n_systems']}: {row['infeasible']}" for row in refused[:1]]
    notes = list(dict.fromkeys(note for row in rows for note in row.get("notes", [])))
    room = 2 if refused and notes else 3
    return [*sentence("Cannot run", said, width, room), *sentence("Note", notes, width, 2, "; ")][:MOST_WARNINGS]


def _sayings(found: Found, lines: Sequence[Line], of: str, width: int, roomy: bool) -> list[str]:
    """What the tables come down to; how it runs and what it costs where there is room."""
    row, heads = found.largest, [line.head for line in lines if line.head is not None]
    points = f"all {len(found.rows)} points" if len(found.rows) > 1 else "everything"
    mine = next((of + line.name for line in lines if line.head is row and len(lines) > 1), "")
    return [
        *sentence("Model", in_short(found.rows), width, 2 if roomy else 1, "; "),
        *(sentence("Runs as", _of(mine, _runs_as(row)), width) if roomy else []),
        *sentence("Binds", _of(mine, _binds(row, lines, roomy)), width, 2 if roomy else 1),
        *sentence("Would help", _of(mine, _helps(found.helps)), width, 2, " | "),
        *(sentence("Bill", _of(mine, _bill(row)), width) if roomy else []),
        *sentence("Trust", _trust(heads, roomy), width, 3 if roomy else 2, "; "),
        *_written(found, points, width),
        *([whole("Trace", str(found.trace), "", width)] if found.trace is not None else []),
        *first_that_fits("More", [[f"--all, --why; next: {_next(found)}"], [f"next: {_next(found)}"]], width, 1),
    ]


def _of(name: str, items: Sequence[str]) -> list[str]:
    """What is said of one line of several, which is named."""
    return [f"{name}: {items[0]}", *items[1:]] if name and items else list(items)


def _written(found: Found, points: str, width: int) -> list[str]:
    if found.directory is None:
        return []
    return [written(found.directory, f"{'figures and ' if found.figures else ''}{points}", found.report, width)]


def _next(found: Found) -> str:
    """The command that goes on from here."""
    if found.experiment in BESIDE_GPUS:
        return f"wafersim compare {BESIDE_GPUS[found.experiment]}"
    return f"wafersim run {found.experiment} --sensitivity"


def _runs_as(row: Row) -> list[str]:
    """How the largest point goes about it."""
    memory = row["memory"]
    size = f"{row['micro_batches']} x {row['micro_batch']}" if row["micro_batches"] > 1 else str(row["micro_batch"])
    how = memory.get("activation_policy") if row["kind"] == "wafer" else row["split"]["name"]
    used = f"{memory['total_bytes'] / 1e9:.0f} of {memory['capacity_bytes'] / 1e9:.0f} GB of memory used"
    return [str(how), f"micro-batch {size}".replace(" ", UNBROKEN), used.replace(" ", UNBROKEN), *_in_phases(row)]


def _in_phases(row: Row) -> list[str]:
    """That the step is the last phase's, where there are several."""
    batches = [phase["batch"] for phase in row["phases"]]
    if len(batches) == 1:
        return []
    said = f"last of {len(batches)} phases, batches {batches[0]:,} to {batches[-1]:,}"
    return [said.replace(" ", UNBROKEN)]


def _binds(row: Row, lines: Sequence[Line], in_detail: bool) -> list[str]:
    """What the step of the largest point is made of, from its critical circuit; then lines that something else binds."""
    shares = shares_of(row, in_detail)
    ranked = [item for item in shares.items() if item[1] >= SHOWN][:MOST_SHARES]
    others: dict[str, list[str]] = {}
    for line in lines:
        if line.head is not None and line.head["binding_resource"] != row["binding_resource"]:
            others.setdefault(line.head["binding_resource"], []).append(line.name)
    said = [f"{name} {numbers.percent(share)}" for name, share in ranked]
    return [*said, *(f"{resource}: {' '.join(names[:4])}" for resource, names in others.items())]


def _helps(helps: Sequence[WhatIf]) -> list[str]:
    """The largest effects; what is worse for a better machine is named for what it is."""
    ranked = sorted(helps, key=lambda one: -abs(one.change))[:MOST_HELP]
    said = (f"{one.label} {numbers.change(one.change)}{' (order of service)' if one.anomaly else ''}" for one in ranked)
    return [text.replace(" ", UNBROKEN) for text in said]


def _bill(row: Row) -> list[str]:
    """Energy and money of the run at the power and price of the profile, or which field gives a price."""
    said = [numbers.energy(row["energy_j"])]
    if row["cost_usd"] is None:
        return [*said, f"no price is known: --set {RENT}='2 USD/h' gives one"]
    price = row["price"]
    return [*said, f"{numbers.amount(row['cost_usd'], 'USD')} at {price['written']} ({price['in_short']})"]


def _trust(rows: Sequence[Row], roomy: bool) -> list[str]:
    """How sure the times are, how far off what is published, how they lie outside what was measured, and what is assumed."""
    halves = [row["interval"]["half_width"] for row in rows if row.get("interval")]
    parts = []
    if halves:
        parts.append(f"80 % within {within(halves)}")
    if len(halves) < len(rows):
        parts.append(f"* {len(rows) - len(halves)} without an interval, as nothing like it was measured")
    narrow = any((row.get("layout") or {}).get("precision", "bf16") != "bf16" for row in rows)
    counted_by = ", ".join(dict.fromkeys(row["flops_convention"] for row in rows))
    parts.append(f"MFU {counted_by}{' of the 16-bit peak' if narrow else ''}")
    parts += _off(rows)
    outside: dict[str, float | None] = {}
    for row in rows:
        for way in row.get("interval", {}).get("outside", []):
            measure = f"* {way['measure']}" if way["value"] is None else way["measure"] + _measured(way)
            outside[measure] = max(filter(None, (outside.get(measure), way["value"])), default=None)
    said = [f"{'' if value is None else numbers.amount(value)} {measure}".strip() for measure, value in outside.items()]
    if said:
        parts += [f"beyond measured: {said[0]}", *said[1:]]
    assumed = {name for row in rows for name in row["assumed"]}
    if assumed and roomy:
        parts.append(f"{len(assumed)} assumed number{'s' * (len(assumed) > 1)}")
    return parts


def _off(rows: Sequence[Row]) -> list[str]:
    """How far the use that runs make of a system, beside the first one's, lies from what is published of it."""
    stated = [(use, row["published_run"].get("relative_utilisation")) for row in rows if (use := flops_per_system(row))]
    errors = [use / stated[0][0] / relative - 1.0 for use, relative in stated if relative]
    if not errors:
        return []
    worst = max(errors, key=abs)
    return [f"x {_first(rows)} up to {abs(100 * worst):.0f} % {'above' if worst > 0 else 'below'} the paper's"]


def _first(rows: Sequence[Row]) -> str:
    return str(rows[0]["model"]).rpartition("-")[2].upper()


def _measured(way: Row) -> str:
    if way["value"] is None:
        return ""
    low, high = numbers.amount(way["low"]), numbers.amount(way["high"])
    return f" ({low if low == high else f'{low} to {high}'})"
