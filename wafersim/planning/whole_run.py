"""A candidate's whole run: simulated many times with failures, and how many of these runs keep to a goal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.errors import WafersimError
from wafersim.inputs.goal import GoalSpec
from wafersim.metrics.prediction import Prediction
from wafersim.numbers import DAY
from wafersim.planning.candidates import Candidate
from wafersim.training_run.duration import Duration, Spread, duration_of

RUNS = 500
SAMPLED = 1 / 16
"""By how much a median of so many runs may lie below the bound of its candidate, which knows no chance: three standard errors of
the median of 500 factors of a step's time are 4 %, where this is known within 25 %."""


@dataclass(frozen=True, repr=False)
class Whole:
    """Many whole runs of a candidate. `met`: the share that keeps to deadline and budget, as far as a price is known."""

    candidate: Candidate
    prediction: Prediction
    duration: Duration
    watts: float  # of the site at its peak, spares included
    met: float

    @property
    def label(self) -> str:
        """`448+24 h200`: those that work and those that stand by."""
        spares = f"+{self.duration.spare_chips:,}" if self.duration.spare_chips else ""
        return f"{self.candidate.count:,}{spares} {self.candidate.hardware.name}"

    @property
    def chips(self) -> int:
        """That work and that stand by."""
        return self.candidate.count + self.duration.spare_chips

    @property
    def days(self) -> float:
        """The median."""
        return self.duration.elapsed.median / DAY

    @property
    def joules(self) -> float:
        """The median."""
        return self.duration.energy_j.median

    @property
    def usd(self) -> float | None:
        """The median; None without a price."""
        return None if self.duration.cost_usd is None else self.duration.cost_usd.median

    def __repr__(self) -> str:
        return f"<{self.label}: {self.days:.1f} d, {100 * self.met:.0f} % meet the goal>"

    def share_within(self, days: float | None, usd: float | None) -> float:
        """Share of the runs that take at most so many days and dollars; a limit that is None, or has no price, does not bind."""
        ends, costs = self.duration.ends_s, self.duration.costs_usd
        kept = np.ones(ends.shape, dtype=bool)
        if days is not None:
            kept &= ends <= days * DAY
        if usd is not None and costs is not None:
            kept &= costs <= usd
        return float(kept.mean())

    def times_the_tokens(self, days: float | None, usd: float | None, sure: float) -> float | None:
        """How many times the tokens would still keep to the limits in a share `sure` of the runs, all else in proportion.

        None where nothing binds.
        """
        over: list[npt.NDArray[np.float64]] = []
        if days is not None:
            over.append(self.duration.ends_s / (days * DAY))
        if usd is not None and self.duration.costs_usd is not None:
            over.append(self.duration.costs_usd / usd)
        if not over:
            return None
        return float(1.0 / np.quantile(np.max(over, axis=0), sure))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        candidate, found = self.candidate, self.prediction
        cost = self.duration.footprint.cost
        return {
            "hardware": candidate.hardware.name,
            "profile": candidate.experiment.system.profile_name,
            "pay": candidate.hardware.pay,
            "kind": found.kind,
            "chips": candidate.count,
            "spares": self.duration.spare_units,
            "batch": candidate.batch,
            "batch_asked": candidate.asked,
            "split": found.split.name,
            "step_time_s": found.step_time_s,
            "mfu": found.mfu,
            "days": days_of(self.duration.elapsed),
            "steps_days": found.days_to_train,
            "cost_usd": None if self.duration.cost_usd is None else self.duration.cost_usd.to_json(),
            "cost_sources": list(cost.sources),
            "cost_missing": cost.missing or None,
            "energy_j": self.duration.energy_j.to_json(),
            "peak_w": self.watts,
            "met": self.met,
            "goodput": self.duration.goodput.median,
        }


def days_of(seconds: Spread) -> dict[str, float]:
    """A spread of seconds in days."""
    return {name: value / DAY for name, value in seconds.to_json().items()}


def whole_of(candidate: Candidate, goal: GoalSpec, runs: int = RUNS, seed: int = 0) -> Whole:
    """Simulate the step, its interval and the whole run. Raises Infeasible with the reason."""
    prediction = candidate.size.prediction
    duration = duration_of(candidate.experiment, prediction, runs, seed, told=False)
    chips = duration.n_systems + duration.spare_chips
    watts = candidate.hardware.machine.supply(chips).peak_watts * duration.footprint.energy.pue
    whole = Whole(candidate, prediction, duration, watts, 1.0)
    return replace(whole, met=whole.share_within(goal.within_days, goal.budget))


def whole_or_why(candidate: Candidate, goal: GoalSpec, runs: int = RUNS, seed: int = 0) -> Whole | str:
    """The whole run, or why there is none: a job that fails as fast as it starts does not end the plan."""
    try:
        return whole_of(candidate, goal, runs, seed)
    except WafersimError as reason:
        return str(reason)
