"""Measured power: what a node with its host, or a chip alone, draws busy, idle or at most, in watts.

Rows marked fit set a profile's number and are judged apart from those that judge; rows of machines that no profile describes, and
means over whatever a cluster was doing, are listed with their reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from wafersim.errors import Infeasible, WafersimError
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, ValidatedRow, read_rows
from wafersim.evidence.tables import shipped
from wafersim.inputs.machine import is_gpu_cluster, load_any

STATES = ("busy_power", "idle_power", "peak_power")
PARTS = ("node", "chip")
UNIT = "W"


@dataclass(frozen=True)
class MeasuredPower:
    """Watts of some chips, with their share of hosts or servers (a node) or alone; never with switches between nodes."""

    id: str
    use: str
    profile: str
    devices: int
    part: str
    state: str
    published: float
    note: str = ""
    unit: str = UNIT

    @property
    def group(self) -> str:
        """By state: what sets one share says nothing of another."""
        return self.state.replace("_", " ")

    def judge(self) -> ValidatedRow:
        """What the profile says, beside it."""
        what = f"{self.devices} x {self.profile}, {self.part}, {self.state.removesuffix('_power')}"
        return ValidatedRow(
            self.id, self.use, what, self.watts(), self.published, UNIT, note=self.note, group=self.group, set="power"
        )

    def watts(self) -> float:
        """Of the chips alone, or with their hosts."""
        state = self.state.removesuffix("_power")
        draws = load_any(self.profile).draws(self.devices)
        chosen = [draw for draw in draws if draw.part == "chip" or (self.part == "node" and draw.part == "host")]
        return sum({"busy": d.busy_watts, "idle": d.idle_watts, "peak": d.peak_watts}[state] for d in chosen)


@cache
def published_rows() -> Rows[MeasuredPower]:
    """The shipped rows."""
    return read_rows(shipped("power"), read_row)


def read_row(cells: Cells) -> MeasuredPower:
    """A row of a table; it judges unless it says otherwise. Raises Infeasible where it is of no known machine or state."""
    hardware, state, part = (cells[name].strip() for name in ("hardware", "metric", "part"))
    if state not in STATES:
        raise Infeasible(f"metric {state!r} is none of {', '.join(STATES)}")
    if part not in PARTS:
        raise Infeasible(f"part {part!r} is none of {', '.join(PARTS)}")
    if (unit := cells.get("unit") or UNIT) != UNIT:
        raise Infeasible(f"unit {unit!r}; power is in {UNIT}")
    try:
        is_gpu_cluster(hardware)
    except WafersimError as error:
        raise Infeasible(str(error)) from None
    return MeasuredPower(
        cells["id"], cells.get("use") or "test", hardware, int(float(cells["n_devices"])), part, state,
        float(cells["value"]), cells.get("notes") or "",
    )  # fmt: skip


KIND = Kind(
    name="power",
    title="power of a node: W",
    needed=("id", "hardware", "n_devices", "part", "metric", "value"),
    numbers=("n_devices", "value"),
    fractional=("value",),
    read=read_row,
    published=published_rows,
)
