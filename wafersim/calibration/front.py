"""All fits through one door, on the published rows alone or with a user's own beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wafersim import quantity
from wafersim.calibration import collective, gpu, gpu_kernel, kernel, wafer
from wafersim.calibration.profile_writer import write_found
from wafersim.calibration.record import Found
from wafersim.errors import Fault, Infeasible, InputFaults
from wafersim.evidence.own_table import read_own
from wafersim.evidence.rows import Measured, read_rows
from wafersim.evidence.tables import published_ids
from wafersim.inputs.fit import Fit, FitConstant, Set, load_fit
from wafersim.inputs.profile_file import number_at


@dataclass(frozen=True)
class Calibrator:
    """A set's fit on its published rows and a user's, and why a user's row can set nothing. Rows are of the set's own type."""

    set: Set
    fit: Callable[[Sequence[Any]], Found]
    refused: Callable[[Any], str | None]


CALIBRATORS = (
    Calibrator("wafer", wafer.fit_wafer, wafer.refused),
    Calibrator("gpu", gpu.fit_gpus, gpu.refused),
    Calibrator("kernel", kernel.fit_kernels, kernel.refused),
    Calibrator("gpu-kernel", gpu_kernel.fit_gpu_kernels, gpu_kernel.refused),
    Calibrator("collective", collective.fit_collectives, collective.refused),
)


@dataclass(frozen=True)
class OwnRow:
    """A user's row: its error (predicted / measured - 1) with the constants as they were and as they are now."""

    id: str
    before: float
    after: float


@dataclass(frozen=True)
class Calibration:
    """Constants as found beside those before; `write` puts them into the profiles."""

    found: Found
    before: Fit
    own: tuple[OwnRow, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)  # own rows that set nothing, with the reason

    @property
    def fit(self) -> Fit:
        """The calibration to be kept."""
        return self.found.fit

    def write(self) -> tuple[Path, ...]:
        """Put the constants into the profiles and the calibration beside them; returns the files."""
        return write_found(self.found)

    def __str__(self) -> str:
        old = {constant.name: constant.value for constant in self.before.constants}
        lines = [_line(one, old.get(one.name, one.value)) for one in self.fit.constants if one.kind == "calibrated"]
        lines += self.found.details.splitlines()
        lines += [f"{row.id}: {row.before:+.1%} before, {row.after:+.1%} now" for row in self.own]
        return "\n".join([*lines, *(f"{name} sets nothing: {reason}" for name, reason in self.skipped.items())])


def _line(constant: FitConstant, old: float) -> str:
    dimension = number_at(constant.sets[0]).dimension
    was = "" if abs(old / constant.value - 1.0) < 1e-6 else f"  (was {quantity.format(old, dimension)})"
    value = quantity.format(constant.value, dimension)
    return f"{constant.name:36} {value:>14}  standard error {constant.standard_error:.1%}{was}"


def calibrate(which: Set) -> Calibration:
    """Fit a set's constants on its published rows; needs scipy (the `calibrate` extra)."""
    found = _calibrator(which).fit([])
    return Calibration(found, _before(found.fit))


def _calibrator(which: str | None) -> Calibrator:
    return next(each for each in CALIBRATORS if each.set == which)


def _before(fit: Fit) -> Fit:
    """The calibration that is about to be replaced; `fit` itself where that one is broken."""
    try:
        return load_fit(fit.set)
    except InputFaults:
        return fit


def calibrate_own(path: Path) -> Calibration:
    """Fit on the published rows and on a user's table, told by its columns.

    Every row of the table sets constants, unless it has a column `use` that says otherwise, or is off by a factor of two. Raises
    InputFaults where the table is wrong, where an id is a published row's, or where no row can set anything.
    """
    own = read_own(path)
    if own.kind.fit is None:
        raise InputFaults([Fault(str(path), None, "", f"nothing is fitted to rows of {own.kind.name}")])
    calibrator = _calibrator(own.kind.fit)
    marked = [{**row, "use": row.get("use") or "fit"} for row in own.rows]
    published = [row["id"] for row in marked if row["id"] in published_ids(own.kind.name)]
    if published:
        raise InputFaults([Fault(str(path), None, "", f"{name} is the id of a published row") for name in published])
    rows = read_rows([row for row in marked if row["use"] == "fit"], own.kind.read)
    skipped, before = {**own.skipped, **rows.refused}, dict[str, float]()
    for name, row in rows.measured.items():
        error, reason = _judged(row, calibrator)
        if reason:
            skipped[name] = reason
        else:
            before[name] = error
    if not before:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items()) or "no row is marked fit"
        raise InputFaults([Fault(str(path), None, "", f"sets nothing ({reasons})")])
    found = calibrator.fit([rows.measured[name] for name in before])
    moved = tuple(OwnRow(name, error, found.errors[name]) for name, error in before.items())
    return Calibration(found, _before(found.fit), moved, skipped)


def _judged(row: Measured, calibrator: Calibrator) -> tuple[float, str]:
    """(error of a row, why it can set nothing)."""
    try:
        reason = calibrator.refused(row)
        if reason is not None:
            return 0.0, reason
        error = row.judge().error
    except Infeasible as refused:
        return 0.0, f"it does not run: {refused}"
    if -0.5 < error < 1.0:
        return error, ""
    return error, f"predicted {1.0 + error:.3g} times what was measured; something else is wrong with it"
