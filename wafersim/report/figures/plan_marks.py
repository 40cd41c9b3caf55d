"""How a plan's hardware and limits are marked: a colour and a shape for each machine, the same in every figure and plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from wafersim import numbers
from wafersim.inputs.goal import GoalSpec
from wafersim.planning.planned import Planned
from wafersim.planning.whole_run import Whole
from wafersim.report.colours import LINES
from wafersim.report.figures.style import GREY
from wafersim.report.screen.plan import PAID
from wafersim.strategies import palette

OWN = ("h100", "b200", "cs2", "a100", "cs3", "gb200", "andromeda", "h200")
"""Machines by a part of their profile's name, in the order of `LINES`: what several have in common decides."""
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "p")
FAINT = 0.4  # of candidates that nothing recommends
DEADLINE: Any = {"color": palette.RED, "linewidth": 1.3, "linestyle": (0, (4, 2))}
BUDGET: Any = {"color": palette.RED, "linewidth": 1.3, "linestyle": (0, (1, 1.5))}
CURVE: Any = {"color": GREY, "linewidth": 1.4}


@dataclass(frozen=True)
class Mark:
    """Of one hardware: what it is called, and how its candidates are drawn."""

    name: str
    colour: str
    shape: str

    @property
    def handle(self) -> Any:
        """Of a legend."""
        return Line2D([], [], linestyle="none", marker=self.shape, color=self.colour, markersize=5, label=self.name)


class Marks:
    """Of all hardware of a plan; of two that are alike the later one takes a colour that is free, as long as there is one."""

    def __init__(self, wholes: Sequence[Whole]) -> None:
        hardware = list({id(whole.candidate.hardware): whole for whole in wholes}.values())
        names = [whole.candidate.hardware.name for whole in hardware]
        self._of: dict[int, Mark] = {}
        taken: list[int] = []
        own = [_own(whole) for whole in hardware]
        for whole, place in zip(hardware, own, strict=True):
            free = [other for other in range(len(LINES)) if other not in taken and other not in own]
            if place is None or place in taken:
                place = free[0] if free else len(taken)
            taken.append(place)
            name = whole.candidate.hardware.name
            name += f", {PAID[whole.candidate.hardware.pay]}" if names.count(name) > 1 else ""
            # Beyond the colours there are, the shapes go on alone.
            shape = SHAPES[(place + taken[:-1].count(place)) % len(SHAPES)]
            self._of[id(whole.candidate.hardware)] = Mark(name, LINES[place % len(LINES)], shape)

    def of(self, whole: Whole) -> Mark:
        """Of a candidate."""
        return self._of[id(whole.candidate.hardware)]

    def handles(self, wholes: Sequence[Whole]) -> list[Any]:
        """Of the hardware of some candidates, in the plan's order."""
        drawn = {id(whole.candidate.hardware) for whole in wholes}
        return [mark.handle for key, mark in self._of.items() if key in drawn]


def _own(whole: Whole) -> int | None:
    profile = whole.candidate.experiment.system.profile_name
    return next((place for place, name in enumerate(OWN) if name in profile and f"g{name}" not in profile), None)


def limit_handles(found: Planned, deadline: bool = True, budget: bool = True) -> list[Any]:
    """Of the lines of a goal, with their values."""
    goal, handles = found.goal, []
    if deadline and goal.within_days is not None:
        handles.append(Line2D([], [], label=f"deadline, {goal.by or within(goal)}", **DEADLINE))
    if budget and goal.budget is not None:
        handles.append(Line2D([], [], label=f"budget, {numbers.amount(goal.budget, 'USD')}", **BUDGET))
    return handles


def within(goal: GoalSpec) -> str:
    """The time that a goal leaves: `14 d`."""
    return "" if goal.within_days is None else f"{goal.within_days:g} d"


def range_handle() -> Any:
    """Of the lines through what is drawn."""
    return Line2D([], [], color=GREY, linewidth=1, label="80 % range")


def unpriced(found: Planned) -> list[str]:
    """Hardware that was simulated and has no price."""
    return list(dict.fromkeys(whole.candidate.hardware.name for whole in found.wholes if whole.usd is None))


def circumstances(found: Planned, *more: str) -> str:
    """What a figure of a plan holds for: the runs behind it, what it adds, what it leaves out for want of a price."""
    runs = found.wholes[0].duration.runs if found.wholes else 0
    said = [f"{found.model} on {numbers.amount(found.tokens)} tokens", *more, f"{runs:,} whole runs a candidate"]
    return "; ".join(said)
