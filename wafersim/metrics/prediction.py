"""A prediction: what people read of a simulated step, in SI units, with the resource that binds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wafersim.metrics.breakdown import Breakdown, breakdown, utilisation
from wafersim.metrics.interval import Uncertainty
from wafersim.strategies.critical import critical_ops
from wafersim.strategies.periodic import PeriodicStep as AnyPeriodicStep
from wafersim.strategies.steps import LoweredSteps
from wafersim.strategies.weight_streaming.periodic import PeriodicStep
from wafersim.strategies.weight_streaming.planner import Machine, Planned
from wafersim.timeline.clock import to_seconds
from wafersim.workload.transformer import Workload

SECONDS_PER_DAY = 86_400.0

BINDING = {
    "compute": "wafer compute",
    "kernel_latency": "kernel latency",
    "exposed_drain": "gradient drain",
    "exposed_activations": "activation traffic (system I/O)",
    "exposed_input": "input workers",
    "optimizer": "optimizer (MemoryX)",
    "fixed_latency": "fixed latency (SwarmX hops, MemoryX)",
}
STREAM_LINKS = {"stream": "MemoryX link", "ingress": "system I/O"}


@dataclass(frozen=True)
class Prediction:
    """One point. Times in seconds, rates per second, bytes; `breakdown` adds up to `step_time_s`.

    `kind` is wafer or gpu; `n_systems` counts those.
    """

    kind: str
    model: str
    n_systems: int
    batch: int
    batch_per_system: float
    micro_batch: int
    micro_batches: int
    sequence_length: int
    parameters: int
    step_time_s: float
    samples_per_s: float
    tokens_per_s: float
    mfu: float
    model_flops_per_step: float
    training_flops: float
    breakdown: dict[str, float]
    binding_resource: str
    utilisation: dict[str, float]
    memory: dict[str, Any]
    tokens: float
    days_to_train: float
    engine: str
    engine_reason: str
    steps_simulated: int
    systems_simulated: int  # the others are alike one of these
    critical: dict[str, Any] | None = None  # the chain of tasks that sets the step time; the SimPy reference keeps none
    step_spread: float = 0.0  # standard deviation of single steps over their mean, with jitter
    power_w: float | None = None
    energy_j: float | None = None  # of the whole run
    cost_usd: float | None = None  # of the whole run, where a price is known
    bill: tuple[str, ...] = ()  # where power and price come from
    scaling_efficiency: float | None = None
    uncertainty: Uncertainty | None = None
    layout: dict[str, Any] | None = None  # how the job is split over GPUs
    search: dict[str, Any] | None = None  # what a search over splits found and left behind
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        del plain["uncertainty"]
        return plain | ({"interval": self.interval()} if self.uncertainty is not None else {})

    def interval(self) -> dict[str, Any]:
        """The 80 % interval of the step time carried to rates, days, energy and cost, and what it is made of."""
        assert self.uncertainty is not None
        out = self.uncertainty.to_json()
        for name in ("step_time_s", "days_to_train", "energy_j", "cost_usd"):
            value = getattr(self, name)
            out[name] = None if value is None else list(self.uncertainty.bounds(value))
        for name in ("samples_per_s", "tokens_per_s", "mfu"):
            out[name] = list(self.uncertainty.bounds(getattr(self, name)))
        return out


def predict(
    periodic: PeriodicStep,
    planned: Planned,
    workload: Workload,
    machine: Machine,
    shards: tuple[int, ...],
    tokens: float,
    notes: tuple[str, ...] = (),
    assumed: tuple[str, ...] = (),
) -> Prediction:
    """Timeline -> Prediction, for a cluster that works through `shards` sequences in a step."""
    plan = periodic.plan
    ticks = round(periodic.step_ticks)
    parts = breakdown(periodic.timeline, plan, ticks, periodic.before if plan.jitter else None)
    step = to_seconds(float(periodic.step_ticks))
    batch, sequence = sum(shards), workload.sequence_length
    tokens_per_s = batch * sequence / step
    flops = workload.model_flops_per_token * batch * sequence
    busy = utilisation(periodic.timeline, ticks)
    if plan.jitter is not None:
        notes = (*notes, f"jitter: mean of {periodic.cycle} steps with seed {plan.jitter.seed}")
    elif not periodic.exact:
        notes = (*notes, "no exact period found; step time is the mean of the last steps")
    return Prediction(
        kind="wafer",
        model=workload.model.name,
        n_systems=len(shards),
        batch=batch,
        batch_per_system=max(shards),
        micro_batch=plan.micro_batch_sizes[0],
        micro_batches=plan.micro_batches,
        sequence_length=sequence,
        parameters=workload.parameters,
        step_time_s=step,
        samples_per_s=batch / step,
        tokens_per_s=tokens_per_s,
        mfu=flops / (step * len(shards) * machine.device.peak_flops),
        model_flops_per_step=flops,
        training_flops=workload.published_flops_per_token * tokens,
        breakdown={name: to_seconds(value) for name, value in parts.as_dict().items()},
        binding_resource=binding_resource(parts, busy),
        utilisation=busy,
        memory=_memory(planned),
        tokens=tokens,
        days_to_train=tokens / tokens_per_s / SECONDS_PER_DAY,
        engine=periodic.engine,
        engine_reason=periodic.reason,
        steps_simulated=periodic.steps_simulated,
        systems_simulated=plan.systems,
        critical=critical(periodic),
        step_spread=periodic.spread if plan.jitter is not None else 0.0,
        notes=notes,
        assumed=assumed,
    )


def critical(periodic: AnyPeriodicStep[Any]) -> dict[str, Any] | None:
    """The chain of tasks that sets the step time, as shares by name; None from a SimPy reference."""
    if not isinstance(periodic.steps, LoweredSteps):
        return None
    chain = critical_ops(periodic)
    return {"tasks": chain.length, "steps": chain.steps, "shares": chain.shares}


def binding_resource(parts: Breakdown, busy: dict[str, float]) -> str:
    """The part of the step that is largest; an exposed stream is named by its busiest link."""
    values = parts.as_dict()
    largest = max(values, key=lambda name: values[name])
    if largest != "exposed_stream":
        return BINDING[largest]
    links = {name: share for name, share in busy.items() if name in STREAM_LINKS or name.startswith("broadcast")}
    link = max(links, key=lambda name: links[name])
    return f"weight stream ({STREAM_LINKS.get(link, link.replace('broadcast', 'SwarmX'))})"


def _memory(planned: Planned) -> dict[str, Any]:
    memory = planned.memory
    return {
        "sram_bytes": memory.sram_bytes,
        "reserved_bytes": memory.reserved_bytes,
        "weight_buffer_bytes": memory.weight_buffer_bytes,
        "drain_buffer_bytes": memory.drain_buffer_bytes,
        "activation_bytes": memory.activation_bytes,
        "working_set_bytes": memory.working_set_bytes,
        "total_bytes": memory.total_bytes,
        "server_bytes": memory.server_bytes,
        "sub_batches": {"block": memory.block_sub_batches, "head": memory.head_sub_batches},
        "activation_policy": str(planned.policy),
        "reason": "",
    }
