"""A measurement on wafers: the throughput of a cluster, how far from linear it scales, or the training FLOPs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from wafersim.evidence.rows import ValidatedRow
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.fit import load_fit
from wafersim.inputs.machine import load_machine
from wafersim.metrics.prediction import Prediction
from wafersim.simulation import Simulated, scaling_efficiency, simulate, simulate_wafers
from wafersim.simulation.wafers import with_interval
from wafersim.workload.model import Model
from wafersim.workload.transformer import Workload, build_workload, workload_of

TOKENS_PER_PARAMETER = 20
STAND_IN = "gpt2-small"  # an experiment names a model of the catalogue; a row's own shape takes its place


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

    def experiment(self, constants: Mapping[str, float]) -> Experiment:
        """The experiment that the row describes, under changed constants of the system."""
        return Experiment.model_validate(
            {
                "name": "row",  # an id may hold what a name may not
                "model": self.catalogued or STAND_IN,
                "system": {
                    "profile": self.profile,
                    "systems": self.systems,
                    "software": self.software,
                    "overrides": {f"system.{name}": value for name, value in constants.items()},
                },
                "strategy": {"kind": "weight-streaming", "micro_batch": self.micro_batch},
                "training": {"sequence_length": self.sequence, "batch": self.batch},
            }
        )

    def simulated(self, constants: Mapping[str, float] | None = None) -> Simulated:
        """The one place where a row becomes a simulation. Raises Infeasible."""
        return simulate_wafers(self.experiment(constants or {}), workload=self.workload)

    def prediction(self) -> Prediction:
        """The same with its interval."""
        return with_interval(self.simulated(), self.experiment({}), self.workload).prediction

    def judge(self) -> ValidatedRow:
        """Throughput beside the published one, and as the rows of other jobs predict it where that is known."""
        prediction = self.prediction()
        assert prediction.uncertainty is not None
        low, high = prediction.uncertainty.bounds(prediction.samples_per_s)
        without = load_fit("wafer").left_out.get(self.id)
        left_out = None
        if without is not None:
            middle = self.published * exp(without.error)
            left_out = (middle, middle * exp(-without.half_width), middle * exp(without.half_width))
        return ValidatedRow(
            self.id, self.use, self.what, prediction.samples_per_s, self.published, self.unit, self.assumed, self.why,
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
        efficiency = scaling_efficiency(simulate(experiment), experiment)
        assert efficiency is not None
        what, loss = f"{self.model} from 1 to {self.systems} systems", 100.0 * (1.0 - efficiency)
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
