"""What docs/validation.md says of GPU intervals: how many rows lie in theirs, by training stack and cluster."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.evidence.coverage import Coverage, Judged, by_group, interval_of
from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.gpu import left_out_by_stack, published_rows
from wafersim.inputs.fit import Fit
from wafersim.report.page_tables import page_table

COLUMNS = ("rows", "families", "covered", "of families", "mean half-width")


def gpu_judgement(fit: Fit, rows: Sequence[ValidatedRow]) -> list[str]:
    """Paragraph and table, from a calibration and the judged rows of GPUs."""
    return [
        "How many rows lie in their 80 % intervals, by training stack and cluster. Rows that run the same kernels on each GPU "
        "(hidden size, heads, sequence, tensor-parallel size, micro-batch) err alike: they are one family, and those that set "
        "constants are left out with all of theirs. The others have set nothing; where no row of their stack has, their interval "
        "is a stranger's.",
        coverage_table(
            "stack and cluster", {"without their family": left_out_by_stack(fit), "set nothing": _tested(rows)}
        ),
    ]


def coverage_table(name: str, judged: dict[str, dict[str, list[Judged]]]) -> str:
    """One line a group, and all; for each way of judging rows, what `COLUMNS` say."""
    groups = [*dict.fromkeys(group for way in judged.values() for group in way), "all"]
    ways = [by_group({**way, "all": [one for rows in way.values() for one in rows]}) for way in judged.values()]
    head = [f"{column} {way}" if column == "rows" else column for way in judged for column in COLUMNS]
    return page_table(
        [name, *head], [[group, *(cell for way in ways for cell in _cells(way.get(group)))] for group in groups]
    )


def _cells(one: Coverage | None) -> tuple[str, ...]:
    if one is None:
        return ("-",) * len(COLUMNS)
    return f"{one.rows}", f"{one.families}", f"{one.rows_inside}", f"{one.share:.0%}", f"{one.half_width:.1%}"


def _tested(rows: Sequence[ValidatedRow]) -> dict[str, list[Judged]]:
    measured, found = published_rows().measured, dict[str, list[Judged]]()
    for row in rows:
        interval = interval_of(row)
        if row.use == "test" and interval is not None:
            found.setdefault(measured[row.id].stack, []).append((measured[row.id].family, interval))
    return found
