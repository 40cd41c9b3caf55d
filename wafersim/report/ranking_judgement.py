"""What docs/validation.md says of rows whose configuration was seen, and of the order of splits."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.evidence.floors import summary
from wafersim.evidence.ranking import rankings
from wafersim.evidence.rows import ValidatedRow
from wafersim.report.page_tables import page_table


def ranking_judgement(rows: Sequence[ValidatedRow]) -> list[str]:
    """Paragraphs and tables: test rows with a configuration of fit rows, then tau and regret by group."""
    parts = []
    seen = [row for row in rows if row.seen and row.use == "test"]
    if seen:
        lines = []
        for group in dict.fromkeys(row.group for row in seen):
            found = summary([row for row in seen if row.group == group])
            lines.append((group, found.n, f"{found.bias:+.1%}", f"{found.mean:.1%}", f"{found.most:.1%}"))
        parts += [
            "Test rows that share a configuration (all but batch and release) with a row that sets constants:",
            page_table(("rows", "n", "bias", "mean", "max"), lines),
        ]
    if ranked := rankings(rows):
        numbers = [
            (one.group, one.jobs, one.splits, f"{one.tau:.2f}", f"{one.regret:.1%}", f"{one.worst_regret:.1%}")
            for one in ranked
        ]
        parts += [
            "Jobs measured in several splits (same model, machine, GPUs, sequence and batch): Kendall's tau of their predicted "
            "order, and how much longer the split that is predicted to be fastest took than the fastest:",
            page_table(("rows", "jobs", "splits", "tau", "regret", "at most"), numbers),
        ]
    return parts
