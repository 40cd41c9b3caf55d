"""A prediction: what people read of a simulated step, in SI units, with the resource that binds it. Made once, complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from wafersim.errors import WafersimError
from wafersim.inputs.flops import FlopsConvention
from wafersim.inputs.price import price_json
from wafersim.metrics.bill import Bill, bill_of
from wafersim.metrics.interval import Uncertainty
from wafersim.shown import Shown
from wafersim.strategies.critical import Critical, critical
from wafersim.strategies.job import Job
from wafersim.strategies.run import PeriodicStep
from wafersim.strategies.strategy import Account, Binding, Breakdown, MemoryUse, Search, Split
from wafersim.strategies.words import Words
from wafersim.timeline.clock import to_seconds
from wafersim.workload.flops import flops_per_token

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class EngineRun:
    """Which engine ran and why, how many steps it took to the periodic state, and how many entities stood for all."""

    name: str
    reason: str
    steps: int
    entities: int


@dataclass(frozen=True)
class Provenance:
    """The assumed numbers that the prediction leans on, by path, and what a reader should know besides."""

    assumed: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PhaseTime:
    """A part of the run: chips, sequences of a step, tokens of each and of all steps, seconds of a step, FLOPs of a token."""

    n_systems: int
    batch: int
    sequence_length: int
    tokens: float
    step_time_s: float
    flops_per_token: float  # of the model, by the job's convention

    @property
    def steps(self) -> float:
        """How many steps it takes."""
        return self.tokens / (self.batch * self.sequence_length)

    @property
    def days(self) -> float:
        """Days that its steps take."""
        return self.tokens / (self.batch * self.sequence_length / self.step_time_s) / SECONDS_PER_DAY

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        of_step = {"n_systems": self.n_systems, "batch": self.batch, "sequence_length": self.sequence_length,
                   "step_time_s": self.step_time_s}  # fmt: skip
        return {**of_step, "steps": self.steps, "days": self.days}

    @classmethod
    def of(cls, job: Job, step_time_s: float) -> PhaseTime:
        """Of a job whose step takes so long."""
        training = job.training
        per_token = flops_per_token(job.workload, job.flops, training.density)
        return cls(job.count, training.batch, job.workload.sequence_length, training.tokens, step_time_s, per_token)


@dataclass(frozen=True)
class Prediction(Shown):
    """One point. Times in seconds, rates per second, bytes; `breakdown` adds up to `step_time_s`.

    `kind` is the machine's (wafer, gpu); `n_systems` counts its chips. Of a run of several `phases` the step is the last one's;
    tokens, days, energy and cost are those of all.
    """

    kind: str  # of machine: wafer or gpu
    model: str  # its name
    n_systems: int  # wafers or GPUs at work
    batch: int  # sequences of a step, of all systems together
    batch_per_system: float  # sequences of one system in a step
    micro_batch: int  # sequences that a system, or a replica of GPUs, works on at once
    micro_batches: int  # of a system or replica in a step
    sequence_length: int  # tokens of a sequence
    parameters: int  # of the model, all that are trained
    step_time_s: float  # seconds from one step to the next, of the periodic state
    step_spread: float  # standard deviation of single steps over their mean, with jitter
    tokens: float  # trained on in the whole run
    flops_convention: FlopsConvention  # of the three that follow
    mfu: float  # model FLOPs over what the chips could do in the step at their dense 16-bit peak, a share of 1
    model_flops_per_step: float  # FLOPs that the model needs, without recompute
    training_flops: float  # FLOPs of the whole run
    breakdown: Breakdown  # seconds of the step by part
    binding: Binding  # the part that binds, and the resource in words
    utilisation: tuple[tuple[str, float], ...]  # busy share of each resource, of 1
    memory: MemoryUse  # bytes of a wafer, or of the fullest GPU
    split: Split  # how the job lies over the chips
    engine: EngineRun  # which engine ran, and why
    critical: Critical | None  # the chain of tasks that sets the step time; the SimPy reference keeps none
    bill: Bill  # power in W, energy in J and cost in USD of the steps, with sources
    uncertainty: Uncertainty  # what the 80 % interval is made of
    provenance: Provenance  # assumed numbers that move it, and what a reader should know
    phases: tuple[PhaseTime, ...]  # parts of the run that differ in batch, length or systems; one if none do
    search: Search | None = None  # what a search over splits found and left behind
    periodic: PeriodicStep[Any] | None = field(
        default=None, repr=False, compare=False
    )  # kept by `wafersim.simulate` alone

    @property
    def samples_per_s(self) -> float:
        """Sequences a second."""
        return self.batch / self.step_time_s

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second."""
        return self.batch * self.sequence_length / self.step_time_s

    @property
    def days_to_train(self) -> float:
        """Days that the steps of the whole run take."""
        return sum(phase.days for phase in self.phases)

    @property
    def binding_resource(self) -> str:
        """What binds, in words."""
        return self.binding.resource

    def timeline(self) -> dict[str, npt.NDArray[Any]]:
        """The tasks of the step as columns, the first system of each kind of alike ones; docs/howto/trace.md names them.

        Raises WafersimError of a prediction that `wafersim.simulate` did not make; points of `wafersim.run` have their own.
        """
        if self.periodic is None:
            raise WafersimError("this prediction has no timeline: wafersim.simulate(...) and points of wafersim.run do")
        return self.periodic.timeline.columns()

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "model": self.model,
            "n_systems": self.n_systems,
            "batch": self.batch,
            "batch_per_system": self.batch_per_system,
            "micro_batch": self.micro_batch,
            "micro_batches": self.micro_batches,
            "sequence_length": self.sequence_length,
            "parameters": self.parameters,
            "step_time_s": self.step_time_s,
            "step_spread": self.step_spread,
            "samples_per_s": self.samples_per_s,
            "tokens_per_s": self.tokens_per_s,
            "flops_convention": self.flops_convention,
            "mfu": self.mfu,
            "model_flops_per_step": self.model_flops_per_step,
            "training_flops": self.training_flops,
            "tokens": self.tokens,
            "days_to_train": self.days_to_train,
            "phases": [phase.to_json() for phase in self.phases],
            "breakdown": self.breakdown.to_json(),
            "binding_part": self.binding.part,
            "binding_resource": self.binding.resource,
            "utilisation": dict(self.utilisation),
            "memory": self.memory.to_json(),
            "split": {"name": self.split.name, "dimensions": list(self.split.dimensions)},
            "layout": self.split.to_json(),
            "search": None if self.search is None else self.search.to_json(),
            "engine": self.engine.name,
            "engine_reason": self.engine.reason,
            "steps_simulated": self.engine.steps,
            "systems_simulated": self.engine.entities,
            "critical": None if self.critical is None else self.critical.to_json(),
            "power_w": self.bill.power_w,
            "power_error": self.bill.power_error,
            "peak_power_w": self.bill.peak_power_w,
            "energy_j": self.bill.energy_j,
            "cost_usd": self.bill.cost_usd,
            "price": price_json(self.bill.price),
            "bill": list(self.bill.sources),
            "interval": self.interval(),
            "notes": list(self.provenance.notes),
            "assumed": list(self.provenance.assumed),
        }

    def interval(self) -> dict[str, Any]:
        """The 80 % interval of the step time carried to rates, days, energy and cost, and what it is made of.

        Energy is as uncertain as the power besides; prices are taken as they are.
        """
        out = self.uncertainty.to_json()
        carried = {
            "step_time_s": self.step_time_s,
            "days_to_train": self.days_to_train,
            "cost_usd": self.bill.cost_usd,
            "samples_per_s": self.samples_per_s,
            "tokens_per_s": self.tokens_per_s,
            "mfu": self.mfu,
        }
        bounds = {name: None if v is None else list(self.uncertainty.bounds(v)) for name, v in carried.items()}
        energy = self.uncertainty.beside(self.bill.power_error).bounds(self.bill.energy_j)
        return {**out, **bounds, "energy_j": list(energy)}


def binding_of(of_parts: Binding, chain: Critical | None, words: Words) -> Binding:
    """What binds a step: the kind of task that takes most of its critical chain.

    The parts of a step are one chip's, so that waiting for two links may look less than its compute though no kernel is on the
    chain. Among what is computed the parts tell more than the chain, and without a chain they are all there is.
    """
    if chain is None:
        return of_parts
    part_of, computes = dict(words.on_circuit), words.parts[0].key
    shares: dict[str, float] = {}
    for task, share in chain.shares:
        part = part_of.get(task, computes)
        shares[part] = shares.get(part, 0.0) + share
    part = max(shares, key=lambda name: shares[name])
    if part == of_parts.part or (part == computes and of_parts.part not in part_of.values()):
        return of_parts
    return Binding(part, words.part[part].resource)


def predict(
    job: Job,
    words: Words,
    periodic: PeriodicStep[Any],
    account: Account,
    uncertainty: Uncertainty,
    assumed: tuple[str, ...] = (),
    earlier: tuple[PhaseTime, ...] = (),
) -> Prediction:
    """What a step of the periodic state, with its strategy's account of it, says of a job, after `earlier` phases of its run."""
    step = to_seconds(float(periodic.step_ticks))
    workload, training = job.workload, job.training
    chain = critical(periodic)
    phases = (*earlier, PhaseTime.of(job, step))
    flops = phases[-1].flops_per_token * training.batch * workload.sequence_length
    tokens = sum(phase.tokens for phase in phases)
    return Prediction(
        kind=words.kind,
        model=workload.model.name,
        n_systems=job.count,
        batch=training.batch,
        batch_per_system=account.batch_per_chip,
        micro_batch=account.micro_batch,
        micro_batches=account.micro_batches,
        sequence_length=workload.sequence_length,
        parameters=workload.parameters,
        step_time_s=step,
        step_spread=0.0 if periodic.plan.repeats else periodic.spread,
        tokens=tokens,
        flops_convention=job.flops,
        mfu=flops / (step * job.count * job.machine.peak_flops),
        model_flops_per_step=flops,
        training_flops=sum(phase.flops_per_token * phase.tokens for phase in phases),
        breakdown=account.breakdown,
        binding=binding_of(account.binding, chain, words),
        utilisation=account.utilisation,
        memory=account.memory,
        split=account.split,
        engine=EngineRun(periodic.engine, periodic.reason, periodic.steps_simulated, account.simulated),
        critical=chain,
        bill=bill_of(job.machine, [(phase.n_systems, phase.days * SECONDS_PER_DAY) for phase in phases]),
        uncertainty=uncertainty,
        provenance=Provenance(assumed, account.notes),
        phases=phases,
        search=account.search,
    )
