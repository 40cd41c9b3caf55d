"""Several jobs that share one cluster: one after the other, and packed beside each other as they fit, with one store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.metrics.prediction import Prediction
from wafersim.numbers import DAY
from wafersim.training_run.build import Built
from wafersim.training_run.compiled import run_many
from wafersim.training_run.duration import Floats, Spread, built_of
from wafersim.training_run.plan import Loss, RunPlan
from wafersim.training_run.uncertain import Uncertain


@dataclass(frozen=True)
class Member:
    """One of the jobs: its run alone, and when it begins and ends in the packed order and in turn; seconds, medians."""

    name: str
    n_systems: int
    steps: int
    steps_s: float
    alone: Spread
    begins_s: float
    ends_s: float
    in_turn_begins_s: float
    in_turn_ends_s: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "alone": self.alone.to_json()}


@dataclass(frozen=True)
class Family:
    """The runs of all jobs, in seconds; medians and 80 % of them."""

    systems: int
    members: tuple[Member, ...]
    in_turn: Spread  # one after the other
    packed: Spread
    use: float  # share of the systems' time that packed jobs hold, in the mean
    runs: int
    seed: int
    assumed: tuple[str, ...]  # numbers of operation that are

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "systems": self.systems,
            "jobs": [member.to_json() for member in self.members],
            "in_turn_s": self.in_turn.to_json(),
            "packed_s": self.packed.to_json(),
            "use": self.use,
            "runs": self.runs,
            "seed": self.seed,
            "assumed": list(self.assumed),
        }


def family_of(
    names: Sequence[str],
    found: Sequence[tuple[Experiment, Prediction]],
    systems: int,
    backfill: bool,
    runs: int,
    seed: int,
) -> Family:
    """All jobs on so many systems. Raises Infeasible where one needs more.

    What is not known of step times, rates and stores is drawn once for all jobs: they run on one machine.
    """
    built = [built_of(experiment, prediction) for experiment, prediction in found]
    for each in built:
        if each.run.needs > systems:
            raise Infeasible(f"jobs: {each.run.name} needs {each.run.needs} systems; {systems} are shared")
    factors = together(built).drawn(seed, runs)
    packed = run_many(RunPlan(tuple(each.run for each in built), systems, backfill), seed, runs, factors)
    in_turn = tuple(replace(each.run, needs=systems) for each in built)
    turn = run_many(RunPlan(in_turn, systems, backfill=False), seed, runs, factors)
    ends, waits = np.asarray(packed.end_s), np.asarray(packed.losses_s)[:, :, Loss.WAITING]
    turn_ends, turn_waits = np.asarray(turn.end_s), np.asarray(turn.losses_s)[:, :, Loss.WAITING]
    busy = ((ends - waits) * [each.run.needs for each in built]).sum(axis=1)
    members = tuple(
        Member(
            name=names[i],
            n_systems=each.run.needs,
            steps=each.run.steps,
            steps_s=prediction.days_to_train * DAY,
            alone=Spread.of(turn_ends[:, i] - turn_waits[:, i]),
            begins_s=float(np.median(waits[:, i])),
            ends_s=float(np.median(ends[:, i])),
            in_turn_begins_s=float(np.median(turn_waits[:, i])),
            in_turn_ends_s=float(np.median(turn_ends[:, i])),
        )
        for i, (each, (_, prediction)) in enumerate(zip(built, found, strict=True))
    )
    whole: Floats = ends.max(axis=1)
    return Family(
        systems=systems,
        members=members,
        in_turn=Spread.of(turn_ends.max(axis=1)),
        packed=Spread.of(whole),
        use=float((busy / (whole * systems)).mean()),
        runs=runs,
        seed=seed,
        assumed=tuple(dict.fromkeys(name for each in built for name in each.assumed)),
    )


def together(built: Sequence[Built]) -> Uncertain:
    """What is not known of all jobs together: the widest of each, by source job after job."""
    each = [one.uncertain for one in built]
    return Uncertain(
        step=max(one.step for one in each),
        site=tuple(sigma for one in each for sigma in one.site),
        rate=tuple(sigma for one in each for sigma in one.rate),
        recovery=tuple(sigma for one in each for sigma in one.recovery),
        saving=max(one.saving for one in each),
        startup=max(one.startup for one in each),
    )
