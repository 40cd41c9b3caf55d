"""All fits through one door, on the published rows alone or with a user's own beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import expm1
from pathlib import Path
from typing import Any

from wafersim import quantity
from wafersim.calibration import gpu_fit, wafer_fit
from wafersim.errors import Fault, Infeasible, InputFaults
from wafersim.evidence import collectives, gpu_rows, kernels, wafer
from wafersim.evidence.everything import JUDGE, ROWS
from wafersim.evidence.own_table import read_own
from wafersim.evidence.tables import published_ids
from wafersim.inputs.fit import Fit, FitConstant, Set, load_fit
from wafersim.inputs.machine import load_gpu_machine, numbers
from wafersim.inputs.profile_file import number_at


@dataclass(frozen=True)
class OwnRow:
    """A user's row: its error (predicted / measured - 1) with the constants as they were and as they are now."""

    id: str
    before: float
    after: float


@dataclass(frozen=True)
class Calibration:
    """Constants as found; `write` puts them into the profiles and returns the files."""

    fit: Fit
    before: Fit
    write: Callable[[], tuple[Path, ...]]
    details: str = ""  # what only this set has to say
    own: tuple[OwnRow, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)  # own rows that set nothing, with the reason

    def __str__(self) -> str:
        old = {constant.name: constant.value for constant in self.before.constants}
        lines = [_line(one, old.get(one.name, one.value)) for one in self.fit.constants if one.kind == "calibrated"]
        lines += self.details.splitlines()
        lines += [f"{row.id}: {row.before:+.1%} before, {row.after:+.1%} now" for row in self.own]
        return "\n".join([*lines, *(f"{name} sets nothing: {reason}" for name, reason in self.skipped.items())])


def _line(constant: FitConstant, old: float) -> str:
    dimension = number_at(constant.sets[0]).dimension
    was = "" if abs(old / constant.value - 1.0) < 1e-6 else f"  (was {quantity.format(old, dimension)})"
    value = quantity.format(constant.value, dimension)
    return f"{constant.name:36} {value:>14}  standard error {constant.standard_error:.1%}{was}"


@dataclass(frozen=True)
class _Found:
    """What a set's fit gives, in the terms that all sets share; `after` are errors of own rows by id."""

    fit: Fit
    write: Callable[[], tuple[Path, ...]]
    after: Mapping[str, float]
    details: str = ""


def calibrate(which: Set) -> Calibration:
    """Fit a set's constants on its published rows; needs scipy (the `calibrate` extra)."""
    found = _FITS[which]([])
    return Calibration(found.fit, load_fit(which), found.write, found.details)


def calibrate_own(path: Path) -> Calibration:
    """Fit on the published rows and on a user's table, told by its columns.

    Every row of the table sets constants, unless it has a column `use` that says otherwise, or is off by a factor of two. Raises
    InputFaults where the table is wrong, where an id is a published row's, or where no row can set anything.
    """
    own = read_own(path)
    which = own.set
    marked = [{**row, "use": row.get("use") or "fit"} for row in own.rows]
    published = [row["id"] for row in marked if row["id"] in published_ids(which)]
    if published:
        raise InputFaults([Fault(str(path), None, "", f"{name} is the id of a published row") for name in published])
    rows, unusable = ROWS[which]([row for row in marked if row["use"] == "fit"])
    skipped, before = {**own.skipped, **unusable}, {}
    for name, row in rows.items():
        try:
            reason = _REFUSED[which](row)
            if reason is None:
                error = JUDGE[which](row).error
                if -0.5 < error < 1.0:
                    before[name] = error
                else:
                    reason = f"predicted {1.0 + error:.3g} times what was measured; something else is wrong with it"
        except Infeasible as refused:
            reason = f"it does not run: {refused}"
        if reason is not None:
            skipped[name] = reason
    if not before:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items()) or "no row is marked fit"
        raise InputFaults([Fault(str(path), None, "", f"sets nothing ({reasons})")])
    found = _FITS[which]([rows[name] for name in before])
    moved = tuple(OwnRow(name, error, found.after[name]) for name, error in before.items())
    return Calibration(found.fit, load_fit(which), found.write, found.details, moved, skipped)


def _fit_wafer(own: Sequence[wafer.PublishedRow]) -> _Found:
    found = wafer_fit.fit_wafer(own)
    return _Found(found.fit, lambda: wafer_fit.write_wafer(found), found.errors, str(found))


def _fit_gpu(own: Sequence[gpu_rows.GpuRow]) -> _Found:
    found = gpu_fit.fit_gpus([*gpu_fit.fit_rows(), *own])
    fit = gpu_fit.as_fit(found)
    # Of the value as it is stated: a rate is too low where the time is too high.
    after = {row.id: expm1(found.residuals[row.id] * (1.0 if row.metric == "iteration_time" else -1.0)) for row in own}
    return _Found(fit, lambda: gpu_fit.write_gpus(found, fit), after)


def _fit_kernels(own: Sequence[kernels.MeasuredKernel]) -> _Found:
    found = kernels.fit_kernels(own)
    return _Found(kernels.as_fit(found), lambda: kernels.write_kernels(found), _errors(found.values()))


def _fit_collectives(own: Sequence[collectives.MeasuredCollective]) -> _Found:
    found = collectives.fit_collectives(own)
    return _Found(collectives.as_fit(found), lambda: collectives.write_collectives(found), _errors(found.values()))


def _errors(fits: Iterable[kernels.KernelFit | collectives.CollectiveFit]) -> dict[str, float]:
    return {name: expm1(error) for one in fits for name, error in one.residuals.items()}


def _wafer_refused(row: wafer.PublishedRow) -> str | None:
    if row.how["software"] != "R2":
        return f"release {row.how['software']} has one factor, which its published row sets"
    fitted = {profile for one in wafer_fit.declared()[0] if one.kind == "calibrated" for profile in one.sets}
    return (
        None if row.system in fitted else f"the constants of {row.system} are not fitted, only of {', '.join(fitted)}"
    )


def _gpu_refused(row: gpu_rows.GpuRow) -> str | None:
    if row.options:
        return f"{', '.join(row.options)} not stated"
    machine = load_gpu_machine(row.profile, row.software)
    fitted = {place for constant in gpu_fit.constants()[0] for place in constant.places}
    if not any(origin in fitted for _, _, origin in numbers(machine)):
        return f"no number of {row.profile} with {row.software} is fitted"
    return None


def _kernel_refused(row: kernels.MeasuredKernel) -> str | None:
    return None if row.owner == row.profile else f"{row.profile} has no {row.family} constants to be fitted"


def _collective_refused(row: collectives.MeasuredCollective) -> str | None:
    if not row.collective.startswith("all-reduce") or "switch" in row.collective:
        return f"constants are fitted on all-reduces by rings (got {row.collective})"
    shared = [profile for profiles in collectives.FITTED.values() for profile in profiles]
    return None if row.profile in shared else f"constants are fitted for {', '.join(shared)} (got {row.profile})"


# By set; rows are of the set's own type.
_FITS: dict[Set, Callable[[Sequence[Any]], _Found]] = {
    "wafer": _fit_wafer,
    "gpu": _fit_gpu,
    "kernel": _fit_kernels,
    "collective": _fit_collectives,
}
_REFUSED: dict[Set, Callable[[Any], str | None]] = {
    "wafer": _wafer_refused,
    "gpu": _gpu_refused,
    "kernel": _kernel_refused,
    "collective": _collective_refused,
}
