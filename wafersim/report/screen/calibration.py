"""The first screen of `calibrate`: how many constants from how many rows, what moved, how far off left-out jobs are."""

from __future__ import annotations

from collections.abc import Sequence
from math import expm1
from pathlib import Path
from statistics import median

from wafersim import numbers, quantity
from wafersim.calibration.front import Calibration
from wafersim.evidence.tables import own_count
from wafersim.inputs.profile_file import number_at
from wafersim.report.screen.layout import LINES, Column, clipped, cut, sentence, table, titled

SAME = 1e-6  # of a constant: what moves by less has not moved


def calibration_screen(found: Calibration, files: Sequence[Path], took: float, width: int) -> list[str]:
    """At most 24 lines."""
    fit = found.fit
    own = own_count(fit)
    rows = f"{len(fit.rows) - own:,} published rows" + (f" and {own:,} of yours" if own else "")
    set_ = [constant for constant in fit.constants if constant.kind == "calibrated"]
    title = titled(f"{fit.set}: {len(set_)} constants from {rows}", took, width)
    sayings = [
        *sentence("Moved", _moved(found), width, 2),
        *sentence("Left out", _left_out(found), width, 2),
        *sentence("Your rows", _own(found), width, 3),
        *sentence("Set nothing", [f"{name}: {why}" for name, why in found.skipped.items()], width, 2, "; "),
        *sentence("Written", _written(files), width, 2),
        *sentence("More", ["--all every constant and detail; next: wafersim validate"], width, 1),
    ]
    main = cut(_constants(found, width), LINES - 3 - len(sayings))
    return [clipped(line, width) for line in [title, "", *main, "", *sayings]]


def _constants(found: Calibration, width: int) -> list[str]:
    """Those that moved first, since they are what is new."""
    before = {constant.name: constant.value for constant in found.before.constants}
    mine = [constant for constant in found.fit.constants if constant.kind == "calibrated"]
    mine.sort(key=lambda one: -abs(before.get(one.name, one.value) / one.value - 1) // SAME)
    values = [quantity.format(one.value, number_at(one.sets[0]).dimension) for one in mine]
    moved = [one.value / before.get(one.name, one.value) - 1 for one in mine]
    return table(
        [
            Column("constant", tuple(one.name for one in mine), left=True),
            Column("value", tuple(values)),
            Column("standard error", tuple(numbers.error(one.standard_error) for one in mine), 1),
            Column("moved", tuple(numbers.change(one) if abs(one) > SAME else "" for one in moved), 2),
        ],
        width,
    )


def _moved(found: Calibration) -> list[str]:
    before = {constant.name: constant.value for constant in found.before.constants}
    shifts = [
        (abs(one.value / before[one.name] - 1), one.standard_error)
        for one in found.fit.constants
        if one.kind == "calibrated" and one.name in before
    ]
    moved = [(shift, error) for shift, error in shifts if shift > SAME]
    if not moved:
        return ["nothing: these are the values that the profiles have"]
    beyond = sum(shift > error for shift, error in moved)
    return [f"{len(moved)} of {len(shifts)} constants", f"{beyond} by more than the standard error"]


def _left_out(found: Calibration) -> list[str]:
    errors = [abs(expm1(one.error)) for one in found.fit.left_out.values()]
    if not errors:
        return []
    return [f"{len(errors)} rows predicted without their own job: median error {numbers.error(median(errors))}",
            f"largest {numbers.error(max(errors))}"]  # fmt: skip


def _own(found: Calibration) -> list[str]:
    return [f"{row.id} {numbers.change(row.before)} before, {numbers.change(row.after)} now" for row in found.own]


def _written(files: Sequence[Path]) -> list[str]:
    if not files:
        return ["Nothing is written; --write puts these values into the profiles"]
    return [f"{len(files)} files: {files[0]}", *map(str, files[1:])]
