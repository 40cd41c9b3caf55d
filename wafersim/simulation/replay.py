"""The same job under the same choice on a machine whose numbers are a little different: what a step time hangs on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, log
from typing import Any

from wafersim.inputs.machine import AnyMachine, numbers, scaled
from wafersim.metrics.interval import NUDGE
from wafersim.strategies.job import HEALTHY, Job
from wafersim.strategies.registry import strategy_of


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
        return (strategy.simulated if self.exact else strategy.seconds)(job, self.choice, machines)

    @cached_property
    def _known(self) -> dict[str, float]:
        """Seconds that were worked out, by the path of the number that is nudged; "" is the machine as it is."""
        return {}

    def _nudged(self, paths: Sequence[str]) -> list[float]:
        """Seconds with each of some numbers nudged. The machine as it is comes with the first."""
        new = [path for path in dict.fromkeys(("", *paths)) if path not in self._known]
        machines = [scaled(self.job.machine, {path: 1.0 + NUDGE} if path else {}) for path in new]
        if machines:
            self._known.update(zip(new, self.seconds(machines), strict=True))
        return [self._known[path] for path in paths]

    @property
    def base(self) -> float:
        """Seconds on the machine as it is."""
        return self._nudged([""])[0]

    def elasticities(self, paths: Sequence[str]) -> dict[str, float]:
        """d ln(step time) / d ln(number) by path, by a nudge of 1 %; 0 where the nudged machine cannot run. Worked out once."""
        found = dict(zip(paths, self._nudged(paths), strict=True))
        return {
            path: log(each / self.base) / log(1.0 + NUDGE) if isfinite(each) else 0.0 for path, each in found.items()
        }

    def origins(self, wanted: Collection[str]) -> dict[str, str]:
        """{path: "profile: values.name"} of those numbers of the machine that are wanted."""
        return {path: origin for path, _, origin in numbers(self.job.machine) if origin in wanted}

    def by_origin(self, wanted: Collection[str]) -> dict[str, float]:
        """Elasticities by "profile: values.name" of those numbers of the machine that are wanted."""
        origins = self.origins(wanted)
        out: dict[str, float] = {}
        for path, elasticity in self.elasticities(list(origins)).items():
            out[origins[path]] = out.get(origins[path], 0.0) + elasticity
        return out
