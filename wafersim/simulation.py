"""simulate(experiment): Experiment -> Workload -> Plan -> Timeline -> Prediction, one function each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from wafersim.errors import Infeasible
from wafersim.metrics.prediction import Prediction, predict
from wafersim.spec.experiment import DisturbanceSpec, Experiment
from wafersim.spec.machine import Machine as MachineProfile
from wafersim.spec.machine import load_machine
from wafersim.strategies.steps import Engine
from wafersim.strategies.weight_streaming.choice import plan_step, with_micro_batches
from wafersim.strategies.weight_streaming.periodic import PeriodicStep, run_to_period
from wafersim.strategies.weight_streaming.planner import Planned
from wafersim.strategies.weight_streaming.settings import machine_of, settings_of, shards_of
from wafersim.workload.transformer import Workload, build_workload


@dataclass(frozen=True)
class Simulated:
    """A prediction with the plan and the periodic step behind it."""

    prediction: Prediction
    planned: Planned
    periodic: PeriodicStep


def simulate(experiment: Experiment, engine: Engine = "auto") -> Prediction:
    """The prediction of an experiment without a sweep.

    Raises Infeasible with the reason when no activation policy fits, the batch is smaller than the cluster, or the
    cluster is larger than its SwarmX reaches.
    """
    return simulate_step(experiment, engine).prediction


def simulate_step(experiment: Experiment, engine: Engine = "auto") -> Simulated:
    """The same with plan and timeline, for figures and for tests."""
    profile = load_machine(experiment.system.profile, experiment.system.overrides)
    workload = workload_of(experiment)
    machine = machine_of(profile, experiment.system.software or "R2")
    shards, notes = shards_of(experiment, workload, profile)
    settings = with_micro_batches(experiment, workload, machine, settings_of(experiment, machine, shards))
    planned, reason = plan_step(experiment, workload, machine, settings)
    periodic = run_to_period(planned.plan, engine)
    prediction = predict(
        periodic,
        planned,
        workload,
        machine,
        shards,
        tokens_of(experiment, workload),
        notes,
        assumed_numbers(profile, experiment),
    )
    prediction = replace(prediction, memory={**prediction.memory, "reason": reason})
    return Simulated(prediction, planned, periodic)


def scaling_efficiency(prediction: Prediction, experiment: Experiment) -> float | None:
    """Throughput per system against one healthy system under the same batch rules, jitter included; None if one cannot run."""
    asked = experiment.disturbances
    if prediction.n_systems == 1 and asked == DisturbanceSpec(jitter=asked.jitter, seed=asked.seed):
        return 1.0
    alone = experiment.model_copy(
        update={
            "system": experiment.system.model_copy(update={"systems": 1}),
            "disturbances": DisturbanceSpec(jitter=asked.jitter, seed=asked.seed),
        }
    )
    try:
        single = _simulated_once(alone.model_dump_json())
    except Infeasible:
        return None
    return prediction.samples_per_s / prediction.n_systems / single.samples_per_s


@cache
def _simulated_once(experiment_json: str) -> Prediction:
    return simulate(Experiment.model_validate_json(experiment_json))


def workload_of(experiment: Experiment) -> Workload:
    """Experiment -> Workload."""
    return build_workload(experiment.model, experiment.training.sequence_length)


def tokens_of(experiment: Experiment, workload: Workload) -> float:
    """Tokens of the whole run: a number, or so many per parameter."""
    tokens = experiment.training.tokens
    if isinstance(tokens, str) and tokens.endswith("per parameter"):
        return float(tokens.removesuffix("per parameter")) * workload.parameters
    return float(tokens)


def assumed_numbers(profile: MachineProfile, experiment: Experiment) -> tuple[str, ...]:
    """The numbers of a machine that nobody has published and a prediction reads, by path."""
    asked = experiment.disturbances
    choices = {"compute_jitter": asked.jitter, "system_spread": asked.spread}
    unused = {name for name, choice in choices.items() if choice != "profile"}
    parts = {"system": profile.system.values, "memoryx": profile.memoryx.values, "swarmx": profile.swarmx.values}
    return tuple(
        f"{part}.{name}"
        for part, values in parts.items()
        for name, number in values
        if number is not None and number.kind == "assumed" and name not in unused
    )
