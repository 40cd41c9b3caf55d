"""The first screen of `sweep`: each model's fastest and most efficient point, what cannot run and why, where the files are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wafersim import numbers
from wafersim.planning.swept import Findings, Row
from wafersim.report.screen.layout import LINES, Column, clipped, sentence, table, titled, whole
from wafersim.report.screen.lines import shortened
from wafersim.report.words import COUNTS, label

MOST_REASONS = 3


@dataclass(frozen=True)
class Swept:
    """What the screen tells. `computed` counts the points of this run; of the grid there are `total`."""

    title: str
    total: int
    computed: int
    varied: Sequence[str]
    found: Findings
    directory: Path
    files: Sequence[str]
    took_s: float
    intervals: bool


def sweep_screen(swept: Swept, width: int) -> list[str]:
    """At most 24 lines."""
    found, done = swept.found, sum(swept.found.counts.values())
    sayings = [
        *_count("Cannot run", found.counts.get("infeasible", 0), done, found.reasons, width),
        *_count("Failed", found.counts.get("failed", 0), done, found.errors, width),
        *sentence("Points", _points(swept, done), width, 2),
        whole("Written", f"{swept.directory}/", f"{', '.join(swept.files)}: ", width),
        *sentence("More", _more(swept), width, 2, "; "),
    ]
    models = list(found.fastest)
    room = LINES - 3 - len(sayings)
    if len(models) > room:
        models = models[: room - 1]
    fast, efficient = [found.fastest[one] for one in models], [found.efficient[one] for one in models]
    rows = table(
        [
            Column("model", tuple(shortened(models)) if models else (), left=True),
            Column("fastest", tuple(numbers.duration(row["days_to_train"] * numbers.DAY) for row in fast)),
            Column("on", tuple(_where(row, swept.varied) for row in fast), left=True),
            Column("best MFU", tuple(numbers.percent(row["mfu"]) for row in efficient)),
            Column("on", tuple(_where(row, swept.varied) for row in efficient), 1, left=True),
        ],
        width,
    )
    if len(models) < len(found.fastest):
        rows.append(f"and {len(found.fastest) - len(models)} more models: results.csv")
    title = titled(f"{swept.title}: {done:,} of {swept.total:,} points" if done < swept.total
                   else f"{swept.title}: {done:,} points", swept.took_s, width)  # fmt: skip
    return [clipped(line, width) for line in [title, *(["", *rows] if models else []), "", *sayings]]


def _where(row: Row, varied: Sequence[str]) -> str:
    """A point by its chips and what else was varied."""
    said = [f"{row['n_systems']:,}"]
    for path in varied:
        value = row.get(path)
        if path == "model" or path in COUNTS or value is None:
            continue
        name = path.rpartition(".")[2].replace("_", " ")
        said.append(label(value) if isinstance(value, str | dict) else f"{name} {label(value)}")
    return " ".join(said)


def _count(name: str, count: int, done: int, reasons: Sequence[tuple[int, str]], width: int) -> list[str]:
    if not count:
        return []
    said = [f"{many:,} as {reason}" for many, reason in reasons]
    lines = sentence(name, [f"{count:,} of {done:,}:"], width, 1)
    for text in said[:MOST_REASONS]:
        lines += sentence("", [text], width, 1)
    if len(said) > MOST_REASONS:
        lines += sentence("", [f"and {len(said) - MOST_REASONS} more reasons: column infeasible"], width, 1)
    return lines


def _points(swept: Swept, done: int) -> list[str]:
    before = done - swept.computed
    said = [f"{swept.computed:,} computed now"]
    said += [f"{before:,} were in the journal"] if before else []
    rate = swept.computed / swept.took_s if swept.took_s > 0 else 0.0
    return [*said, *([f"{numbers.digits(rate, 2)} points/s"] if swept.computed else [])]


def _more(swept: Swept) -> list[str]:
    said = [] if swept.intervals else ["--intervals adds 80 % ranges"]
    return [*said, "the same command again computes only what is missing"]
