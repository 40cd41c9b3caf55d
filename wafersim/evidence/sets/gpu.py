"""The GPU table, shipped or a user's: cells to rows with machine, software and split."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

from wafersim.errors import Infeasible
from wafersim.evidence.cells import checked, flag, stated, whole, zero_stage
from wafersim.evidence.coverage import Judged
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, read_rows
from wafersim.evidence.sets.gpu_row import UNITS, GpuRow
from wafersim.evidence.sets.gpu_sources import Source, Stack, source_of
from wafersim.evidence.tables import shipped
from wafersim.inputs.fit import Fit
from wafersim.inputs.flops import FLOPS_CONVENTIONS, MEGATRON
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import GpuMachine, load_gpu_machine
from wafersim.simulation import job_of
from wafersim.strategies.gpu_parallel.layouts import blocks_divide
from wafersim.workload.model import Model

NUMBERS = (
    "n_gpus", "value", "tp", "pp", "dp", "seq_len", "micro_batch", "global_batch", "params_b", "layers", "d_model", "heads",
    "d_ffn", "vocab", "vp_stages", "kv_heads", "head_dim", "experts", "experts_per_token", "cp", "ep", "peak_memory_gib",
)  # fmt: skip
COUNTING = ("model_tflops_per_gpu", "tflops_per_gpu_hw", "mfu")  # metrics of counted FLOPs
FRACTIONAL = ("value", "params_b", "peak_memory_gib")


@cache
def published_rows() -> Rows[GpuRow]:
    """The shipped rows."""
    return read_rows(shipped("gpu"), read_row)


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


class _Reader:
    """The cells of one row, and what had to be assumed of it."""

    def __init__(self, cells: Cells, source: Source) -> None:
        self.cells, self.source, self.assumed = cells, source, list[str]()

    def whole(self, name: str, default: int | None = None) -> int:
        """The number in a cell, or that of the source, or `default`; raises Infeasible without any."""
        text = stated(self.cells, name)
        if text:
            return whole(name, text)
        return self._default(name, default)

    def zero_stage(self) -> int:
        """From a number or words."""
        text = stated(self.cells, "zero_stage")
        return zero_stage(text) if text else self._default("zero_stage", 0)

    def context(self, gpus: int, others: int) -> int:
        """GPUs that share a sequence: the column, or what the other sizes leave; raises Infeasible where neither fits."""
        said = stated(self.cells, "cp")
        context, left = (whole("cp", said), 0) if said else divmod(gpus, others)
        if left or others * context != gpus or (context > 1 and not said and not self.source.context_parallel):
            sizes = " x ".join(f"{name} {self.cells[name]}" for name in ("tp", "pp", "dp", "cp") if self.cells[name])
            raise Infeasible(f"{sizes} do not multiply out to {gpus} GPUs")
        return context

    def precision(self) -> str:
        """Of the products, as the column or else the notes state it; bf16 is assumed where neither does."""
        said = stated(self.cells, "precision").lower()
        if not said:
            notes = stated(self.cells, "notes").lower()
            said = "fp8" if "fp8" in notes or "float8" in notes else "bf16"
            self.assumed.append(f"precision {said}")
        return said

    def _default(self, name: str, default: int | None) -> int:
        found = self.source.defaults.get(name, default)
        if found is None:
            raise Infeasible(f"{name} is not stated")
        self.assumed.append(f"{name} {found:g}")
        return int(found)


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
    read = _Reader(cells, source)
    pipeline = read.whole("pp")
    model = _model(cells, read, pipeline)
    gpus, data, tensor = read.whole("n_gpus"), read.whole("dp"), read.whole("tp")
    context = read.context(gpus, data * tensor * pipeline)
    zero = read.zero_stage()
    # A pipeline keeps gathered weights and sums gradients over its micro-batches: a step sees what stage 1 would send.
    sharded_in_one = pipeline > 1 and (zero == 2 or source.sharded_once)
    settings: dict[str, Any] = {
        "tensor": tensor, "pipeline": pipeline, "data": data, "context": context, "zero_stage": 1 if sharded_in_one else zero,
        "sequence_parallel": flag("seq_parallel", stated(cells, "seq_parallel")),
        "flash_attention": False,
        "expert": int(cells["ep"] or 1),
        "precision": read.precision(),
        **source.settings,
    }  # fmt: skip
    if "tokens dropped" in notes:  # every expert takes as many as the mean
        settings["expert_capacity"] = 1.0
    if not blocks_divide(model.layers, pipeline):
        settings["uneven_stages"] = True
    batch = read.whole("global_batch", _local_batch(notes) * data)
    if source.recalled:  # recalled in tokens: the nearest that the split divides
        multiple = data * int(cells["micro_batch"] or 1)
        batch = round(batch / multiple) * multiple
        read.assumed.append(f"batch {batch}")
    stated_, options = _open_or_stated(cells, source, max(1, batch // data), model.layers, pipeline)
    settings |= stated_
    if source.recompute and not stated(cells, "recompute"):
        read.assumed.append(f"recompute {source.recompute}")
    read.assumed += [f"{name} {' or '.join(map(str, values))}" for name, values in options.items()]
    if not counted and metric in COUNTING:
        read.assumed.append(f"FLOPs as {MEGATRON} counts them")
    stack = source.stack(cells, zero, notes)
    read.assumed += [stack.assumed] * bool(stack.assumed)
    precision = str(settings["precision"])
    group = _group(stack, model, precision) if source.by_columns else f"{source.name} {stack.device}".strip()
    return GpuRow(
        id=cells["id"], use="shown" if source.recalled else cells.get("use") or "test", group=group,
        recalled=source.recalled, profile=stack.profile, software=stack.software, model=model, sequence=model.max_sequence,
        gpus=gpus, batch=batch, settings=settings, options=options, metric=metric, published=value,
        assumed=tuple(read.assumed), flops=counted or MEGATRON, memory=_memory(notes),
        peak_memory=float(cells["peak_memory_gib"] or 0) * 2**30 or None,
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


def _model(cells: Cells, read: _Reader, pipeline: int) -> Model:
    """The model that a row's columns describe; gated MLPs come with untied tables, RMS norms and no biases, as in LLaMA."""
    gated = stated(cells, "mlp").lower() == "swiglu"  # any gated MLP; "gelu" stands for the others
    bare: dict[str, Any] = {"norm": "rmsnorm", "mlp_bias": False, "attention_bias": False, "tied_embeddings": False}
    experts = int(cells["experts"] or 1)
    try:
        return Model(
            name=cells["model"], family="published", layers=read.whole("layers", _layers(cells, pipeline)),
            d_model=read.whole("d_model"), heads=(heads := read.whole("heads", 64)), d_ffn=read.whole("d_ffn"),
            vocab=read.whole("vocab", 50257), max_sequence=read.whole("seq_len"),
            published_parameters=float(cells["params_b"] or 0) * 1e9, source=cells["source"] or "own",
            kv_heads=int(cells["kv_heads"] or heads), head_dim=int(cells["head_dim"] or 0), mlp="swiglu" if gated else "gelu",
            experts=experts, experts_per_token=int(cells["experts_per_token"] or 1), **(bare if gated else {}),
        )  # fmt: skip
    except ZeroDivisionError:
        raise Infeasible("heads must be at least 1") from None


def _layers(cells: Cells, pipeline: int) -> int | None:
    """From the rounded parameter count: the multiple of the stages nearest to it."""
    if not cells["d_model"] or not cells["params_b"]:
        return None
    h, vocab = float(cells["d_model"]), float(cells["vocab"] or 50257)
    return round((float(cells["params_b"]) * 1e9 - vocab * h) / (12 * h * h) / pipeline) * pipeline


def _local_batch(notes: str) -> int:
    found = re.search(r"local batch (\d+)", notes)
    return int(found[1]) if found else 1


def _open_or_stated(
    cells: Cells, source: Source, replica: int, layers: int, pipeline: int
) -> tuple[dict[str, Any], dict[str, tuple[Any, ...]]]:
    """(settings, options) of micro-batch, recompute and virtual stages, whether the row states them or leaves them open."""
    settings: dict[str, Any] = dict(source.unpipelined) if pipeline == 1 else {}
    options: dict[str, tuple[Any, ...]] = {}
    if cells["micro_batch"]:
        settings["micro_batch"] = int(cells["micro_batch"])
    elif "micro_batch" not in settings:
        options["micro_batch"] = tuple(b for b in source.open["micro_batch"] if replica % b == 0)
    if stated(cells, "recompute"):
        settings["recompute"] = cells["recompute"].lower()
    elif source.recompute:
        settings["recompute"] = source.recompute
    else:
        options["recompute"] = tuple(source.open["recompute"])
    if cells["vp_stages"]:
        settings["virtual_stages"] = int(cells["vp_stages"])
    elif pipeline > 1 and "virtual_stages" in source.open:
        whole_stages = blocks_divide(layers, pipeline)
        options["virtual_stages"] = tuple(
            v for v in source.open["virtual_stages"] if v == 1 or (layers % (pipeline * v) == 0 and whole_stages)
        )
    else:
        settings["virtual_stages"] = 1
    return settings, options


KIND = Kind(
    name="gpu",
    title="GPUs: time, tokens/s or TFLOP/s",
    needed=(
        "id", "hardware", "n_gpus", "layers", "d_model", "heads", "d_ffn", "seq_len", "tp", "pp", "dp", "metric", "value",
    ),
    numbers=NUMBERS,
    fractional=FRACTIONAL,
    metrics=tuple(UNITS),
    read=read_row,
    published=published_rows,
    fit="gpu",
)  # fmt: skip
