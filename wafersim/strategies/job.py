"""A job: what has to be done on which machine. What an experiment and a published row both become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import gcd

from wafersim.inputs.experiment import DisturbanceSpec
from wafersim.inputs.flops import MEGATRON, FlopsConvention
from wafersim.inputs.machine import AnyMachine
from wafersim.inputs.optimizer import REFERENCE, OptimizerName
from wafersim.inputs.strategy import GpuParallelSpec, WeightStreamingSpec
from wafersim.workload.transformer import Workload

HEALTHY = DisturbanceSpec()


@dataclass(frozen=True)
class Training:
    """How the job trains, settled: what an experiment's `training` says, without `published` and `per parameter`."""

    batch: int  # sequences of the whole cluster in a step
    tokens: float = 0.0  # of the whole run, or of its phase
    grain: int = 0  # what the batches of all phases on as many chips are multiples of; 0: of its own batch alone
    per_system: bool = False  # the batch was stated for one system: fewer systems have a smaller one
    optimizer: OptimizerName = REFERENCE
    gradient_clipping: str = "global-norm"
    optimizer_barrier: str = "none"
    loss_scaling: str = "none"
    weight_precision: str = "fp16"
    gradient_precision: str = "fp32"
    density: float = 1.0
    baked_in_zeros: float = 0.0
    input_rate: float | None = None  # sequences/s that the input workers of one system deliver


@dataclass(frozen=True)
class Job:
    """A model at a sequence length, the machine with its profile, how many of its wafers or GPUs, and how they go about it.

    A job that is known to have run (`must_fit` false) need not fit in memory as it is modelled.
    """

    workload: Workload
    machine: AnyMachine
    count: int
    strategy: WeightStreamingSpec | GpuParallelSpec
    training: Training
    disturbances: DisturbanceSpec = field(default=HEALTHY, hash=False)
    must_fit: bool = True
    flops: FlopsConvention = MEGATRON  # by which they are counted

    def alone(self) -> Job:
        """The same on one healthy system under the same batch rule, jitter included: what scaling is measured against."""
        training, asked = self.training, self.disturbances
        batch = training.batch // self.count if training.per_system else training.batch
        healthy = HEALTHY.model_copy(update={"jitter": asked.jitter, "seed": asked.seed})
        return replace(self, count=1, training=replace(training, batch=batch, grain=0), disturbances=healthy)

    @property
    def kind(self) -> str:
        """The strategy that runs it."""
        return self.strategy.kind


def grained(run: Sequence[Job]) -> tuple[Job, ...]:
    """Jobs of one run, each with the grain of all phases on as many chips as its own."""
    grains = {job.count: gcd(*(other.training.batch for other in run if other.count == job.count)) for job in run}
    return tuple(replace(job, training=replace(job.training, grain=grains[job.count])) for job in run)
