"""The figures of a plan's directory: which there are, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wafersim.planning.curves import surest_by_budget
from wafersim.planning.planned import Planned
from wafersim.report.figures.cost_by_deadline import cost_figure, stairs_of
from wafersim.report.figures.days_by_size import size_figure
from wafersim.report.figures.deadline_chance import chance_figure
from wafersim.report.figures.front import front_figure


def plan_figures(directory: Path, found: Planned, formats: Sequence[str]) -> None:
    """`front` and `days_by_size`; `cost_by_deadline` where something has a price; with a deadline `deadline_chance`, too."""
    priced = [whole for whole in found.wholes if whole.usd is not None]
    for suffix in formats:
        if found.front:
            front_figure(found, directory / f"front.{suffix}")
        if stairs_of(found):
            cost_figure(found, directory / f"cost_by_deadline.{suffix}")
        if found.goal.within_days is not None and surest_by_budget(priced, found.goal):
            chance_figure(found, directory / f"deadline_chance.{suffix}")
        size_figure(found, directory / f"days_by_size.{suffix}")
