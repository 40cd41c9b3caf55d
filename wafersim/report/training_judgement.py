"""What docs/validation.md says of whole runs: hours and days beside those published, and beside one MFU for each kind of GPU."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.training_practice import practice_of, residuals
from wafersim.report.page_tables import median, page_table
from wafersim.report.words import figure

SET = "training"


def unseen(row: ValidatedRow) -> tuple[float, float | None, float | None]:
    """(predicted, low, high) without the row, where it has set anything."""
    return row.left_out or (row.predicted, row.low, row.high)


def training_judgement(rows: Sequence[ValidatedRow]) -> list[str]:
    """Paragraphs and the table of whole runs; nothing where there are none."""
    mine = [row for row in rows if row.set == SET]
    if not mine:
        return []
    known = practice_of(residuals())
    lines = []
    for row in mine:
        middle, low, high = unseen(row)
        inside = "-" if low is None or high is None else "yes" if low <= row.published <= high else "no"
        rule = "-" if row.baseline is None else f"{row.baseline / row.published - 1:+.0%}"
        error = f"{middle / row.published - 1:+.1%}"
        lines.append(
            (row.id, row.what, row.use, figure(middle), f"{figure(row.published)} {row.unit}", error, inside, rule)
        )
    hours = [row for row in mine if row.id.endswith(":hours") and row.use in ("fit", "test")]
    said = (
        [f"{median(abs(unseen(row)[0] / row.published - 1) for row in hours):.1%} by the simulated runs"]
        if hours
        else []
    )
    ruled = [row for row in hours if row.baseline is not None]
    if ruled:
        of_rule = median(abs((row.baseline or 0.0) / row.published - 1) for row in ruled)
        said.append(f"{of_rule:.1%} by one MFU for each kind of GPU ({len(ruled)} of {len(hours)})")
    return [
        "Runs are simulated from what is published of them (`evidence/data/training_runs.csv`); a split that nobody "
        f"states is the fastest that fits, and such runs take {known.gap:+.0%} longer (of the logarithm) than "
        f"that, which {known.runs} of them set: what people leave behind. Every fit row is predicted without itself, by us and "
        "by the rule. Where failures are inside what is published, the goodput of the usual operation is in the prediction.",
        f"Median error of device hours: {', '.join(said)}.",
        page_table(("row", "run", "use", "predicted", "published", "error", "inside 80 %", "one MFU"), lines),
    ]
