"""The periodic state of a GPU plan, on any engine, checked against SimPy on request."""

from __future__ import annotations

from dataclasses import replace

from wafersim.strategies import periodic
from wafersim.strategies.gpu_parallel.graph import lower
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.processes import Reference
from wafersim.strategies.periodic import compare_step, settle
from wafersim.strategies.steps import NAMES, Engine, LoweredSteps, ReferenceSteps, Steps, choose

PeriodicStep = periodic.PeriodicStep[GpuPlan]


def start(plan: GpuPlan, engine: str) -> Steps:
    """A simulation of a plan on the engine that `choose` named."""
    if engine == "reference":
        return ReferenceSteps(Reference(plan).run_step, 1)
    return LoweredSteps(lower(plan), engine)


def run_to_period(plan: GpuPlan, engine: Engine = "auto") -> PeriodicStep:
    """Simulate until the full state repeats. Raises WafersimError when `both` engines disagree."""
    name, why = choose((), engine)
    found = settle(plan, start(plan, name), name, f"{NAMES[name]}: {why}")
    if engine != "both":
        return found
    reference, again = start(plan, "reference"), start(plan, name)
    for step in range(found.steps_simulated):
        expected = reference.timeline(step, reference.next_step())
        compare_step(name, expected, again.timeline(step, again.next_step()))
    checked = f"{found.reason}; equal to the SimPy reference on every tick of {found.steps_simulated} steps"
    return replace(found, reason=checked)
