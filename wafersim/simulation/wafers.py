"""Weight streaming on wafers: Experiment -> Workload -> Plan -> Timeline -> Prediction, one function each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import Machine as MachineProfile
from wafersim.inputs.machine import load_machine
from wafersim.metrics.bill import wafer_bill, with_bill
from wafersim.metrics.prediction import Prediction, predict
from wafersim.simulation.experiments import tokens_of, workload_of
from wafersim.simulation.intervals import wafer_uncertainty
from wafersim.simulation.replay import Replay
from wafersim.strategies.steps import Engine
from wafersim.strategies.weight_streaming.activations import Policy
from wafersim.strategies.weight_streaming.choice import plan_step, with_micro_batches
from wafersim.strategies.weight_streaming.periodic import PeriodicStep, run_to_period
from wafersim.strategies.weight_streaming.planner import Disturbances, Planned, Settings, build_plan
from wafersim.strategies.weight_streaming.settings import machine_of, settings_of, shards_of
from wafersim.timeline.clock import to_seconds
from wafersim.wafer.op_cost import op_cost
from wafersim.workload.transformer import Workload


@dataclass(frozen=True)
class Simulated:
    """A prediction with the plan and the periodic step behind it, on wafers."""

    prediction: Prediction
    planned: Planned
    periodic: PeriodicStep
    replay: Replay[MachineProfile]


def simulate_wafers(experiment: Experiment, engine: Engine = "auto", workload: Workload | None = None) -> Simulated:
    """Weight streaming on wafers; of another workload than the experiment's model where one is given."""
    profile = load_machine(experiment.system.profile, experiment.system.overrides)
    workload = workload or workload_of(experiment)
    machine = machine_of(profile, experiment.system.release)
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
    prediction = with_bill(prediction, wafer_bill(profile, len(shards)))
    replay = _replay(experiment, profile, workload, settings, planned.policy)
    return Simulated(prediction, planned, periodic, replay)


def _replay(
    experiment: Experiment, profile: MachineProfile, workload: Workload, settings: Settings, policy: Policy
) -> Replay[MachineProfile]:
    """The step of healthy systems under the policy and the micro-batch that were chosen."""
    healthy = replace(settings, disturbances=Disturbances())
    software = experiment.system.release

    def seconds(changed: MachineProfile) -> float:
        planned = build_plan(workload, machine_of(changed, software), healthy, policy, op_cost)
        return nan if isinstance(planned, str) else to_seconds(float(run_to_period(planned.plan).step_ticks))

    return Replay(profile, seconds)


def with_interval(simulated: Simulated, experiment: Experiment, workload: Workload | None = None) -> Simulated:
    """The same with how far off it may be."""
    prediction, workload = simulated.prediction, workload or workload_of(experiment)
    software = experiment.system.release
    found = wafer_uncertainty(simulated.replay, workload, prediction.micro_batch, prediction.n_systems, software)
    return replace(simulated, prediction=replace(prediction, uncertainty=found))


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
        if number is not None and number.kind == "assumed" and name not in unused and name != "rent"
    )
