"""What validation says of each published row, and the face that a row of every kind has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from wafersim.errors import Infeasible

Cells = Mapping[str, str]  # a row of a table as text, by column
Row = TypeVar("Row", bound="Measured", covariant=True)


class Measured(Protocol):
    """A measurement that can be predicted, in its own unit."""

    @property
    def id(self) -> str:
        """Its name in the table."""

    @property
    def use(self) -> str:
        """What it is for: fit | release | test | shown | flops."""

    @property
    def group(self) -> str:
        """The rows that its error is reported with."""

    @property
    def published(self) -> float:
        """The published value."""

    @property
    def unit(self) -> str:
        """Of the published value and of the prediction."""

    def judge(self) -> ValidatedRow:
        """The prediction beside the published value; raises Infeasible where no setting of it runs."""


@dataclass(frozen=True)
class Rows(Generic[Row]):
    """The rows of a table that can be predicted and the reasons of the others, by id."""

    measured: Mapping[str, Row]
    refused: Mapping[str, str] = field(default_factory=dict)

    def only(self, name: str) -> Rows[Row]:
        """The one row of that id, whether it can be predicted or not; of a row that states several values all of them."""
        return Rows(
            {id_: row for id_, row in self.measured.items() if name in (id_, id_.partition(":")[0])},
            {id_: reason for id_, reason in self.refused.items() if name in (id_, id_.partition(":")[0])},
        )


@dataclass(frozen=True)
class ValidatedRow:
    """One published number and ours, in the row's unit; error = predicted / published - 1.

    `range_low` and `range_high` span the predictions where the row leaves a setting open; `predicted` is that of the fastest.
    `low` and `high` bound the 80 % interval, around the whole range where there is one. `left_out` is the same (predicted, low,
    high) under constants fitted without the row. `fits` is False where the row's job, which ran, is said not to fit in memory;
    None where nothing is said of that. `job` is what rows share that are measured in several splits, `split` is this one's.
    `seen` says whether a row that sets constants has the same configuration.
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
    fits: bool | None = None
    job: str | None = None
    split: str | None = None
    seen: bool | None = None
    baseline: float | None = None

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
    skipped: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """`{"rows": [...], "skipped": [{"id", "reason"}]}`."""
        skipped = [{"id": name, "reason": reason} for name, reason in self.skipped.items()]
        return {"rows": [row.to_json() for row in self.rows], "skipped": skipped}

    def with_rows(self, other: ValidationReport) -> ValidationReport:
        """Both."""
        return ValidationReport((*self.rows, *other.rows), {**self.skipped, **other.skipped})


def read_rows(table: Sequence[Cells], read: Callable[[Cells], Row]) -> Rows[Row]:
    """What `read` makes of each row, and why it refuses others."""
    rows: dict[str, Row] = {}
    refused: dict[str, str] = {}
    for cells in table:
        try:
            rows[cells["id"]] = read(cells)
        except Infeasible as reason:
            refused[cells["id"]] = str(reason)
    return Rows(rows, refused)


def judged(rows: Rows[Measured], progress: Callable[[str], None] = lambda _: None) -> ValidationReport:
    """Every row predicted; one that nothing can run is skipped with the reason. `progress` hears of each when it is done."""
    done, refused = [], dict(rows.refused)
    for name, row in rows.measured.items():
        try:
            done.append(row.judge())
        except Infeasible as reason:
            refused[name] = f"no setting of it runs: {reason}"
        progress(name)
    return ValidationReport(tuple(done), refused)
