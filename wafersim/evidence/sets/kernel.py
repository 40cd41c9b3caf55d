"""Measured kernels on a wafer: which rows are in scope, and their closed form with the constants of the profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from wafersim.errors import Infeasible
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, ValidatedRow, read_rows
from wafersim.evidence.tables import shipped
from wafersim.inputs.fit import load_fit
from wafersim.inputs.profile_file import kernel_constants
from wafersim.metrics.interval import uncertainty
from wafersim.strategies.features import logs
from wafersim.wafer.measured_kernels import KernelShape, counts, cycles

Floats = npt.NDArray[np.float64]
FEATURES = ("PEs a side", "rows of a tile", "inner elements of a tile", "columns of a tile")
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
    published: float
    what: str
    unit: str = "cycles"

    @property
    def group(self) -> str:
        """Its family on its wafer."""
        return f"{self.family} ({self.profile})"

    @property
    def owner(self) -> str:
        """The profile whose loop counts: its own, or another generation's where only that has been measured."""
        measured = [self.profile, *(other for other in PROFILE.values() if other != self.profile)]
        return next(profile for profile in measured if kernel_constants(profile, self.family))

    @property
    def form(self) -> str:
        """The closed form behind the family."""
        return self.family.removesuffix("-simulator")

    @property
    def features(self) -> tuple[float, ...]:
        """Logarithms of `FEATURES`."""
        return logs(self.shape.p, self.shape.m, self.shape.k, self.shape.n)

    def cycles(self, constants: Mapping[str, float]) -> float:
        """Predicted, under some constants of the loop."""
        return cycles(self.form, self.shape, dict(constants))

    def shares(self, constants: Mapping[str, float]) -> Floats:
        """Of each constant in the cycles: d ln(cycles) / d ln(constant)."""
        terms, total = counts(self.form, self.shape)[0], self.cycles(constants)
        return np.array([constants[name] * count / total for name, count in terms.items()])

    def judge(self) -> ValidatedRow:
        """Cycles beside the measured ones."""
        constants = kernel_constants(self.owner, self.family)
        predicted = self.cycles(constants)
        numbers = (f"{self.owner}: kernel_code.{self.family}.{name}" for name in constants)
        elasticities = dict(zip(numbers, self.shares(constants).tolist(), strict=True))
        found = uncertainty((load_fit("kernel"),), elasticities, self.group, self.features)
        low, high = found.bounds(predicted)
        return ValidatedRow(
            self.id, self.use, self.what, predicted, self.published, self.unit, group=self.group, set="kernel",
            low=low, high=high,
        )  # fmt: skip


@cache
def published_rows() -> Rows[MeasuredKernel]:
    """The shipped rows."""
    return read_rows(shipped("kernel"), read_row)


def read_row(cells: Cells) -> MeasuredKernel:
    """A row of a table, shipped or a user's; raises Infeasible where it is out of scope."""
    kernel = cells["kernel"]
    for name, reason in OUT_OF_SCOPE.items():
        if kernel.startswith(name):
            raise Infeasible(reason)
    if not kernel.startswith(KNOWN):
        raise Infeasible(f"no kernel of this kind is modelled; known: {', '.join(KNOWN)}")
    if "order" in cells["metric"]:
        raise Infeasible(
            "rows alternate between memory access only and the full kernel; which is which is not recorded"
        )
    if cells["arch"] not in PROFILE:
        raise Infeasible(f"arch {cells['arch']!r} is none of {', '.join(PROFILE)}")
    wanted = [name for name in ("grid_rows", "Mt", "Kt", "Nt") if name != "Kt" or not kernel.startswith("Shift")]
    missing = [name for name in wanted if not cells[name]]
    if missing:
        raise Infeasible(f"{', '.join(missing)} not stated")
    if cells["unit"] not in ("", "cycles"):
        raise Infeasible(f"unit {cells['unit']!r}; kernels are in cycles")
    family, shape = _shape(cells)
    what = (
        f"{kernel} on {cells['grid_rows']} x {cells['grid_cols']}, tile {cells['Mt']} x {cells['Kt']} x {cells['Nt']}"
    )
    use = cells.get("use") or "test"
    return MeasuredKernel(cells["id"], use, family, PROFILE[cells["arch"]], shape, float(cells["value"]), what)


def _shape(cells: Cells) -> tuple[str, KernelShape]:
    kernel = cells["kernel"]
    p, m, k, n = (float(cells[name] or 1) for name in ("grid_rows", "Mt", "Kt", "Nt"))
    if kernel.startswith("MeshGEMM"):
        return "mesh-gemm", KernelShape(int(p), m, k, n)
    if kernel.startswith("MeshGEMV"):
        return "mesh-gemv", KernelShape(int(p), m, k, n, groups=_number(kernel, "group_num"))
    if kernel.startswith("Shift"):
        family = "shift-simulator" if cells["platform"] == "simulator" else "shift"
        return family, KernelShape(int(p), m, 1, n, hops=_number(kernel, "L"))
    if kernel.startswith("SUMMA(collectives_2d)"):
        return "summa", KernelShape(int(p), m, k, n)
    if kernel.startswith("SpMM-COO"):
        # The source states the total FLOPs of the run (without the four padding columns): the mean non-zeros of a PE.
        nonzeros = _number(cells["notes"], "total_flops") / (2 * (n - 4)) / (p * float(cells["grid_cols"]))
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


KIND = Kind(
    name="kernel",
    title="kernels: cycles",
    needed=("id", "arch", "platform", "kernel", "grid_rows", "Mt", "Kt", "Nt", "metric", "value"),
    numbers=("value", "grid_rows", "grid_cols", "Mt", "Kt", "Nt"),
    fractional=("value", "Mt", "Kt", "Nt"),
    read=read_row,
    published=published_rows,
    fit="kernel",
)
