"""What validation says of each published row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ValidatedRow:
    """One published number and ours, in the row's unit; error = predicted / published - 1.

    `range_low` and `range_high` span the predictions where the row leaves a setting open; `predicted` is their middle. `low` and
    `high` bound the 80 % interval, around the whole range where there is one.
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

    @property
    def error(self) -> float:
        """Relative error, signed."""
        return self.predicted / self.published - 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        own = {**vars(self), "assumed": list(self.assumed), "error": self.error}
        return own if self.covers is None else {**own, "covers": self.covers}

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
