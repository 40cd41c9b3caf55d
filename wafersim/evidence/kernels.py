"""The measured kernels: which rows are in scope, predicted beside measured, and the fit of their constants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wafersim.errors import Infeasible
from wafersim.evidence.fits import block_diagonal, correlations, fit_constants, normal_sigma, today
from wafersim.evidence.profile_writer import rewrite_profile
from wafersim.evidence.report import ValidatedRow, ValidationReport, chosen, judged, read_rows
from wafersim.evidence.tables import own_count, shipped
from wafersim.inputs.fit import Fit, load_fit, save_fit
from wafersim.inputs.profile_file import kernel_constants
from wafersim.metrics.interval import Uncertainty, uncertainty
from wafersim.simulation.intervals import logs
from wafersim.wafer.measured_kernels import KernelShape, counts, cycles

Floats = npt.NDArray[np.float64]
FEATURES = ("PEs a side", "rows of a tile", "inner elements of a tile", "columns of a tile")
TRANSFER = 0.2  # of a loop that nobody has measured
KNOWN = ("MeshGEMM", "MeshGEMV", "Shift", "SUMMA(collectives_2d)", "SpMM-COO", "single-tile matvec")
PROFILE = {"wse2": "cs2", "wse3": "cs3"}
OUT_OF_SCOPE = {
    "Systolic": "waits for host I/O (0.2-0.35 words a cycle), not for a matmul",
    "MeshGEMM col-major": "another loop order on 3 to 9 PEs in the SDK simulator, with parts of the kernel switched off",
    "SpMM-CSC": "cycles vary with the load of single columns, which the source does not give",
    "SpMM-CSR": "cycles vary with the load of single rows, which the source does not give",
    "SpMM-ELLPACK": "padding depends on the longest row, which the source does not give",
    "GEMM local block": "rows alternate between memory access only and the full kernel; which is which is not recorded",
    "vector-op": "operation and alignment of each row are not recorded",
    "2D stencil": "not a matmul",
    "SUMMA pipelined": "two numbers of one run, a component split that is its author's inference",
    "SUMMA-style": "an instruction trace: the source of the element costs, not a run time",
}


@dataclass(frozen=True)
class MeasuredKernel:
    """A row of the table in scope of a family."""

    id: str
    use: str
    family: str  # with the platform where simulator and hardware differ
    profile: str
    shape: KernelShape
    measured: float
    what: str

    @property
    def owner(self) -> str:
        """The profile whose loop counts: its own, or another generation's where only that has been measured."""
        measured = [self.profile, *(other for other in PROFILE.values() if other != self.profile)]
        return next(profile for profile in measured if kernel_constants(profile, self.family))

    @property
    def form(self) -> str:
        """The closed form behind the family."""
        return self.family.removesuffix("-simulator")


def measured_kernels() -> tuple[dict[str, MeasuredKernel], dict[str, str]]:
    """(rows in scope, reasons of the others), by id."""
    return rows_of(shipped("kernel"))


def rows_of(table: list[dict[str, str]]) -> tuple[dict[str, MeasuredKernel], dict[str, str]]:
    """The rows of a table in these columns, shipped or a user's own."""
    return read_rows(table, _row)


def _row(raw: dict[str, str]) -> MeasuredKernel:
    kernel = raw["kernel"]
    for name, reason in OUT_OF_SCOPE.items():
        if kernel.startswith(name):
            raise Infeasible(reason)
    if not kernel.startswith(KNOWN):
        raise Infeasible(f"no kernel of this kind is modelled; known: {', '.join(KNOWN)}")
    if "order" in raw["metric"]:
        raise Infeasible(
            "rows alternate between memory access only and the full kernel; which is which is not recorded"
        )
    if raw["arch"] not in PROFILE:
        raise Infeasible(f"arch {raw['arch']!r} is none of {', '.join(PROFILE)}")
    wanted = [name for name in ("grid_rows", "Mt", "Kt", "Nt") if name != "Kt" or not kernel.startswith("Shift")]
    missing = [name for name in wanted if not raw[name]]
    if missing:
        raise Infeasible(f"{', '.join(missing)} not stated")
    if raw["unit"] not in ("", "cycles"):
        raise Infeasible(f"unit {raw['unit']!r}; kernels are in cycles")
    family, shape = _shape(raw)
    what = f"{kernel} on {raw['grid_rows']} x {raw['grid_cols']}, tile {raw['Mt']} x {raw['Kt']} x {raw['Nt']}"
    use = raw.get("use") or "test"
    return MeasuredKernel(raw["id"], use, family, PROFILE[raw["arch"]], shape, float(raw["value"]), what)


def _shape(row: dict[str, str]) -> tuple[str, KernelShape]:
    kernel = row["kernel"]
    p, m, k, n = (float(row[name] or 1) for name in ("grid_rows", "Mt", "Kt", "Nt"))
    if kernel.startswith("MeshGEMM"):
        return "mesh-gemm", KernelShape(int(p), m, k, n)
    if kernel.startswith("MeshGEMV"):
        return "mesh-gemv", KernelShape(int(p), m, k, n, groups=_number(kernel, "group_num"))
    if kernel.startswith("Shift"):
        family = "shift-simulator" if row["platform"] == "simulator" else "shift"
        return family, KernelShape(int(p), m, 1, n, hops=_number(kernel, "L"))
    if kernel.startswith("SUMMA(collectives_2d)"):
        return "summa", KernelShape(int(p), m, k, n)
    if kernel.startswith("SpMM-COO"):
        # The source states the total FLOPs of the run (without the four padding columns): the mean non-zeros of a PE.
        nonzeros = _number(row["notes"], "total_flops") / (2 * (n - 4)) / (p * float(row["grid_cols"]))
        return "spmm-coo", KernelShape(int(p), m, k, n, nonzeros=nonzeros)
    if kernel.startswith("single-tile matvec"):
        shape = KernelShape(1, _number(kernel, "padded_nb"), k, 1, iterations=_number(kernel, "iters"))
        return "matvec", shape
    raise AssertionError(kernel)


def _number(text: str, name: str) -> int:
    found = re.search(rf"{name}=(\d+)", text)
    if found is None or int(found[1]) == 0:
        raise Infeasible(f"{name} is not stated: {name}=N belongs into the name of the kernel or the notes")
    return int(found[1])


def validate_kernels(only: str | None = None) -> ValidationReport:
    """Every row in scope against its closed form; raises WafersimError for an unknown id."""
    return judged(*chosen(*measured_kernels(), only), judge)


def judge(row: MeasuredKernel) -> ValidatedRow:
    """One row."""
    predicted = cycles(row.form, row.shape, kernel_constants(row.owner, row.family))
    group = f"{row.family} ({row.profile})"
    low, high = _uncertainty(row, group).bounds(predicted)
    return ValidatedRow(
        row.id, row.use, row.what, predicted, row.measured, "cycles", group=group, set="kernel", low=low, high=high
    )


@dataclass(frozen=True)
class KernelFit:
    """Cycle counts of one family's loop with the covariance of their logarithms, and the log ratios of its rows."""

    rows: tuple[MeasuredKernel, ...]
    constants: dict[str, float]
    covariance: Floats
    residuals: dict[str, float]


def fit_kernels(own: Sequence[MeasuredKernel] = ()) -> dict[tuple[str, str], KernelFit]:
    """By profile and family, on the rows marked `fit` and a user's. Constants that would be negative are a wrong mechanism."""
    rows = [*(row for row in measured_kernels()[0].values() if row.use == "fit"), *own]
    found = {}
    for key in sorted({(row.profile, row.family) for row in rows}):
        members = [row for row in rows if (row.profile, row.family) == key]
        found[key] = _fitted(members)
        assert min(found[key].constants.values()) >= 0, f"{key}: {found[key].constants}"
    return found


def _fitted(members: Sequence[MeasuredKernel]) -> KernelFit:
    """Least squares on relative errors, iteratively reweighted with the soft-L1 loss of scale 2 % against outliers."""
    names = list(counts(members[0].form, members[0].shape)[0])
    terms = [counts(row.form, row.shape) for row in members]
    measured = np.array([row.measured for row in members])
    design = np.array([[term[name] for name in names] for term, _ in terms]) / measured[:, None]
    target = 1.0 - np.array([known for _, known in terms]) / measured
    weights = np.ones(len(members))
    for _ in range(50):
        scaled = design * weights[:, None]
        size = np.linalg.norm(scaled, axis=0)  # columns differ by many orders of magnitude
        solution = np.linalg.lstsq(scaled / size, target * weights, rcond=None)[0] / size
        weights = (1 + ((design @ solution - target) / 0.02) ** 2) ** -0.25
    constants = {name: float(f"{value:.4g}") for name, value in zip(names, solution, strict=True)}
    residuals = {row.id: _log_ratio(row, constants) for row in members}
    shares = design * solution  # of each constant in a row's cycles: d ln(cycles) / d ln(constant)
    precision = shares.T @ shares / normal_sigma(list(residuals.values())) ** 2
    return KernelFit(tuple(members), constants, np.linalg.inv(precision + np.eye(len(names))), residuals)


def _log_ratio(row: MeasuredKernel, constants: dict[str, float]) -> float:
    return float(np.log(cycles(row.form, row.shape, constants) / row.measured))


def _widening(members: Sequence[MeasuredKernel]) -> float:
    """Standard deviation per e-fold of distance that the rows of the largest grid and of the largest tiles show, left out."""
    excess = distance = 0.0
    for axis in ("p", "m", "k", "n"):
        sizes = sorted({getattr(row.shape, axis) for row in members})
        kept = [row for row in members if getattr(row.shape, axis) != sizes[-1]]
        if len(sizes) < 3 or len(kept) < 6:
            continue
        found = _fitted(kept)
        near = np.array([_features(row) for row in kept])
        spread = normal_sigma(list(found.residuals.values()))
        for row in members:
            if getattr(row.shape, axis) == sizes[-1]:
                e = _shares(row, found.constants)
                known = float(e @ found.covariance @ e) + spread**2
                excess += _log_ratio(row, found.constants) ** 2 - known
                distance += float(((near - np.array(_features(row))) ** 2).sum(axis=1).min())
    return round(sqrt(max(0.0, excess / distance)), 4) if distance else 0.0


def _shares(row: MeasuredKernel, constants: dict[str, float]) -> Floats:
    terms = counts(row.form, row.shape)[0]
    total = cycles(row.form, row.shape, constants)
    return np.array([constants[name] * count / total for name, count in terms.items()])


def as_fit(found: dict[tuple[str, str], KernelFit]) -> Fit:
    """The calibration to be kept. A kernel's features are its grid and its tile."""
    covariance = block_diagonal([one.covariance for one in found.values()])
    return Fit(
        set="kernel",
        date=today(),
        rows=tuple(name for one in found.values() for name in one.residuals),
        constants=fit_constants(
            [
                (f"{profile} {family}.{name}", value, (f"{profile}: kernel_code.{family}.{name}",))
                for (profile, family), one in found.items()
                for name, value in one.constants.items()
            ],
            covariance,
        ),
        correlations=correlations(covariance),
        spread={
            f"{family} ({profile})": normal_sigma(list(one.residuals.values()))
            for (profile, family), one in found.items()
        },
        transfer=TRANSFER,
        widening={f"{family} ({profile})": _widening(one.rows) for (profile, family), one in found.items()},
        features=FEATURES,
        behind={
            f"{family} ({profile})": tuple(sorted({_features(row) for row in one.rows}))
            for (profile, family), one in found.items()
        },
    )


def _features(row: MeasuredKernel) -> tuple[float, ...]:
    shape = row.shape
    return logs(shape.p, shape.m, shape.k, shape.n)


def _uncertainty(row: MeasuredKernel, group: str) -> Uncertainty:
    constants = kernel_constants(row.owner, row.family)
    names = (f"{row.owner}: kernel_code.{row.family}.{name}" for name in constants)
    elasticities = dict(zip(names, _shares(row, constants).tolist(), strict=True))
    said = [f"{size:g}" for size in (row.shape.p, row.shape.m, row.shape.k, row.shape.n)]
    return uncertainty((load_fit("kernel"),), elasticities, group, _features(row), said)


def write_kernels(found: dict[tuple[str, str], KernelFit]) -> tuple[Path, ...]:
    """Put the constants into the profiles, the calibration beside; nothing where nothing changed."""
    paths, fit = [], as_fit(found)
    for profile in sorted({profile for profile, _ in found}):
        values: dict[tuple[str, ...], float] = {}
        errors: dict[tuple[str, ...], float] = {}
        for (owner, family), one in found.items():
            known = np.sqrt(np.diag(one.covariance)).tolist()
            for (name, value), error in zip(one.constants.items(), known, strict=True):
                if owner == profile:
                    values["kernel_code", family, name], errors["kernel_code", family, name] = value, error
        paths.append(rewrite_profile(profile, values, errors, own_count(fit)))
    return (*paths, save_fit(fit))
