"""The published GPU rows as jobs: machine, software and split of each, with what it does not state.

What a row leaves open (its micro-batch, its recompute, its virtual stages) is not chosen to please: every value that runs is
predicted, and the row gets the range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from pydantic import ValidationError

from wafersim.errors import Infeasible, WafersimError
from wafersim.evidence.report import read_rows
from wafersim.evidence.tables import shipped
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.profile import named
from wafersim.inputs.resources import names
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.simulation import GpuJob
from wafersim.strategies.gpu_parallel.layouts import blocks_divide
from wafersim.workload.model import Model
from wafersim.workload.transformer import workload_of

NUMA_FIX, BF16 = 25, 28  # days of February 2022 on which the BLOOM study's software changed
GROUPS = ("vtrain_multi", "vtrain_single", "bloomdev", "bloom176", "mosaic", "kor22", "nar21_t1", "nar21_t2", "mcore", "titan",
          "mtnlg", "opt175b", "neox20b")  # fmt: skip
METRICS = {
    "iteration_time": "s", "tokens_per_s_per_gpu": "token/s/GPU", "model_tflops_per_gpu": "TFLOP/s/GPU",
    "tflops_per_gpu_hw": "TFLOP/s/GPU", "mfu": "%",
}  # fmt: skip
MOSAIC = {  # llm-foundry's releases and precisions by the GPU that the study names
    "h100_80gb": ("mosaic-h100", "llm-foundry-amp-h100"),
    "a100_80gb": ("mosaic-a100-80gb", "llm-foundry-amp"),
    "a100_40gb": ("mosaic-a100-40gb", "llm-foundry-bf16"),
}
OWN = "own"  # a user's rows, whose machine stands in their columns
RECALLED = ("opt175b", "neox20b")  # shown, never judged


HARDWARE = (  # what a table may call a machine: the first that is found in it
    ("Jean Zay", "jean-zay"), ("Grand Teton", "grand-teton-h100"), ("B200", "dgx-b200"), ("H200", "dgx-h200"),
    ("H100", "dgx-h100"), ("V100", "dgx2-v100"), ("40GB", "dgx-a100-40gb"), ("A100", "dgx-a100-80gb"),
)  # fmt: skip


@dataclass(frozen=True)
class GpuRow:
    """A row with its settings; `options` are the values of what it does not state."""

    id: str
    use: str
    group: str
    device: str  # for groups that report by GPU
    profile: str
    software: str
    model: Model
    sequence: int
    gpus: int
    batch: int
    settings: dict[str, Any]
    options: dict[str, tuple[Any, ...]]
    metric: str
    published: float
    unit: str
    assumed: tuple[str, ...]
    memory: float | None = None  # bytes that a GPU was seen to use

    def jobs(self, **instead: Any) -> list[GpuJob]:
        """One job for every combination of what is open; `instead` closes some of it."""
        machine = load_gpu_machine(self.profile, self.software)
        workload = workload_of(self.model, self.sequence)
        options = {name: values for name, values in self.options.items() if name not in instead}
        out = []
        for values in product(*options.values()):
            chosen = {**self.settings, **instead, **dict(zip(options, values, strict=True))}
            batch = self.batch
            try:
                spec = GpuParallelSpec(kind="gpu-parallel", **chosen)
            except ValidationError as wrong:
                fault = wrong.errors()[0]
                raise Infeasible(
                    f"{'.'.join(map(str, fault['loc']))}: {fault['msg']} (got {fault['input']!r})"
                ) from None
            out.append(GpuJob(workload, machine, spec, self.gpus, batch))
        return out

    def value(self, step_seconds: float) -> float:
        """A step time in the row's unit."""
        m, tokens = self.model, self.batch * self.sequence
        h, layers = m.d_model, m.layers
        if self.metric == "iteration_time":
            return step_seconds
        if self.metric == "tokens_per_s_per_gpu":
            return tokens / step_seconds / self.gpus
        head = m.vocab / (layers * h)
        scores = 1 + self.sequence / (6 * h)
        if self.metric == "tflops_per_gpu_hw":
            flops = 96.0 * tokens * layers * h * h * (scores + head / 16)
        else:
            flops = 72.0 * tokens * layers * h * h * (scores + head / 12)
        if self.metric == "mfu":
            peak = load_gpu_machine(self.profile, self.software).gpu.values.peak_fp16.value
            return 100.0 * flops / step_seconds / self.gpus / peak
        return flops / step_seconds / self.gpus / 1e12


@cache
def gpu_rows() -> tuple[dict[str, GpuRow], dict[str, str]]:
    """(rows that can be simulated, reasons of the others), by id."""
    return rows_of(shipped("gpu"))


def rows_of(table: list[dict[str, str]]) -> tuple[dict[str, GpuRow], dict[str, str]]:
    """The rows of a table in these columns, shipped or a user's own."""
    return read_rows(table, _row)


def _row(raw: dict[str, str]) -> GpuRow:
    notes = raw.get("notes") or ""
    if raw["metric"] not in METRICS:
        raise Infeasible(f"metric {raw['metric']!r} is none of {', '.join(METRICS)}")
    unit = raw.get("unit") or METRICS[raw["metric"]]
    if raw["metric"] == "mfu" and not 1 < float(raw["value"]) < 100:
        raise Infeasible(f"value {raw['value']}: mfu is in percent")
    if unit != METRICS[raw["metric"]]:
        raise Infeasible(f"unit {unit!r}; {raw['metric']} is in {METRICS[raw['metric']]}")
    group = next((name for name in GROUPS if raw["id"].startswith(name)), OWN)
    assumed: list[str] = []

    def number(name: str, default: float | None = None) -> float:
        if raw.get(name) not in (None, "", "-"):
            return float(raw[name])
        if default is None:
            raise Infeasible(f"{name} is not stated")
        assumed.append(f"{name} {default:g}")
        return default

    if group == "mcore" and not raw["tp"]:
        raise Infeasible("tensor and pipeline parallelism are not stated")
    pipeline = int(number("pp"))
    layers = int(number("layers", _layers(raw, pipeline)))
    model = Model(
        name=raw["model"], family="published", layers=layers, d_model=int(number("d_model")),
        heads=int(number("heads", 64.0)), d_ffn=int(number("d_ffn")), vocab=int(number("vocab", 50257.0)),
        max_sequence=int(number("seq_len")), published_parameters=float(raw.get("params_b") or 0) * 1e9,
        source=raw.get("source") or "own",
        **_dialect(raw["model"]),
    )  # fmt: skip
    gpus, data, tensor = int(number("n_gpus")), int(number("dp")), int(number("tp"))
    context, left = divmod(gpus, data * tensor * pipeline)
    if left or not context or (context > 1 and group != "titan"):
        raise Infeasible(f"tp {tensor} x pp {pipeline} x dp {data} does not multiply out to {gpus} GPUs")
    zero = int(number("zero_stage", {"mcore": 1.0, "mosaic": 3.0}.get(group, 0.0)))
    # A pipeline keeps gathered weights and sums gradients over its micro-batches: a step sees what stage 1 would send.
    sharded_in_one = pipeline > 1 and (zero == 2 or group == "titan")
    settings: dict[str, Any] = {
        "tensor": tensor, "pipeline": pipeline, "data": data, "context": context, "zero_stage": 1 if sharded_in_one else zero,
        "sequence_parallel": raw.get("seq_parallel") == "1" or group == "titan",
        "flash_attention": group in ("mosaic", "mcore", "titan", OWN),
        "precision": "fp8" if "fp8" in notes or "float8" in notes else "bf16",
    }  # fmt: skip
    if not blocks_divide(layers, pipeline):
        settings["uneven_stages"] = True
    options: dict[str, tuple[Any, ...]] = {}
    batch = int(number("global_batch", float(_local_batch(raw) * data)))
    if group in RECALLED:  # recalled in tokens: the nearest that the split divides
        multiple = data * int(float(raw["micro_batch"] or 1))
        batch = round(batch / multiple) * multiple
        assumed.append(f"batch {batch}")
    _open_or_stated(raw, group, data, batch, layers, pipeline, settings, options)
    if options:
        assumed += [f"{name} {' or '.join(map(str, values))}" for name, values in options.items()]
    device = (
        next((name for name in MOSAIC if raw["hardware"].lower().startswith(name)), "") if group == "mosaic" else ""
    )
    profile, software = _machine(raw, group, device)
    return GpuRow(
        id=raw["id"], use="shown" if group in RECALLED else raw.get("use") or "test", group=group, device=device, profile=profile,
        software=software, model=model, sequence=model.max_sequence, gpus=gpus, batch=batch, settings=settings,
        options=options, metric=raw["metric"], published=float(raw["value"]), unit=unit, assumed=tuple(assumed),
        memory=_memory(raw.get("notes") or ""),
    )  # fmt: skip


def _memory(notes: str) -> float | None:
    """`mem 47GB` of the BLOOM study: nvidia-smi's MiB, rounded."""
    found = re.search(r"mem (\d+)GB", notes)
    return float(found[1]) * 2**30 if found else None


def _layers(raw: dict[str, str], pipeline: int) -> float | None:
    """From the rounded parameter count: the multiple of the stages nearest to it."""
    if not raw["d_model"] or not raw.get("params_b"):
        return None
    h, vocab = float(raw["d_model"]), float(raw.get("vocab") or 50257)
    return float(round((float(raw["params_b"]) * 1e9 - vocab * h) / (12 * h * h) / pipeline) * pipeline)


def _dialect(model: str) -> dict[str, Any]:
    if model.startswith("Llama"):
        grouped = {"kv_heads": 8} if model.split(" ")[-1] in ("8B", "70B", "405B") else {}
        return {**grouped, "mlp": "swiglu", "tied_embeddings": False, "norm": "rmsnorm", "mlp_bias": False,
                "attention_bias": False}  # fmt: skip
    return {}


def _local_batch(raw: dict[str, str]) -> int:
    found = re.search(r"local batch (\d+)", (raw.get("notes") or ""))
    return int(found[1]) if found else 1


def _open_or_stated(
    raw: dict[str, str], group: str, data: int, batch: int, layers: int, pipeline: int,
    settings: dict[str, Any], options: dict[str, tuple[Any, ...]],
) -> None:  # fmt: skip
    """Micro-batch, recompute and virtual stages, stated or open."""
    replica = max(1, batch // data)
    if raw.get("micro_batch"):
        settings["micro_batch"] = int(float(raw["micro_batch"]))
    elif group == "titan" and pipeline == 1:
        settings["micro_batch"] = 1
    else:
        options["micro_batch"] = tuple(b for b in (1, 2, 4, 8) if replica % b == 0)
    if raw.get("recompute"):
        settings["recompute"] = raw["recompute"]
    else:
        options["recompute"] = ("none", "selective", "full") if group in RECALLED else ("none", "selective")
    if raw.get("vp_stages"):
        settings["virtual_stages"] = int(float(raw["vp_stages"]))
    elif group in ("nar21_t1", "nar21_t2", "mcore") and pipeline > 1:
        options["virtual_stages"] = tuple(
            v
            for v in (1, 2, 3, 4)
            if (v == 1 and group != "nar21_t1")
            or (v > 1 and layers % (pipeline * v) == 0 and blocks_divide(layers, pipeline))
        )
    else:
        settings["virtual_stages"] = 1


def _machine(raw: dict[str, str], group: str, device: str) -> tuple[str, str]:
    """(cluster profile, software profile) of a row."""
    if group == OWN:
        profile = raw["hardware"].strip()
        if profile not in names("hardware"):
            profile = next((p for text, p in HARDWARE if text.lower() in profile.lower()), profile)
        try:
            software = raw.get("software") or named(load_gpu_machine(profile).network.software)
            load_gpu_machine(profile, software)
        except WafersimError as unknown:
            raise Infeasible(str(unknown)) from None
        return profile, software
    if group.startswith("vtrain"):
        return "vtrain-a100", "megatron-deepspeed"
    if group.startswith("bloom"):
        found = re.search(r"02-(\d\d)", (raw.get("notes") or ""))
        day = int(found[1]) if found else BF16
        early, later = "megatron-deepspeed-bloom-early", "megatron-deepspeed-bloom"
        return "jean-zay", early if day < NUMA_FIX else later if day < BF16 else f"{later}-bf16"
    if group == "mosaic":
        if device not in MOSAIC:
            raise Infeasible(f"hardware {raw['hardware']!r} begins with none of {', '.join(MOSAIC)}")
        return MOSAIC[device]
    if group == "mcore":
        return "dgx-h100", "megatron-core"
    if group == "titan":
        return "grand-teton-h100", "torchtitan"
    if group == "neox20b":
        return "dgx-a100-40gb", "megatron-deepspeed-2021"
    if group == "opt175b":
        return "dgx-a100-80gb", "megatron-lm-2021"
    deepspeed = group == "mtnlg" or raw.get("zero_stage") == "3"
    if deepspeed:
        return "dgx-a100-80gb", "megatron-deepspeed-2021"
    return "dgx-a100-80gb", "megatron-lm" if group == "kor22" else "megatron-lm-2021"
