"""The same plan on a machine whose numbers are a little different: how a step time depends on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, log
from typing import Generic, TypeVar

from wafersim.inputs.machine import GpuMachine, Machine, numbers, scaled

NUDGE = 0.01

M = TypeVar("M", Machine, GpuMachine)


@dataclass(frozen=True)
class Replay(Generic[M]):
    """A machine's profile, and the seconds of a step on a profile like it with every choice kept (nan: it cannot run)."""

    machine: M
    seconds: Callable[[M], float]

    @cached_property
    def base(self) -> float:
        """Seconds on the machine as it is."""
        return self.seconds(self.machine)

    @cached_property
    def _elasticities(self) -> dict[str, float]:
        return {}

    def elasticity(self, path: str) -> float:
        """d ln(step time) / d ln(number), by a nudge of 1 %; 0 where the nudged machine cannot run. Worked out once."""
        if path not in self._elasticities:
            nudged = self.seconds(scaled(self.machine, {path: 1.0 + NUDGE}))
            found = log(nudged / self.base) / log(1.0 + NUDGE) if isfinite(nudged) else 0.0
            self._elasticities[path] = found
        return self._elasticities[path]

    def by_origin(self, wanted: Iterable[str]) -> dict[str, float]:
        """Elasticities by "profile: values.name" of those numbers of the machine that are wanted."""
        known = set(wanted)
        out: dict[str, float] = {}
        for path, _, origin in numbers(self.machine):
            if origin in known:
                out[origin] = out.get(origin, 0.0) + self.elasticity(path)
        return out
