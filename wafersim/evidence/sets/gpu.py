"""The GPU table, shipped or a user's: cells to rows with machine, software and split."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from wafersim.errors import Infeasible
from wafersim.evidence.cells import checked, stated
from wafersim.evidence.coverage import Judged
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, read_rows
from wafersim.evidence.sets.gpu_cells import Reader
from wafersim.evidence.sets.gpu_model import models_of
from wafersim.evidence.sets.gpu_row import UNITS, GpuRow
from wafersim.evidence.sets.gpu_sources import Source, Stack, source_of
from wafersim.evidence.tables import shipped
from wafersim.inputs.fit import Fit
from wafersim.inputs.flops import FLOPS_CONVENTIONS, MEGATRON
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import GpuMachine, load_gpu_machine
from wafersim.simulation import job_of
from wafersim.workload.model import Model

NUMBERS = (
    "n_gpus", "value", "tp", "pp", "dp", "seq_len", "micro_batch", "global_batch", "params_b", "layers", "d_model", "heads",
    "d_ffn", "vocab", "vp_stages", "kv_heads", "head_dim", "experts", "experts_per_token", "cp", "ep", "peak_memory_gib",
)  # fmt: skip
COUNTING = ("model_tflops_per_gpu", "tflops_per_gpu_hw", "mfu")  # metrics of counted FLOPs
FRACTIONAL = ("value", "params_b", "peak_memory_gib")


@cache
def published_rows() -> Rows[GpuRow]:
    """The shipped rows; those that judge know whether a row that sets constants has their configuration."""
    found = read_rows(shipped("gpu"), read_row)
    fitted = {row.configuration for row in found.measured.values() if row.use == "fit"}
    judges = {
        name: replace(row, seen=row.use != "fit" and row.configuration in fitted)
        for name, row in found.measured.items()
    }
    return Rows(judges, found.refused)


def left_out_by_stack(fit: Fit) -> dict[str, list[Judged]]:
    """Published rows as a calibration predicts them without their family, by stack and cluster."""
    found: dict[str, list[Judged]] = {}
    for row in published_rows().measured.values():
        if row.id in fit.left_out:
            found.setdefault(row.stack, []).append((row.family, fit.left_out[row.id]))
    return found


def read_row(cells: Cells) -> GpuRow:
    """A row of a table, of a published study if its columns say so; raises Infeasible where it does not state enough."""
    source = source_of(cells)
    row = _row(cells, source)
    return _as_run(row, source.experiment) if source.experiment else row


def read_own_row(cells: Cells) -> GpuRow:
    """A row of a user's table, which may have the configuration of a published one that sets constants."""
    row = read_row(cells)
    return replace(row, seen=row.configuration in _fitted())


@cache
def _fitted() -> frozenset[tuple[object, ...]]:
    return frozenset(row.configuration for row in published_rows().measured.values() if row.use == "fit")


def _as_run(row: GpuRow, name: str) -> GpuRow:
    """A row that a shipped experiment runs: its model and its settings are the experiment's, so that `run` says the same."""
    experiment = load_experiment(name)
    job = job_of(experiment)
    assert isinstance(job.machine, GpuMachine)
    settings = job.strategy.model_dump(exclude={"kind"})
    assumed = (f"batch {job.training.batch}, split and micro-batch as in the experiment {name}",)
    return replace(
        row, profile=job.machine.name, software=job.machine.software.name, model=job.workload.model, gpus=job.count,
        batch=job.training.batch, settings=settings, options={}, assumed=assumed,
    )  # fmt: skip


def _row(cells: Cells, source: Source) -> GpuRow:
    metric, notes = cells["metric"], stated(cells, "notes")
    if metric not in UNITS:
        raise Infeasible(f"metric {metric!r} is none of {', '.join(UNITS)}")
    cells = checked(cells, NUMBERS, FRACTIONAL)
    value, unit = float(cells["value"]), cells["unit"] or UNITS[metric]
    if metric == "mfu" and not 1 < value < 100:
        raise Infeasible(f"value {cells['value']}: mfu is in percent")
    if unit != UNITS[metric]:
        raise Infeasible(f"unit {unit!r}; {metric} is in {UNITS[metric]}")
    counted = stated(cells, "flops").lower() or source.flops
    if counted and counted not in FLOPS_CONVENTIONS:
        raise Infeasible(f"flops {counted!r} is none of {', '.join(FLOPS_CONVENTIONS)}")
    for column, reason in source.required.items():
        if not stated(cells, column):
            raise Infeasible(reason)
    read = Reader(cells, source)
    gpus, pipeline = read.whole("n_gpus"), read.whole("pp")
    models = models_of(read, pipeline)
    model = models[0]
    settings = read.settings(gpus, model.layers, model.experts)
    data, local = settings["data"], read.local_batch()
    batch = read.whole("global_batch", None if local is None else local * data)
    if source.recalled:  # recalled in tokens: the nearest that the split divides
        multiple = data * int(cells["micro_batch"] or 1)
        batch = round(batch / multiple) * multiple
        read.assumed.append(f"batch {batch}")
    settings |= read.open_or_stated(max(1, batch // data), model.layers, pipeline)
    if not counted and metric in COUNTING:
        read.assumed.append(f"FLOPs as {MEGATRON} counts them")
    stack = source.stack(cells, settings.get("zero_stage", 0), notes)
    read.assumed += [stack.assumed] * bool(stack.assumed)
    precision = str(settings["precision"])
    group = _group(stack, model, precision) if source.by_columns else f"{source.name} {stack.device}".strip()
    if source.software_of_zero_3 and settings.get("zero_stage") == 3:  # another stack, reported apart
        group += " zero-3"
    return GpuRow(
        id=cells["id"], use="shown" if source.recalled else cells.get("use") or "test", group=group,
        recalled=source.recalled, profile=stack.profile, software=stack.software, model=model, sequence=model.max_sequence,
        gpus=gpus, batch=batch, settings=settings, options=read.options, other_models=models[1:], metric=metric, published=value,
        assumed=tuple(read.assumed), flops=counted or MEGATRON, memory=_memory(notes),
    )  # fmt: skip


def _memory(notes: str) -> float | None:
    """`mem 47GB` of the BLOOM study: nvidia-smi's MiB, rounded."""
    found = re.search(r"mem (\d+)GB", notes)
    return float(found[1]) * 2**30 if found else None


def _group(stack: Stack, model: Model, precision: str) -> str:
    """What errors of modern rows are reported by: mixtures of experts, else the generation of GPU, and B200's precision."""
    gpu = load_gpu_machine(stack.profile).gpu.name
    if model.experts > 1:
        return "moe"
    if gpu.startswith(("gb200", "gb300")):
        return "gb200 and gb300"
    if gpu == "b200":
        return f"b200 {precision}"
    return "dense h100 and h200" if gpu.startswith("h") else f"dense {gpu}"


KIND = Kind(
    name="gpu",
    title="GPUs: time, tokens/s or TFLOP/s",
    needed=(
        "id", "hardware", "n_gpus", "layers", "d_model", "heads", "d_ffn", "seq_len", "tp", "pp", "dp", "metric", "value",
    ),
    numbers=NUMBERS,
    fractional=FRACTIONAL,
    metrics=tuple(UNITS),
    read=read_own_row,
    published=published_rows,
    fit="gpu",
)  # fmt: skip
