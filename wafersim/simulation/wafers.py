"""Weight streaming on wafers: Experiment -> Workload -> Plan -> Timeline -> Prediction, one function each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wafersim.metrics.bill import wafer_bill, with_bill
from wafersim.metrics.prediction import Prediction, predict
from wafersim.simulation.experiments import tokens_of, workload_of
from wafersim.spec.experiment import Experiment
from wafersim.spec.machine import Machine as MachineProfile
from wafersim.spec.machine import load_machine
from wafersim.strategies.steps import Engine
from wafersim.strategies.weight_streaming.choice import plan_step, with_micro_batches
from wafersim.strategies.weight_streaming.periodic import PeriodicStep, run_to_period
from wafersim.strategies.weight_streaming.planner import Planned
from wafersim.strategies.weight_streaming.settings import machine_of, settings_of, shards_of


@dataclass(frozen=True)
class Simulated:
    """A prediction with the plan and the periodic step behind it, on wafers."""

    prediction: Prediction
    planned: Planned
    periodic: PeriodicStep


def simulate_wafers(experiment: Experiment, engine: Engine = "auto") -> Simulated:
    """Weight streaming on wafers."""
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
    return Simulated(with_bill(prediction, wafer_bill(profile, len(shards))), planned, periodic)


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
