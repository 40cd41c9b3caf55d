"""A measurement on GPUs: its jobs, one for every combination of what it leaves open, and the range of their predictions.

What a row leaves open (its micro-batch, its recompute, its virtual stages) is not chosen to please: every value that runs is
predicted, and the row gets the range. Its prediction is that of the fastest: who states a rate has looked for the setting that
gives it (Narayanan et al. 2021, section 3: micro-batch and interleaving are picked for the highest throughput that fits).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import exp, inf, log
from typing import Any

from pydantic import ValidationError

from wafersim.errors import Infeasible
from wafersim.evidence.rows import ValidatedRow
from wafersim.inputs.flops import MEGATRON, FlopsConvention
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.simulation import step_and_interval
from wafersim.strategies.gpu_parallel.features import group_of
from wafersim.strategies.job import Job, Training
from wafersim.workload.flops import flops_per_token, hardware_flops_per_token
from wafersim.workload.model import Model
from wafersim.workload.transformer import workload_of

UNITS = {  # of the metrics that are predicted
    "iteration_time": "s", "tokens_per_s_per_gpu": "token/s/GPU", "model_tflops_per_gpu": "TFLOP/s/GPU",
    "tflops_per_gpu_hw": "TFLOP/s/GPU", "mfu": "%",
}  # fmt: skip
RECALLED = "recalled, nobody has verified it"


@dataclass(frozen=True)
class GpuRow:
    """A row with its settings; `options` are the values of what it does not state, `model` the likeliest of its models."""

    id: str
    use: str
    group: str  # the study that it comes from, with its GPU if that reports several; by columns; or "own"
    recalled: bool
    profile: str
    software: str
    model: Model
    sequence: int
    gpus: int
    batch: int
    settings: Mapping[str, Any]
    options: Mapping[str, tuple[Any, ...]]
    metric: str
    published: float
    assumed: tuple[str, ...]
    other_models: tuple[Model, ...] = ()  # that the columns may mean as well
    flops: FlopsConvention = MEGATRON  # by which a rate in TFLOP/s or an MFU is stated
    seen: bool = False  # whether a row that sets constants has its configuration
    memory: float | None = None  # bytes that nvidia-smi saw in use on a GPU

    @property
    def open(self) -> tuple[str, ...]:
        """What the row does not state and is predicted as a range: settings, and sizes of the model."""
        models = (self.model, *self.other_models)
        sizes = [name for name in ("mlp", "kv_heads", "vocab") if len({getattr(model, name) for model in models}) > 1]
        return (*self.options, *sizes)

    @property
    def stack(self) -> str:
        """Training stack and cluster, on one node or on several: the rows that its interval rests on."""
        return group_of(load_gpu_machine(self.profile, self.software), self.gpus)

    @property
    def family(self) -> str:
        """What runs the same kernels on every GPU, and errs alike whatever its layers, replicas and stages."""
        kernels = (
            self.model.d_model,
            self.model.heads,
            self.sequence,
            self.settings["tensor"],
            self.settings.get("micro_batch"),
        )
        said = zip(("hidden", "heads", "sequence", "tensor", "micro-batch"), kernels, strict=True)
        return f"{self.software} on {self.profile}: {', '.join(f'{name} {value}' for name, value in said)}"

    @property
    def job(self) -> str:
        """What is the same however it is split: model, machine, GPUs, sequence, batch, precision."""
        m = self.model
        sizes = (m.layers, m.d_model, m.heads, m.kv_heads, m.d_ffn, m.vocab, m.experts)
        return (
            f"{' x '.join(map(str, sizes))} on {self.gpus} GPUs of {self.profile} with {self.software}, {self.batch} sequences "
            f"of {self.sequence}, {self.settings['precision']}"
        )

    @property
    def split(self) -> str:
        """Every setting, whether stated or left open."""
        said = {**self.settings, **self.options}
        return ", ".join(f"{name} {said[name]}" for name in sorted(said))

    @property
    def configuration(self) -> tuple[object, ...]:
        """What two rows share that run the same on every GPU: all but the batch, the release of the software and the day."""
        m = self.model
        sizes = (m.layers, m.d_model, m.heads, m.kv_heads, m.d_ffn, m.vocab, m.experts, m.experts_per_token)
        return (*sizes, self.sequence, self.gpus, self.profile, self.split)

    @property
    def unit(self) -> str:
        """Of its metric."""
        return UNITS[self.metric]

    def jobs(self, **instead: Any) -> list[Job]:
        """One job for every combination of what is open; `instead` closes some of it. Raises Infeasible for a wrong setting."""
        machine = load_gpu_machine(self.profile, self.software)
        options = {name: values for name, values in self.options.items() if name not in instead}
        out = []
        for model, *values in product((self.model, *self.other_models), *options.values()):
            chosen = {**self.settings, **instead, **dict(zip(options, values, strict=True))}
            try:
                spec = GpuParallelSpec(kind="gpu-parallel", **chosen)
            except ValidationError as wrong:
                fault = wrong.errors()[0]
                place = ".".join(map(str, fault["loc"]))
                raise Infeasible(f"{place}: {fault['msg']} (got {fault['input']!r})") from None
            out.append(Job(workload_of(model, self.sequence), machine, self.gpus, spec, Training(self.batch)))
        return out

    def value(self, step_seconds: float, job: Job | None = None) -> float:
        """A step time in the row's unit, FLOPs in the row's own convention; of one `job` where the row leaves anything open."""
        tokens = self.batch * self.sequence
        if self.metric == "iteration_time":
            return step_seconds
        if self.metric == "tokens_per_s_per_gpu":
            return tokens / step_seconds / self.gpus
        job = job or self.jobs()[0]
        workload = job.workload
        if self.metric == "tflops_per_gpu_hw":
            assert isinstance(job.strategy, GpuParallelSpec)
            flops = tokens * hardware_flops_per_token(workload, self.flops, job.strategy.recompute)
        else:
            flops = tokens * flops_per_token(workload, self.flops)
        if self.metric == "mfu":
            peak = load_gpu_machine(self.profile, self.software).gpu.values.peak_fp16.value
            return 100.0 * flops / step_seconds / self.gpus / peak
        return flops / step_seconds / self.gpus / 1e12

    @property
    def seconds(self) -> float:
        """The step time that the published value says: every other metric is inversely proportional to one."""
        return self.published if self.metric == "iteration_time" else self.value(1.0) / self.published

    def judge(self) -> ValidatedRow:
        """The prediction, or that of the fastest setting where some are not stated (with the range of all).

        A setting that is stated did run, whether it fits the modelled memory or not; of those left open only what fits counts.
        Where nothing fits, full recompute is tried, then whatever the memory: the row did run.
        """
        assumed = self.assumed
        found = self._predicted(self.jobs(), must_fit=True)
        fits = bool(found.values)
        if not found.values and "recompute" in self.options:
            assumed = (*self.assumed, "recompute full: nothing else fits")
            found = self._predicted(self.jobs(recompute="full"), must_fit=True)
        if not found.values:
            assert found.refused is not None
            assumed = (*self.assumed, str(found.refused))
            found = self._predicted(self.jobs(), must_fit=False)
        if not found.values:
            assert found.refused is not None
            raise found.refused
        low, high = min(found.values), max(found.values)
        several = len(found.values) > 1
        return ValidatedRow(
            self.id, self.use, f"{self.model.name} on {self.gpus} GPUs", found.predicted, self.published,
            self.unit, assumed, RECALLED if self.recalled else "", group=self.group, set="gpu",
            range_low=low if several else None, range_high=high if several else None,
            low=min(found.bounds), high=max(found.bounds), fits=fits, job=self.job, split=self.split,
            seen=self.seen,
        )  # fmt: skip

    def _predicted(self, jobs: Sequence[Job], must_fit: bool) -> _Range:
        values, bounds, refused = list[float](), list[float](), None
        fastest = dict[str, tuple[float, float]]()  # (seconds, value), by what the columns may mean by the model
        for job in jobs:
            try:
                seconds, uncertainty = step_and_interval(replace(job, must_fit=must_fit))
            except Infeasible as reason:
                refused = reason
                continue
            values.append(self.value(seconds, job))
            bounds += [self.value(time, job) for time in uncertainty.bounds(seconds)]
            model = repr(job.workload.model)
            fastest[model] = min(fastest.get(model, (inf, 0.0)), (seconds, values[-1]))
        return _Range(tuple(values), tuple(value for _, value in fastest.values()), tuple(bounds), refused)


@dataclass(frozen=True)
class _Range:
    """Values of the jobs that run and of the fastest of each model, bounds of all intervals, why the last other does not."""

    values: tuple[float, ...]
    fastest: tuple[float, ...]
    bounds: tuple[float, ...]
    refused: Infeasible | None

    @property
    def predicted(self) -> float:
        """That of the fastest settings; between models, which nobody chose, the middle."""
        return exp(0.5 * (log(min(self.fastest)) + log(max(self.fastest))))
