"""The wafer table: how its rows, shipped or a user's, become measurements by their columns.

What no column says (assumptions, why a row is only shown) is in `wafer_rows.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from math import ceil
from typing import Any, cast, get_args

import numpy as np

from wafersim.errors import Infeasible, WafersimError
from wafersim.evidence.cells import stated
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Measured, Rows
from wafersim.evidence.sets.wafer_ratio import FlopsRow, ScalingRow, UtilisationRow
from wafersim.evidence.sets.wafer_row import WaferRow, of_unit
from wafersim.evidence.sets.wafer_shape import SHAPE, catalogued, model_of, unsaid
from wafersim.evidence.tables import read_data, shipped
from wafersim.inputs.machine import REFERENCE_RELEASE, release_of
from wafersim.inputs.resources import kind_of, names
from wafersim.workload.transformer import Mode, workload_of

RATES = ("train_throughput", "eval_throughput", "step_time")
SCALING = ("weak_scaling_speedup", "strong_scaling_speedup")
UTILISATION = "relative_flops_utilization"
METRICS = (*RATES, *SCALING, UTILISATION)
UNITS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(RATES, ("samples/s", "tokens/s")),
    "step_time": ("s",),
    **dict.fromkeys(SCALING, ("x vs 1 CS-2",)),
}
SYSTEMS = {"CS-1": "cs1", "CS-2": "alcf-cs2", "CS-3": "alcf-cs3"}
SWEEP = ("A08", "A09", "A10", "A11")
RELATIVE_TO = "W41"  # the run that utilisations are relative to: 111M on one CS-2


@cache
def published_rows() -> Rows[Measured]:
    """The shipped rows that can be predicted, and why others cannot."""
    remarks = read_data("wafer_rows.yaml")
    rows, refused = dict[str, Measured](), dict[str, str]()
    for cells in shipped("wafer"):
        name = cells["id"]
        try:
            reason = remarks["skipped"].get(name) or remarks["metrics"].get(cells["metric"])
            if reason:
                raise Infeasible(reason)
            rows[name] = _published(cells, remarks["rows"].get(name, {}))
        except Infeasible as refusal:
            refused[name] = str(refusal)
    return Rows(rows, refused)


def throughput_rows() -> dict[str, WaferRow]:
    """Of the shipped rows those of a throughput, by id."""
    return {name: row for name, row in published_rows().measured.items() if isinstance(row, WaferRow)}


def scaling_rows() -> dict[str, ScalingRow]:
    """Of the shipped rows those of a speed-up over one system, by id."""
    return {name: row for name, row in published_rows().measured.items() if isinstance(row, ScalingRow)}


def _published(cells: Cells, remarks: Mapping[str, Any]) -> Measured:
    if cells["metric"] == "training_flops":
        model = catalogued(cells["model"])
        if model is None:
            raise Infeasible(f"{cells['model']} is not in the catalogue")
        return FlopsRow(cells["id"], float(cells["value"]), cells["unit"], model)
    return read_row(cells, tuple(remarks.get("assumed", ())), remarks.get("why", ""))


def read_row(cells: Cells, assumed: tuple[str, ...] = (), why: str = "") -> WaferRow | ScalingRow | UtilisationRow:
    """A row of a rate, a speed-up or a relative utilisation; raises Infeasible where it does not state enough."""
    metric = cells["metric"]
    if metric not in METRICS:
        raise Infeasible(f"metric {metric!r}; predicted are {', '.join(METRICS)}")
    if metric in UNITS and cells["unit"] not in UNITS[metric]:
        raise Infeasible(f"unit {cells['unit']!r}; {metric} is in {' or '.join(UNITS[metric])}")
    job = _job(cells, assumed, why)
    if metric in RATES:
        return job
    if metric == UTILISATION:
        reference = next(row for row in shipped("wafer") if row["id"] == RELATIVE_TO)
        return UtilisationRow(job, _job(reference, (), ""))
    baseline = stated(cells, "baseline_micro_batch")
    if not baseline:
        raise Infeasible("baseline_micro_batch, of the one system that the ratio is taken to, is not stated")
    return ScalingRow(job, int(float(baseline)), weak=metric.startswith("weak"))


def _job(cells: Cells, assumed: tuple[str, ...], why: str) -> WaferRow:
    mode = stated(cells, "mode").lower() or ("forward" if cells["metric"] == "eval_throughput" else "train")
    if mode == "pipelined" or re.search("pipelined execution", cells.get("notes", ""), re.IGNORECASE):
        raise Infeasible("pipelined execution, the whole network on the wafer, not weight streaming")
    if mode not in get_args(Mode):
        raise Infeasible(f"mode must be one of {', '.join(get_args(Mode))} or pipelined (got {mode!r})")
    found = [*assumed]
    if not cells["n_systems"]:
        raise Infeasible("n_systems is not stated")
    systems = int(cells["n_systems"])
    if cells["micro_batch_per_system"]:
        micro_batch = int(cells["micro_batch_per_system"])
    elif cells["global_batch"]:
        micro_batch = ceil(int(cells["global_batch"]) / systems)
        found.append(f"micro-batch {micro_batch}, the whole batch of a system")
    else:
        raise Infeasible("micro_batch_per_system is not stated, nor is global_batch")
    profile = _system(cells["system"])
    software = _release(cells.get("software", ""), cells.get("notes", ""), profile)
    if software is None:
        found.append(f"release {REFERENCE_RELEASE}")
    known, model = catalogued(cells["model"]), model_of(cells)
    found += unsaid(cells, known is not None)
    usual = model.max_sequence
    if not cells["seq_len"]:
        found.append(f"sequence {usual}")
    parameters = float(cells["params"] or 0)
    built = workload_of(model, usual).parameters
    if parameters and abs(built / parameters - 1) > 0.05 and model.head != "none" and not why:
        found.append(f"the shape has {built:.3g} parameters, stated are {parameters:.3g}")
    zeros = stated(cells, "baked_in_zeros_percent")
    if zeros and float(zeros) >= 100.0:
        raise Infeasible(f"baked_in_zeros_percent must be less than 100 (got {zeros})")
    batch, sequence = int(cells["global_batch"] or micro_batch * systems), int(cells["seq_len"] or usual)
    published = of_unit(float(cells["value"]), cells["unit"], batch, sequence)
    return WaferRow(
        id=cells["id"], use=cells.get("use") or ("test" if cells["seq_len"] else "shown"),
        what=f"{cells['model']} on {cells['n_systems']} {cells['system']}",
        published=published, unit=cells["unit"], model=model, catalogued=known, called=cells["model"],
        profile=profile, software=software or REFERENCE_RELEASE, systems=systems, micro_batch=micro_batch,
        batch=batch, sequence=sequence,
        mode=cast(Mode, mode), baked_in_zeros=float(zeros or 0) / 100.0, assumed=tuple(found), why=why,
    )  # fmt: skip


def _system(text: str) -> str:
    """The profile behind a name such as `CS-2`, `Cerebras CS3` or a profile's own."""
    if text in names("hardware") and kind_of(text) in ("system", "cluster"):
        return text
    generation = re.search(r"CS-?([123])\b", text, re.IGNORECASE)
    if generation is None or len(re.findall(r"CS-?\d", text, re.IGNORECASE)) > 1:
        raise Infeasible(f"system {text!r} is neither a profile nor one of {', '.join(SYSTEMS)}")
    return "andromeda" if "andromeda" in text.lower() else SYSTEMS[f"CS-{generation[1]}"]


def _release(column: str, notes: str, profile: str) -> str | None:
    """The release from its column or from notes such as "SW R1.8.0"; None where nothing is said."""
    said = re.findall(r"\bSW R?(\d+\.\d+)|\b(?:R|release )(\d+\.\d+)", notes)
    versions = [first or second for first, second in sorted(said, key=lambda pair: not pair[0])]
    written = column.strip() or (f"R{versions[0]}" if versions else "")
    if not written:
        return None
    try:
        return release_of(written, profile)
    except WafersimError as error:
        raise Infeasible(str(error)) from None


def batch_sweep() -> tuple[tuple[float, float], tuple[float, float]]:
    """(measured, predicted) seconds of LLaMA2-7B's steps on a CS-3 as (fixed part, part per sequence), by least squares."""
    rows = [throughput_rows()[name] for name in SWEEP]
    batch = np.array([float(row.batch) for row in rows])
    design = np.stack([np.ones(len(rows)), batch], axis=1)

    def parts(rates: list[float]) -> tuple[float, float]:
        fixed, each = np.linalg.lstsq(design, batch / np.array(rates), rcond=None)[0].tolist()
        return fixed, each

    return parts([row.published for row in rows]), parts([row.judge().predicted for row in rows])


KIND = Kind(
    name="wafer",
    title="wafers: samples/s",
    needed=("id", "system", "n_systems", "model", "micro_batch_per_system", "metric", "value", "unit"),
    numbers=(
        "n_systems", "value", "seq_len", "micro_batch_per_system", "global_batch", "params", "kv_heads", "baseline_micro_batch",
        "baked_in_zeros_percent", *SHAPE,
    ),
    fractional=("value", "params", "baked_in_zeros_percent"),
    metrics=METRICS,
    read=read_row,
    published=published_rows,
    fit="wafer",
    shown="fit",
)  # fmt: skip
