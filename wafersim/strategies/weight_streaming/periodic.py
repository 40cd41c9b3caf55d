"""How weight-streaming plans run."""

from __future__ import annotations

from functools import partial

from wafersim.strategies import run
from wafersim.strategies.lowering import Lowered
from wafersim.strategies.run import Folded, Stateless
from wafersim.strategies.tally import Tally
from wafersim.strategies.weight_streaming.graph import lower
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.strategies.weight_streaming.symmetry import fold
from wafersim.strategies.weight_streaming.tally import tally

PeriodicStep = run.PeriodicStep[WeightStreamingPlan]


class Runs(Stateless):
    """Weight-streaming plans on every engine."""

    def lower(self, plan: WeightStreamingPlan) -> Lowered:
        """The task graph."""
        return lower(plan)

    def reference(self, plan: WeightStreamingPlan) -> Reference:
        """The SimPy processes."""
        return Reference(plan)

    def fold(self, plan: WeightStreamingPlan) -> Folded[WeightStreamingPlan]:
        """One representative for each class of alike systems."""
        return fold(plan)

    def tally(self, plan: WeightStreamingPlan) -> Tally:
        """Its tasks."""
        return tally(plan)


run_to_period = partial(run.run_to_period, Runs())
start = partial(run.start, Runs())
