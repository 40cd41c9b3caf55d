"""What each further spare is worth: the time by which a job ends earlier with it, in the mean of simulated runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wafersim.training_run.compiled import ENDLESS_S, run_many
from wafersim.training_run.factors import Factors
from wafersim.training_run.lowered import Floats
from wafersim.training_run.plan import RunPlan

SURE = 2.0  # standard errors: a lesser difference is not told from chance


@dataclass(frozen=True)
class SparesWorth:
    """With so many spares the job ends at `end_s` in the mean, `saved_s` before it does with one spare less.

    `error_s` is the standard error of `saved_s`; both are 0 without spares.
    """

    spares: int
    end_s: float
    saved_s: float = 0.0
    error_s: float = 0.0


@dataclass(frozen=True)
class Gain:
    """Mean seconds by which runs end earlier with more spares than with fewer, with the same random numbers, and the error."""

    saved_s: float
    error_s: float

    @property
    def certain(self) -> bool:
        """Whether it is more than chance."""
        return abs(self.saved_s) > SURE * self.error_s

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"saved_s": self.saved_s, "error_s": self.error_s}


@dataclass(frozen=True)
class SparesChoice:
    """The spares of a job beside none at all and beside one more, in so many runs; None where there is no such choice."""

    spares: int
    over_none: Gain | None
    one_more: Gain | None
    runs: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "over_none": None if self.over_none is None else self.over_none.to_json(),
            "one_more": None if self.one_more is None else self.one_more.to_json(),
            "runs": self.runs,
        }


def spares_worth(
    plan: RunPlan, most: int, seed: int, runs: int, number: int = 0, pool: int = 0
) -> tuple[SparesWorth, ...]:
    """0 to `most` spares in one pool of the job of that number; with the same random numbers, run by run."""
    ends = [_ends(plan, spares, seed, runs, None, number, pool) for spares in range(most + 1)]
    found = [SparesWorth(0, float(ends[0].mean()))]
    for spares in range(1, most + 1):
        gain = _gain(ends[spares - 1], ends[spares])
        found.append(SparesWorth(spares, float(ends[spares].mean()), gain.saved_s, gain.error_s))
    return tuple(found)


def spares_choice(
    plan: RunPlan, ends_s: Floats, seed: int, factors: Factors, longest_s: float = ENDLESS_S
) -> SparesChoice | None:
    """The first job's spares beside none and one more. `ends_s` is how its runs end as they are, run i of row i of the factors,
    those that are given up after `longest_s` as they stand then.

    None where no failure takes a unit: a spare would never be used. At most as many spares as units are asked for.
    """
    job, runs = plan.jobs[0], len(ends_s)
    if not any(source.pool == 0 for source in job.sources):
        return None
    spares = job.pools[0].spares
    none = _gain(_ends(plan, 0, seed, runs, factors, longest_s=longest_s), ends_s) if spares else None
    more = (
        _gain(ends_s, _ends(plan, spares + 1, seed, runs, factors, longest_s=longest_s)) if spares < job.needs else None
    )
    return SparesChoice(spares, none, more, runs)


def _gain(fewer: Floats, more: Floats) -> Gain:
    saved = fewer - more
    return Gain(float(saved.mean()), float(saved.std() / np.sqrt(len(saved))))


def _ends(
    plan: RunPlan, spares: int, seed: int, runs: int, factors: Factors | None, number: int = 0, pool: int = 0,
    longest_s: float = ENDLESS_S,
) -> Floats:  # fmt: skip
    """Seconds at which the job ends in each run, with so many spares."""
    found = run_many(_with_spares(plan, spares, number, pool), seed, runs, factors, longest_s=longest_s)
    ends: Floats = found.end_s[:, number]
    return ends


def _with_spares(plan: RunPlan, spares: int, number: int, pool: int) -> RunPlan:
    job = plan.jobs[number]
    pools = [replace(each, spares=spares) if at == pool else each for at, each in enumerate(job.pools)]
    return plan.with_job(number, replace(job, pools=tuple(pools)))
