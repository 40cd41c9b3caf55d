"""The periodic state of a weight-streaming plan: alike systems left out, any engine, checked against SimPy on request."""

from __future__ import annotations

from dataclasses import replace

from wafersim.strategies import periodic
from wafersim.strategies.periodic import compare_step, settle
from wafersim.strategies.steps import NAMES, Engine, LoweredSteps, ReferenceSteps, Steps, choose
from wafersim.strategies.weight_streaming.graph import lower
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.strategies.weight_streaming.symmetry import Folded, fold, unfolded

PeriodicStep = periodic.PeriodicStep[WeightStreamingPlan]


def start(plan: WeightStreamingPlan, engine: str) -> Steps:
    """A simulation of a plan on the engine that `choose` named."""
    if engine == "reference":
        return ReferenceSteps(Reference(plan).run_step, lower(plan).graph.reach)
    return LoweredSteps(lower(plan), engine)


def run_to_period(plan: WeightStreamingPlan, engine: Engine = "auto", reductions: bool = True) -> PeriodicStep:
    """Simulate until the full state repeats; with jitter, a fixed number of steps.

    Raises Infeasible for an engine that cannot run the plan, WafersimError when `both` engines disagree.
    """
    name, why = choose(plan.arrival_order, engine)
    folded = fold(plan) if reductions else unfolded(plan)
    reason = f"{NAMES[name]}: {why}"
    found = settle(folded.plan, start(folded.plan, name), name, reason, plan.jitter is not None)
    if engine != "both":
        return found
    compare(plan, folded, found)
    checked = f"{reason}; equal to the SimPy reference on every tick of {found.steps_simulated} steps"
    return replace(found, reason=checked)


def compare(plan: WeightStreamingPlan, folded: Folded, found: PeriodicStep) -> None:
    """Every step of the fast engine against the SimPy reference of the whole plan; raises WafersimError at a difference."""
    reference, again = start(plan, "reference"), start(folded.plan, found.engine)
    for step in range(found.steps_simulated):
        expected = reference.timeline(step, reference.next_step())
        compare_step(found.engine, expected, folded.unfold(again.timeline(step, again.next_step())))
