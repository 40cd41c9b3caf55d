"""What validation says of each published row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wafersim.errors import Infeasible, WafersimError, did_you_mean

R = TypeVar("R")


@dataclass(frozen=True)
class ValidatedRow:
    """One published number and ours, in the row's unit; error = predicted / published - 1.

    `range_low` and `range_high` span the predictions where the row leaves a setting open; `predicted` is their middle. `low` and
    `high` bound the 80 % interval, around the whole range where there is one. `left_out` is the same (predicted, low, high)
    under constants fitted without the row.
    """

    id: str
    use: str  # fit | release | test | shown | flops
    what: str
    predicted: float
    published: float
    unit: str
    assumed: tuple[str, ...] = ()
    note: str = ""
    group: str = "wafer"
    set: str = "wafer"
    range_low: float | None = None
    range_high: float | None = None
    low: float | None = None
    high: float | None = None
    left_out: tuple[float, float, float] | None = None

    @property
    def error(self) -> float:
        """Relative error, signed."""
        return self.predicted / self.published - 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        left_out = None if self.left_out is None else list(self.left_out)
        own = {**vars(self), "assumed": list(self.assumed), "left_out": left_out}
        return {**own, "error": self.error, "covers": self.covers}

    @property
    def covers(self) -> bool | None:
        """Whether the published value lies in the interval; None without one."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.published <= self.high


@dataclass(frozen=True)
class ValidationReport:
    """Every row: judged, or skipped with its reason."""

    rows: tuple[ValidatedRow, ...]
    skipped: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """`{"rows": [...], "skipped": [{"id", "reason"}]}`."""
        skipped = [{"id": name, "reason": reason} for name, reason in self.skipped.items()]
        return {"rows": [row.to_json() for row in self.rows], "skipped": skipped}

    def with_rows(self, other: ValidationReport) -> ValidationReport:
        """Both."""
        return ValidationReport((*self.rows, *other.rows), {**self.skipped, **other.skipped})


def read_rows(
    table: Sequence[dict[str, str]], read: Callable[[dict[str, str]], R]
) -> tuple[dict[str, R], dict[str, str]]:
    """(what `read` makes of each row, reasons of those that it refuses), by id."""
    rows: dict[str, R] = {}
    skipped: dict[str, str] = {}
    for raw in table:
        try:
            rows[raw["id"]] = read(raw)
        except Infeasible as reason:
            skipped[raw["id"]] = str(reason)
    return rows, skipped


def chosen(
    rows: Mapping[str, R], skipped: Mapping[str, str], only: str | None
) -> tuple[Mapping[str, R], Mapping[str, str]]:
    """All rows, or the one that is asked for; raises WafersimError where there is none of that id."""
    if only is None:
        return rows, skipped
    if only not in rows and only not in skipped:
        raise WafersimError(f"--row {only}: no such row{did_you_mean(only, [*rows, *skipped])}")
    return (
        {name: row for name, row in rows.items() if name == only},
        {name: reason for name, reason in skipped.items() if name == only},
    )


def judged(rows: Mapping[str, R], skipped: Mapping[str, str], judge: Callable[[R], ValidatedRow]) -> ValidationReport:
    """Every row predicted; one that nothing can run is skipped with the reason."""
    done, refused = [], dict(skipped)
    for name, row in rows.items():
        try:
            done.append(judge(row))
        except Infeasible as reason:
            refused[name] = f"no setting of it runs: {reason}"
    return ValidationReport(tuple(done), refused)
