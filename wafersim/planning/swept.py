"""What a sweep leaves: its table in the order of the grid, which says nothing of when, where or by whom it was computed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wafersim.errors import WafersimError
from wafersim.planning.executor import Task
from wafersim.planning.journal import Journal, Status
from wafersim.planning.parquet import write_parquet
from wafersim.planning.results import COLUMNS, FIRST, placed
from wafersim.planning.sweep import flat

RESULTS = "results.csv"
Row = dict[str, Any]


def header(task: Task, failed: bool) -> list[str]:
    """The columns that `run` writes; one more, `error`, where a point has failed."""
    empty = {
        **dict.fromkeys(FIRST),
        **{name: None for name, _ in COLUMNS},
        "scaling_efficiency": None,
        "infeasible": None,
    }
    names = list(placed(empty, {}, varied(task)))
    return [*names, "error"] if failed else names


def varied(task: Task) -> list[str]:
    """Paths that the grid varies, in the order in which its points have them."""
    return list(dict.fromkeys(name for shown in task.grid.shown_by_each() for name in flat(shown)))


def rows(task: Task, journal: Journal) -> Iterator[tuple[Status, Row]]:
    """Status and row of each point that is done, one at a time."""
    names = varied(task)
    for place, entry in journal.entries(task.sweep):
        yield entry.status, placed(entry.cells, flat(task.grid.shown(place)), names)


def write_results(task: Task, journal: Journal) -> list[str]:
    """Write `results.csv`, and `results.parquet` where duckdb is installed; the names of what was written.

    A file appears complete or not at all. Raises WafersimError where it cannot be written.
    """
    path = journal.path.with_name(RESULTS)
    draft = path.with_suffix(".draft")
    names = header(task, bool(journal.counts(task.sweep).get("failed")))
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for _, row in rows(task, journal))
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise WafersimError(f"{path}: cannot be written ({error.strerror}); finished points are kept") from None
    return [RESULTS, *write_parquet(path)]


@dataclass(frozen=True)
class Findings:
    """What a table of thousands of points says: by model the fastest and the most efficient, and why others have no numbers.

    `reasons` counts sentences whose numbers are left out; each has an example.
    """

    counts: dict[Status, int]
    fastest: dict[str, Row]  # fewest days to train
    efficient: dict[str, Row]  # highest MFU; of equals the one that is fastest
    reasons: tuple[tuple[int, str], ...]
    errors: tuple[tuple[int, str], ...]


def findings(task: Task, journal: Journal) -> Findings:
    """Of all points that are done, in one pass."""
    fastest: dict[str, Row] = {}
    efficient: dict[str, Row] = {}
    reasons: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for status, row in rows(task, journal):
        if status != "ran":
            said = str(row["infeasible"] if status == "infeasible" else row["error"])
            kind = re.sub(r"\d[\d.,]*", "#", said)
            examples.setdefault(kind, said)
            (reasons if status == "infeasible" else errors)[kind] += 1
            continue
        model = row["model"]
        if model not in fastest or row["days_to_train"] < fastest[model]["days_to_train"]:
            fastest[model] = row
        if model not in efficient or _by_mfu(row) > _by_mfu(efficient[model]):
            efficient[model] = row

    def exemplified(found: Counter[str]) -> tuple[tuple[int, str], ...]:
        return tuple((count, examples[kind]) for kind, count in found.most_common())

    return Findings(journal.counts(task.sweep), fastest, efficient, exemplified(reasons), exemplified(errors))


def _by_mfu(row: Row) -> tuple[float, float]:
    return row["mfu"], -row["days_to_train"]
