"""The same job under the same choice on a machine whose numbers are a little different: what a step time hangs on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, log, nan
from typing import Any

from wafersim.errors import Infeasible
from wafersim.inputs.machine import AnyMachine, numbers, scaled
from wafersim.metrics.interval import NUDGE
from wafersim.strategies.job import HEALTHY, Job
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.run import run_to_period
from wafersim.timeline.clock import to_seconds


@dataclass(frozen=True)
class Replay:
    """A job with what was chosen for it. `exact` simulates every nudged machine; otherwise the strategy's quick way is taken."""

    job: Job
    choice: Any
    exact: bool = False

    def seconds(self, machines: Sequence[AnyMachine]) -> list[float]:
        """A step of healthy chips on each machine; nan where it cannot run."""
        job = replace(self.job, disturbances=HEALTHY)
        strategy = strategy_of(job.kind)
        if not self.exact or strategy.simulates_seconds:
            return strategy.seconds(job, self.choice, machines)
        return [self._simulated(replace(job, machine=machine)) for machine in machines]

    def _simulated(self, job: Job) -> float:
        strategy = strategy_of(job.kind)
        try:
            return to_seconds(float(run_to_period(strategy, strategy.plan(job, self.choice)).step_ticks))
        except Infeasible:
            return nan

    @cached_property
    def _known(self) -> dict[str, float]:
        """Elasticities that were worked out, by path."""
        return {}

    @cached_property
    def base(self) -> float:
        """Seconds on the machine as it is."""
        return self.seconds([self.job.machine])[0]

    def elasticities(self, paths: Sequence[str]) -> dict[str, float]:
        """d ln(step time) / d ln(number) by path, by a nudge of 1 %; 0 where the nudged machine cannot run. Worked out once."""
        new = [path for path in dict.fromkeys(paths) if path not in self._known]
        nudged = self.seconds([scaled(self.job.machine, {path: 1.0 + NUDGE}) for path in new]) if new else []
        for path, each in zip(new, nudged, strict=True):
            self._known[path] = log(each / self.base) / log(1.0 + NUDGE) if isfinite(each) else 0.0
        return {path: self._known[path] for path in paths}

    def by_origin(self, wanted: Collection[str]) -> dict[str, float]:
        """Elasticities by "profile: values.name" of those numbers of the machine that are wanted."""
        origins = {path: origin for path, _, origin in numbers(self.job.machine) if origin in wanted}
        out: dict[str, float] = {}
        for path, elasticity in self.elasticities(list(origins)).items():
            out[origins[path]] = out.get(origins[path], 0.0) + elasticity
        return out
