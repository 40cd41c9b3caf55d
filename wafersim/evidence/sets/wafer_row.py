"""A measurement on wafers: the throughput of a cluster, how far from linear it scales, or the training FLOPs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from types import MappingProxyType

from wafersim.evidence.rows import ValidatedRow
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.fit import load_fit
from wafersim.inputs.machine import load_machine
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.simulation import job_of, step_and_interval, step_seconds
from wafersim.strategies.job import Job, Training
from wafersim.workload.model import Model
from wafersim.workload.transformer import Workload, build_workload, workload_of

TOKENS_PER_PARAMETER = 20
NO_CHANGE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class WaferRow:
    """Throughput of training on wafers, with all that a simulation needs; `catalogued` is its model's name, if it has one."""

    id: str
    use: str
    what: str
    published: float
    unit: str
    model: Model
    catalogued: str | None
    called: str  # the model as the table names it
    profile: str
    software: str
    systems: int
    micro_batch: int
    batch: int
    sequence: int
    assumed: tuple[str, ...] = ()
    why: str = ""

    @property
    def group(self) -> str:
        """The profile of the wafer-scale system."""
        return load_machine(self.profile).system.name

    @property
    def workload(self) -> Workload:
        """The model at the row's sequence length."""
        return workload_of(self.model, self.sequence)

    def job(self, constants: Mapping[str, float] = NO_CHANGE) -> Job:
        """The one place where a row becomes a job, under changed constants of the system."""
        overrides = {f"system.{name}": value for name, value in constants.items()}
        return Job(
            workload=self.workload,
            machine=load_machine(self.profile, overrides, self.software),
            count=self.systems,
            strategy=WeightStreamingSpec(micro_batch=self.micro_batch),
            training=Training(self.batch),
        )

    def judge(self) -> ValidatedRow:
        """Throughput beside the published one, and as the rows of other jobs predict it where that is known."""
        seconds, uncertainty = step_and_interval(self.job())
        rate = self.batch / seconds
        low, high = uncertainty.bounds(rate)
        without = load_fit("wafer").left_out.get(self.id)
        left_out = None
        if without is not None:
            middle = self.published * exp(without.error)
            left_out = (middle, middle * exp(-without.half_width), middle * exp(without.half_width))
        return ValidatedRow(
            self.id, self.use, self.what, rate, self.published, self.unit, self.assumed, self.why,
            group=self.group, low=low, high=high, left_out=left_out,
        )  # fmt: skip


@dataclass(frozen=True)
class ScalingRow:
    """Percent of throughput that weak scaling loses, with the jitter and the spread that the profile states."""

    id: str
    published: float
    unit: str
    model: str
    profile: str
    systems: int
    why: str
    use: str = "shown"
    group: str = "weak scaling"

    def judge(self) -> ValidatedRow:
        """Percent below linear."""
        experiment = Experiment.model_validate(
            {
                "name": "row",
                "model": self.model,
                "system": {"profile": self.profile, "systems": self.systems},
                "strategy": {"micro_batch": "published"},
                "training": {"batch_per_system": "published"},
                "disturbances": {"jitter": "profile", "spread": "profile"},
            }
        )
        many = job_of(experiment)
        one = many.alone()
        rates = [job.training.batch / job.count / step_seconds(job) for job in (many, one)]
        what, loss = f"{self.model} from 1 to {self.systems} systems", 100.0 * (1.0 - rates[0] / rates[1])
        return ValidatedRow(self.id, self.use, what, loss, self.published, self.unit, (), self.why, group=self.group)


@dataclass(frozen=True)
class FlopsRow:
    """Training FLOPs of a model as its card states them."""

    id: str
    published: float
    unit: str
    model: str
    use: str = "flops"
    group: str = "training FLOPs"

    def judge(self) -> ValidatedRow:
        """FLOPs at 20 tokens per parameter under the published convention of the Cerebras-GPT cards."""
        workload = build_workload(self.model, 2048)
        flops = workload.published_flops_per_token * TOKENS_PER_PARAMETER * workload.parameters
        what = f"training FLOPs of {self.model}"
        return ValidatedRow(self.id, self.use, what, flops, self.published, self.unit, group=self.group)
