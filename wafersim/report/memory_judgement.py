"""What docs/validation.md says of GPU memory: measured peaks beside predicted ones, and jobs that ran but are said not to fit."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.evidence.rows import ValidatedRow
from wafersim.report.page_tables import page_table

PEAKS = "memory"  # the set of measured peaks
FEW = 20  # rows that are named


def refused_that_ran(rows: Sequence[ValidatedRow]) -> tuple[list[ValidatedRow], int]:
    """(rows of GPU jobs that are said not to fit though they ran, rows of which a verdict is known); shown rows do not count."""
    told = [row for row in rows if row.fits is not None and row.set != PEAKS and row.use != "shown"]
    return [row for row in told if not row.fits], len(told)


def refused_sentence(rows: Sequence[ValidatedRow]) -> str:
    """How many jobs that ran are refused, and which; "" where no verdict is known."""
    refused, told = refused_that_ran(rows)
    if not told:
        return ""
    named = ", ".join(row.id for row in refused[:FEW]) + (
        f" and {len(refused) - FEW} more" if len(refused) > FEW else ""
    )
    said = f"{len(refused)} of {told:,} GPU jobs that ran are said not to fit in memory ({len(refused) / told:.1%})"
    return f"{said}: {named}." if refused else f"{said}."


def memory_judgement(rows: Sequence[ValidatedRow]) -> list[str]:
    """Paragraph and table of measured peaks, by training stack, and the sentence on refusals."""
    peaks = [row for row in rows if row.set == PEAKS]
    lines = []
    for group, use in dict.fromkeys((row.group, row.use) for row in peaks):
        errors = [row.error for row in peaks if (row.group, row.use) == (group, use)]
        sizes = [abs(each) for each in errors]
        mean = sum(sizes) / len(sizes)
        lines.append((group, use, len(errors), f"{sum(errors) / len(errors):+.1%}", f"{mean:.1%}", f"{max(sizes):.1%}"))
    return [
        "What the fullest GPU of a job was seen to hold, by the training stack's allocator or by nvidia-smi (BLOOM's study). "
        "Fit rows set workspaces and what a stack keeps besides; the others judge.",
        page_table(("stack", "use", "n", "bias", "mean", "max"), lines),
        refused_sentence(rows),
    ]
