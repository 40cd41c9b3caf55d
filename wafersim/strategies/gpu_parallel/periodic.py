"""How GPU plans run."""

from __future__ import annotations

from functools import partial

from wafersim.strategies import run
from wafersim.strategies.gpu_parallel.graph import lower
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.processes import Reference
from wafersim.strategies.gpu_parallel.tally import tally
from wafersim.strategies.lowering import Lowered
from wafersim.strategies.run import Folded, Stateless
from wafersim.strategies.tally import Tally

PeriodicStep = run.PeriodicStep[GpuPlan]


class Runs(Stateless):
    """GPU plans on every engine."""

    def lower(self, plan: GpuPlan) -> Lowered:
        """The task graph."""
        return lower(plan)

    def reference(self, plan: GpuPlan) -> Reference:
        """The SimPy processes."""
        return Reference(plan)

    def fold(self, plan: GpuPlan) -> Folded[GpuPlan]:
        """The plan itself: its one pipeline stands for all replicas already."""
        return Folded(plan, lambda timeline: timeline)

    def tally(self, plan: GpuPlan) -> Tally:
        """Its tasks."""
        return tally(plan)


run_to_period = partial(run.run_to_period, Runs())
start = partial(run.start, Runs())
