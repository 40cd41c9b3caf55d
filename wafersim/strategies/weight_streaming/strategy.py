"""Weight streaming on wafers, as a strategy."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import nan

from wafersim.errors import Infeasible
from wafersim.inputs.machine import AnyMachine
from wafersim.strategies.job import HEALTHY, Job
from wafersim.strategies.run import run_to_period
from wafersim.strategies.strategy import Account, Features, SharedJob, Slack
from wafersim.strategies.together import run_together
from wafersim.strategies.weight_streaming.account import account
from wafersim.strategies.weight_streaming.choice import Choice, Prospects, choose, prospects
from wafersim.strategies.weight_streaming.features import features
from wafersim.strategies.weight_streaming.memoryx import check_memoryx, kept_bytes
from wafersim.strategies.weight_streaming.periodic import PeriodicStep, Runs
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.planner import build_plan
from wafersim.strategies.weight_streaming.settings import disturbances_of, machine_of, wafers_of
from wafersim.strategies.weight_streaming.shared import share
from wafersim.strategies.weight_streaming.slack import slacks
from wafersim.strategies.weight_streaming.words import WORDS
from wafersim.timeline.clock import to_seconds
from wafersim.wafer.op_cost import op_cost


class WeightStreaming(Runs):
    """Weights stream from MemoryX through SwarmX to every wafer: data parallelism at any model size."""

    kind = "weight-streaming"
    words = WORDS
    simulates_seconds = True
    scales_from_one = True

    def choose(self, job: Job, told: bool = True) -> Choice:
        """Micro-batch and activation policy of the fastest step."""
        return choose(job)

    def prospects(self, job: Job) -> Prospects:
        """Numbers of micro-batches."""
        return prospects(job)

    def look_ahead(self, prospects: Sequence[Prospects]) -> None:
        """Simulate the plans among which all of them choose: the likely ones, then those that may be faster."""
        for asked in (Prospects.first, Prospects.rest):
            plans = list[WeightStreamingPlan]()
            for each in prospects:
                with suppress(Infeasible):  # which it says again by itself
                    plans += asked(each)
            run_together(self, plans)

    def again(self, job: Job, choice: Choice) -> Choice:
        """A phase's own: Cerebras compiles a job anew for another batch."""
        return choose(job)

    def plan(self, job: Job, choice: Choice) -> WeightStreamingPlan:
        """The step of all systems, disturbances included."""
        machine = machine_of(wafers_of(job.machine))
        settings = replace(choice.settings, disturbances=disturbances_of(job, machine))
        planned = build_plan(job.workload, machine, settings, choice.policy, op_cost)
        if isinstance(planned, str):
            raise Infeasible(planned)
        return planned.plan

    def account(self, job: Job, choice: Choice, periodic: PeriodicStep) -> Account:
        """Parts, what binds, wafer memory."""
        return account(job, choice, periodic)

    def features(self, job: Job, choice: Choice) -> Features:
        """Its place among measured jobs on wafers."""
        return features(job, choice)

    def seconds(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[float]:
        """The step of healthy systems, simulated on each machine; where they differ in numbers alone, side by side."""
        plans = [self._planned(replace(job, machine=machine, disturbances=HEALTHY), choice) for machine in machines]
        run_together(self, [plan for plan in plans if plan is not None])
        return [nan if plan is None else self._simulated(plan) for plan in plans]

    def simulated(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[float]:
        """The same: there is no quicker way."""
        return self.seconds(job, choice, machines)

    def _planned(self, job: Job, choice: Choice) -> WeightStreamingPlan | None:
        try:
            return self.plan(job, choice)
        except Infeasible:
            return None

    def rivals(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[list[float]]:
        """No splits are searched."""
        return []

    def estimate(self, job: Job) -> float:
        """A simulation: it takes milliseconds."""
        return self._simulated(self.plan(job, self.choose(job)))

    def bound(self, job: Job) -> float:
        """The simulation itself."""
        return self.estimate(job)

    def _simulated(self, plan: WeightStreamingPlan) -> float:
        return to_seconds(float(run_to_period(self, plan).step_ticks))

    def slacks(self, periodic: PeriodicStep) -> list[Slack]:
        """Of every resource that has work in the step; nothing where no step repeats."""
        return slacks(periodic) if periodic.exact else []

    def fits(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[tuple[float, ...]]:
        """SRAM and what is reserved of it, MemoryX's verdict, SwarmX's reach."""
        return [self._fit(job, machine) for machine in machines]

    def _fit(self, job: Job, machine: AnyMachine) -> tuple[float, ...]:
        profile = wafers_of(machine)
        sram = profile.system.values.sram.value
        reserved = int(sram * profile.system.values.sram_reserved.value)
        held = kept_bytes(job) <= profile.memoryx.values.capacity.value
        return sram, reserved, held, job.count <= profile.swarmx.values.max_systems.value

    def share(self, jobs: Sequence[Job], check: bool) -> list[SharedJob]:
        """Systems of their own, MemoryX in common."""
        check_memoryx(*jobs)
        return share([self.plan(job, self.choose(job)) for job in jobs], check)
