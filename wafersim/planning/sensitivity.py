"""What a step time hangs on: its change for 1 % of each number of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wafersim.inputs.machine import OVERRIDABLE, numbers
from wafersim.inputs.sourced import Dimension, dimension_of
from wafersim.simulation import Simulated

CONTINUOUS = ("bandwidth", "size", "frequency", "time", "rate", "fraction", "count")
ELSEWHERE = (
    "usable_memory",
    "memory",
    "capacity",
    "core_sram",
    "workspace",
    "gradient_storage",
    "fresh_gradients",
)
LEAST = 5e-4  # percent for 1 %: smaller ones are rounding
MORE_IS_BETTER = {"bandwidth": True, "size": True, "frequency": True, "rate": True, "time": False, "count": False}


@dataclass(frozen=True)
class Sensitivity:
    """Percent that a step takes longer for 1 % more of one number, every choice kept.

    `anomaly`: a better number makes the step longer. Servers that serve in order of arrival may do that: what arrives earlier
    is served in another order (Graham 1969).
    """

    path: str
    written: str
    kind: str
    percent: float
    anomaly: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return vars(self)


def sensitivities(simulated: Simulated) -> list[Sensitivity]:
    """Of every number that has one, the largest first.

    Each is one more simulation of the plan, a few milliseconds, so nothing is linearised: a nudge that moves the critical
    path is seen. Sizes of memories off the wafer decide what fits, not how long it takes; numbers that come whole are left
    alone.
    """
    stated = {path: number for path, number, _ in numbers(simulated.job.machine) if _continuous(path) and number.value}
    percents = simulated.replay.elasticities(list(stated))
    open_order = bool(simulated.plan.arrival_order)
    found = [
        Sensitivity(path, one.written, one.kind, percents[path], open_order and worse_when_better(path, percents[path]))
        for path, one in stated.items()
    ]
    ranked = sorted(found, key=lambda one: -abs(one.percent))
    return [one for one in ranked if abs(one.percent) >= LEAST]


def worse_when_better(path: str, percent: float) -> bool:
    """Whether a step that takes `percent` longer for 1 % more of a number takes longer for a better one, beyond rounding."""
    better = MORE_IS_BETTER.get(_dimension(path).name)
    return better is not None and (percent if better else -percent) >= LEAST


def _continuous(path: str) -> bool:
    dimension = _dimension(path)
    return dimension.name in CONTINUOUS and not dimension.least and path.partition(".")[2] not in ELSEWHERE


def _dimension(path: str) -> Dimension:
    part, _, name = path.partition(".")
    return dimension_of(OVERRIDABLE[part].model_fields[name])
