"""Candidates with whole runs as a table: one flat row each, units in the names of the columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wafersim.numbers import DAY
from wafersim.planning.planned import Planned
from wafersim.planning.whole_run import Whole
from wafersim.training_run.duration import Spread

Cell = Callable[[Whole], Any]


def _spread(of: Callable[[Whole], Spread | None], name: str, unit: str, size: float = 1.0) -> list[tuple[str, Cell]]:
    """What 10, 50 and 90 % of the runs stay below."""

    def cell(end: str) -> Cell:
        return lambda whole: None if (spread := of(whole)) is None else getattr(spread, end) / size

    return [(f"{name}_{end}_{unit}".replace("__", "_"), cell(end)) for end in ("low", "median", "high")]


COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("hardware", lambda whole: whole.candidate.hardware.name),
    ("profile", lambda whole: whole.candidate.experiment.system.profile_name),
    ("pay", lambda whole: whole.candidate.hardware.pay),
    ("chips", lambda whole: whole.candidate.count),
    ("spare_chips", lambda whole: whole.duration.spare_chips),
    *_spread(lambda whole: whole.duration.elapsed, "time", "days", DAY),
    *_spread(lambda whole: whole.duration.cost_usd, "cost", "usd"),
    *_spread(lambda whole: whole.duration.energy_j, "energy", "j"),
    ("peak_power_w", lambda whole: whole.watts),
    ("share_met", lambda whole: whole.met),
    ("batch_sequences", lambda whole: whole.candidate.batch),
    ("batch_asked_sequences", lambda whole: whole.candidate.asked),
    ("split", lambda whole: whole.prediction.split.name),
    ("step_time_s", lambda whole: whole.prediction.step_time_s),
    ("mfu", lambda whole: whole.prediction.mfu),
    ("goodput_median", lambda whole: whole.duration.goodput.median),
    ("price_missing", lambda whole: whole.duration.footprint.cost.missing or None),
)


def wholes_table(found: Planned) -> list[dict[str, Any]]:
    """One row a candidate whose whole runs were simulated, by hardware and size.

    `share_met`: of runs within deadline and budget; `best_in`: the respects in which it is the best of all.
    """
    return [
        {
            **{name: cell(whole) for name, cell in COLUMNS},
            "on_front": any(whole is one for one in found.front),
            "best_in": "; ".join(name for name, one in found.best.items() if one is whole),
        }
        for whole in found.wholes
    ]


def write_wholes(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """As CSV, with a head even where there is no row; what is not known is empty."""
    names = [*(name for name, _ in COLUMNS), "on_front", "best_in"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
