"""The whole runs of a comparison's sides; apart from it, so that steps alone are compared without loading whole runs."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.planning.comparison import Side
from wafersim.training_run.duration import Duration, duration_of
from wafersim.training_run.many import Simulate, on_all_cores


def durations_of(
    sides: Sequence[Side], runs: int, seed: int, simulate: Simulate = on_all_cores
) -> list[Duration | None]:
    """The whole run of every side that can run, each with chance and unknowns of its own."""
    return [
        None
        if side.prediction is None
        else duration_of(side.experiment, side.prediction, runs, seed + index, simulate=simulate)
        for index, side in enumerate(sides)
    ]
