"""All kinds through one door: every row of some, one row by id, a user's own table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wafersim.errors import WafersimError, did_you_mean
from wafersim.evidence.kinds import KINDS, Kind, kind
from wafersim.evidence.own_table import read_own
from wafersim.evidence.rows import Measured, Rows, ValidationReport, judged, read_rows
from wafersim.evidence.tables import published_ids
from wafersim.inputs.fit import load_fit


def validate(
    which: Sequence[str] = tuple(KINDS),
    only: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
    groups: Sequence[str] = (),
) -> ValidationReport:
    """Rows of the kinds, of some of their groups, or the one row; raises WafersimError for an id or a group that no table has."""
    report = ValidationReport(())
    for rows in published(which, only, groups):
        report = report.with_rows(judged(rows, progress))
    return report


def published(which: Sequence[str], only: str | None = None, groups: Sequence[str] = ()) -> list[Rows[Measured]]:
    """What `validate` predicts, by kind."""
    if groups:
        return _of_groups(which, groups)
    chosen = [name for name in which if only is None or only.partition(":")[0] in published_ids(name)]
    if not chosen:
        known = [name for each in which for name in sorted(published_ids(each))]
        raise WafersimError(f"--row {only}: no such row{did_you_mean(only, known)}")
    found = (kind(name).published() for name in chosen)
    return [rows if only is None else rows.only(only) for rows in found]


def _of_groups(which: Sequence[str], groups: Sequence[str]) -> list[Rows[Measured]]:
    """Their rows; those that cannot be read belong to none."""
    every = [kind(name).published() for name in which]
    known = list(dict.fromkeys(row.group for rows in every for row in rows.measured.values()))
    for group in groups:
        if group not in known:
            raise WafersimError(
                f"--group {group}: no such group{did_you_mean(group, known)}; known: {', '.join(known)}"
            )
    chosen = [Rows({name: row for name, row in rows.measured.items() if row.group in groups}) for rows in every]
    return [rows for rows in chosen if rows.measured]


def validate_own(path: Path) -> ValidationReport:
    """A user's own table, told by its columns; raises InputFaults where it is none."""
    own = read_own(path)
    rows = read_rows([piece for cells in own.rows for piece in own.kind.pieces(cells)], own.kind.read)
    report = judged(Rows(rows.measured, {**own.skipped, **rows.refused}))
    if own.kind.name == "gpu":
        from wafersim.evidence.sets.memory import peaks_of  # which loads the simulator

        report = report.with_rows(judged(read_rows(peaks_of(own.rows), kind("memory").read)))
    mine = _set_by_the_user(own.kind)  # after `calibrate --data --write` they judge no more
    return replace(report, rows=tuple(replace(row, use="fit") if row.id in mine else row for row in report.rows))


def _set_by_the_user(which: Kind) -> set[str]:
    return set() if which.fit is None else set(load_fit(which.fit).rows) - published_ids(which.name)
