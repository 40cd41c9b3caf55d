"""The first screen of `validate`: how far off, by set and by what rows are for; the worst groups, the floors, rows left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wafersim import numbers
from wafersim.evidence.floors import Summary, summary
from wafersim.evidence.rows import ValidatedRow, ValidationReport
from wafersim.report.screen.layout import (
    LINES,
    UNBROKEN,
    Column,
    abridged,
    clipped,
    cut,
    sentence,
    table,
    titled,
    whole,
)

FEW = 10  # rows that are shown one by one
NAME = 24  # characters of a row's name, which leave room for what is said of it
USES = {  # in the order of their lines
    "test": "judges",
    "fit": "sets constants",
    "release": "one factor",
    "shown": "not gated",
    "flops": "a convention",
}
LARGE = (("EFLOP", 1e18), ("ZFLOP", 1e21), ("YFLOP", 1e24))


@dataclass(frozen=True)
class Validated:
    """A `report`, the floors that it breaks (None for rows that have none: a user's), files `written`, seconds that it `took`."""

    report: ValidationReport
    broken: Sequence[str] | None
    written: Sequence[Path]
    took: float


def validation_screen(found: Validated, width: int) -> list[str]:
    """At most 24 lines; up to three more where floors are broken."""
    rows, own = found.report.rows, found.broken is None
    few = len(rows) <= FEW or own
    title = f"{len(rows):,} of your measurements" if own else f"{len(rows):,} published measurements"
    title = f"{rows[0].id}: {rows[0].what}, predicted" if len(rows) == 1 else f"{title}, predicted"
    main = [] if not rows else _row_table(rows[:LINES], width) if few else _use_table(rows, width)
    sayings = [
        *sentence("Errors", _errors(rows, own), width, 2),
        *sentence("Worst", _worst(rows, own), width, 2, "; "),
        *(sentence("Note", _remarks(rows), width, 4, "; ") if few and not own else []),
        *sentence("Left out", _left_out(rows), width, 2),
        *sentence("Baseline", _baseline(rows), width, 2),
        *sentence("Skipped", _skipped(found.report), width, 2, "; "),
        *(whole("Written", str(path), "", width) for path in found.written),
        *sentence("More", [_more(rows, own)], width, 1),
    ]
    floors = _floors(found, width)
    spare = LINES - 1 - len(sayings) - (1 if found.broken else len(floors))
    main = cut(main, spare, len(rows[LINES:]) if few else 0)
    gaps = (spare - len(main) >= 1, spare - len(main) >= 2 and bool(main))
    return [titled(title, found.took, width), *[""] * gaps[0], *main, *[""] * gaps[1], *floors, *sayings]


def _use_table(rows: Sequence[ValidatedRow], width: int) -> list[str]:
    """A line for each set and use, of every set the one that tells most first: how large errors are, whether intervals hold."""
    sets, there = dict.fromkeys(row.set for row in rows), {(row.set, row.use) for row in rows}
    uses = {name: [use for use in USES if (name, use) in there] for name in sets}
    keys = [(name, use) for name in sets for use in uses[name][:1]]
    keys += [(name, use) for name in sets for use in uses[name][1:]]
    found = [summary([row for row in rows if (row.set, row.use) == key]) for key in keys]
    return table(
        [
            Column("set", tuple(name for name, _ in keys), left=True),
            Column("use", tuple(f"{use}: {USES[use]}" if width >= 80 else use for _, use in keys), left=True),
            Column("rows", tuple(f"{one.n:,}" for one in found), 2),
            Column("median", tuple(numbers.error(one.median) for one in found)),
            Column("90th", tuple(numbers.error(one.ninetieth) for one in found), 3),
            Column("max", tuple(numbers.error(one.most) for one in found), 1),
            Column("in 80 %", tuple(_held(one) for one in found), 4),
            Column("half-width", tuple(_half(one) for one in found), 5),
        ],
        width,
    )


def _held(one: Summary) -> str:
    return "-" if one.covered is None else numbers.percent(one.covered)


def _half(one: Summary) -> str:
    return "-" if one.half_width is None else numbers.error(one.half_width)


def _row_table(rows: Sequence[ValidatedRow], width: int) -> list[str]:
    inside = {True: "yes", False: "no", None: "-"}
    return table(
        [
            Column("row", tuple(abridged(row.id, NAME) for row in rows), left=True),
            Column("what", tuple(clipped(row.what, 22) for row in rows) if len(rows) > 1 else (), 4, left=True),
            Column("predicted", tuple(_value(row.predicted, row) for row in rows)),
            Column("80 % interval", tuple(_interval(row) for row in rows), 3),
            Column("measured", tuple(f"{_value(row.published, row)} {_unit(row)[0]}" for row in rows), 1),
            Column("error", tuple(numbers.change(row.error) for row in rows)),
            Column("inside", tuple(inside[row.covers] for row in rows), 5),
            Column("use", tuple(row.use for row in rows), 6, left=True),
        ],
        width,
    )


def _unit(row: ValidatedRow) -> tuple[str, float]:
    """In which a row's values are told, and its size."""
    if row.unit == "s":
        return numbers.short_unit(row.published)
    if row.unit == "FLOP":
        return next((one for one in reversed(LARGE) if row.published >= one[1]), LARGE[0])
    return row.unit, 1.0


def _value(value: float, row: ValidatedRow) -> str:
    return numbers.digits(value / _unit(row)[1])


def _interval(row: ValidatedRow) -> str:
    return "-" if row.low is None or row.high is None else f"{_value(row.low, row)} - {_value(row.high, row)}"


def _errors(rows: Sequence[ValidatedRow], own: bool) -> list[str]:
    """How far off a user's rows are, where they are too many to see it row by row."""
    if not own or len(rows) <= FEW:
        return []
    found = summary(rows)
    said = [f"median {numbers.error(found.median)}", f"90 % within {numbers.error(found.ninetieth)}"]
    return said if found.covered is None else [*said, f"{numbers.percent(found.covered)} inside their intervals"]


def _worst(rows: Sequence[ValidatedRow], own: bool) -> list[str]:
    """Groups of rows that judge, by their median error; of a user's the rows themselves."""
    if own:
        ranked = sorted(rows, key=lambda row: -abs(row.error))
        return (
            [f"{row.id} {numbers.change(row.error)}".replace(" ", UNBROKEN) for row in ranked]
            if len(rows) > FEW
            else []
        )
    judges = [row for row in rows if row.use == "test"]
    groups = dict.fromkeys(row.group for row in judges)
    if len(groups) < 2:
        return []
    found = {name: summary([row for row in judges if row.group == name]) for name in groups}
    ranked_groups = sorted(found.items(), key=lambda item: -item[1].median)
    said = [f"{name} {numbers.error(one.median)} ({one.n})".replace(" ", UNBROKEN) for name, one in ranked_groups]
    return [f"median error of test rows: {said[0]}", *said[1:5]]


def _remarks(rows: Sequence[ValidatedRow]) -> list[str]:
    """What rows leave open, and why some are only shown."""
    said = [text for row in rows for text in (row.note, *(f"assumed {one}" for one in row.assumed)) if text]
    return list(dict.fromkeys(said))


def _floors(found: Validated, width: int) -> list[str]:
    """Whether errors are as small as was committed."""
    if found.broken is None or not (found.broken or len(found.report.rows) > 1):
        return []  # one row is held to nothing unless it has a floor of its own
    if not found.broken:
        return sentence("Floors", ["all hold: no error is larger than was committed"], width, 1)
    return sentence("Broken", list(found.broken), width, 4, "; ")


def _left_out(rows: Sequence[ValidatedRow]) -> list[str]:
    """How far off rows are that no constant has seen, and whether their intervals hold; set by set."""
    out = [(row, row.left_out) for row in rows if row.left_out is not None]
    if len(out) < 2:
        return [f"its own job unseen: {numbers.change(one[0] / row.published - 1)}" for row, one in out]
    found = []
    for name in dict.fromkeys(row.set for row, _ in out):
        mine = [(row, one) for row, one in out if row.set == name]
        errors = {row.id: one[0] / row.published - 1 for row, one in mine}
        worst = max(errors, key=lambda name: abs(errors[name]))
        inside = float(np.mean([low <= row.published <= high for row, (_, low, high) in mine]))
        median = float(np.median(np.abs(list(errors.values()))))
        found += [
            f"{len(mine)} {name} rows whose own job set nothing: median error {numbers.error(median)}",
            f"largest {numbers.change(errors[worst])} ({worst})",
            f"{numbers.percent(inside)} inside their intervals",
        ]
    return found


def _baseline(rows: Sequence[ValidatedRow]) -> list[str]:
    """What a rule without a simulation errs by on the same rows, which it has not seen either."""
    both = [row for row in rows if row.baseline is not None and row.use in ("fit", "test")]
    if not both:
        return []
    rule = float(np.median([abs((row.baseline or 0.0) / row.published - 1.0) for row in both]))
    ours = float(np.median([abs((row.left_out or (row.predicted,))[0] / row.published - 1.0) for row in both]))
    said = f"one MFU for each kind of GPU errs by {numbers.error(rule)} on {len(both)} of these"
    return [said, f"the simulated runs, row left out, by {numbers.error(ours)} (medians)"]


def _skipped(report: ValidationReport) -> list[str]:
    """How many rows are not predicted, and the commonest reasons."""
    if len(report.skipped) == 1:
        return [f"{name}: {reason}" for name, reason in report.skipped.items()]
    said = [f"{reason} ({count})" for reason, count in Counter(report.skipped.values()).most_common()]
    return [f"{len(report.skipped)} rows: {said[0]}", *said[1:]] if said else []


def _more(rows: Sequence[ValidatedRow], own: bool) -> str:
    following = "calibrate --data TABLE" if own else "validate --row ID" if len(rows) > 1 else "validate"
    return f"--all, --why; next: wafersim {following}"
