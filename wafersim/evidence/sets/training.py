"""Whole training runs as they were published: device hours and days, each a value of its own (`RBLOOM:hours`, `RBLOOM:days`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from math import exp, log
from statistics import fmean

from wafersim.errors import Infeasible
from wafersim.evidence.cells import number, stated
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, read_rows
from wafersim.evidence.sets.training_cells import Run, run_of
from wafersim.evidence.sets.training_practice import Residual
from wafersim.evidence.sets.training_row import Quantity, Simulation, TrainingRow
from wafersim.evidence.tables import shipped

COLUMNS: dict[Quantity, str] = {"hours": "accel_hours", "days": "elapsed_days"}
USES = ("fit", "test", "shown")


def pieces(cells: Cells) -> Sequence[Cells]:
    """A row for each quantity that is stated, or the row itself where none is."""
    there = [quantity for quantity, column in COLUMNS.items() if stated(cells, column)]
    return [{**cells, "id": f"{cells['id']}:{quantity}", "quantity": quantity} for quantity in there] or [cells]


def read_row(cells: Cells) -> TrainingRow:
    """One quantity of a run; raises Infeasible where nothing is published or the row does not state enough."""
    quantity: Quantity | None = next((name for name in COLUMNS if cells.get("quantity") == name), None)
    if quantity is None:
        raise Infeasible(f"no hours or days are published ({cells.get('kind') or 'kind is not stated'})")
    published = number(COLUMNS[quantity], stated(cells, COLUMNS[quantity]))
    row = cells["id"].removesuffix(f":{quantity}")
    run = _simulated(tuple((name, text) for name, text in cells.items() if name not in ("id", "quantity")), row).run
    if quantity == "days" and not run.named:
        raise Infeasible("elapsed_days of how many devices is not stated (n_devices)")
    simulation = _simulated(tuple((name, text) for name, text in cells.items() if name not in ("id", "quantity")), row)
    said = stated(cells, "use") or ("shown" if "use" in cells and cells["use"].strip() == "-" else "test")
    use = said if said in USES else "test"
    return TrainingRow(cells["id"], row, use, quantity, published, simulation, one_mfu(run.kind, row))


@lru_cache(maxsize=256)
def _simulated(cells: tuple[tuple[str, str], ...], row: str) -> Simulation:
    """Once for all quantities of a row."""
    return Simulation(run_of({**dict(cells), "id": row}))


@cache
def published_rows() -> Rows[TrainingRow]:
    """The shipped rows."""
    return read_rows([piece for cells in shipped("training") for piece in pieces(cells)], read_row)


def residuals_of_fit() -> dict[str, Residual]:
    """Of the fit rows whose split is searched, by hours, or by days where there are none: what `training_practice.yaml` holds."""
    found = dict[str, Residual]()
    for row in published_rows().measured.values():
        if row.use == "fit" and row.run.searched and row.row not in found:
            found[row.row] = row.residual
    return found


def one_mfu(kind: str, without: str) -> float | None:
    """The baseline: 6 FLOPs a parameter and token over the peak of a kind of GPU, the geometric mean of the fit rows but one.

    None where no other fit row ran on that kind.
    """
    found = [value for name, (of, value) in _mfus().items() if of == kind and name != without]
    return exp(fmean(map(log, found))) if found else None


@cache
def _mfus() -> dict[str, tuple[str, float]]:
    """(kind of GPU, MFU that the published hours say) of every fit row."""
    out = dict[str, tuple[str, float]]()
    for cells in shipped("training"):
        if cells["use"] != "fit":
            continue
        run: Run = run_of(cells)
        hours, days = stated(cells, "accel_hours"), stated(cells, "elapsed_days")
        spent = number("accel_hours", hours) if hours else 24.0 * run.devices * number("elapsed_days", days)
        out[cells["id"]] = run.kind, run.flops / run.peak / (spent * 3600.0)
    return out


KIND = Kind(
    name="training",
    title="whole runs: device hours, days",
    needed=("id", "model", "params", "tokens", "layers", "d_model", "heads", "d_ffn", "seq_len", "device"),
    numbers=("params", "layers", "d_model", "heads", "d_ffn", "vocab", "seq_len"),
    fractional=("params",),
    read=read_row,
    published=published_rows,
    shown="fit",
    pieces=pieces,
)
