"""What each further spare is worth: the time by which a job ends earlier with it, in the mean of simulated runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wafersim.training_run.compiled import run_many
from wafersim.training_run.plan import RunPlan


@dataclass(frozen=True)
class SparesWorth:
    """With so many spares the job ends at `end_s` in the mean, `saved_s` before it does with one spare less.

    `error_s` is the standard error of `saved_s`; both are 0 without spares.
    """

    spares: int
    end_s: float
    saved_s: float = 0.0
    error_s: float = 0.0


def spares_worth(
    plan: RunPlan, most: int, seed: int, runs: int, number: int = 0, pool: int = 0
) -> tuple[SparesWorth, ...]:
    """0 to `most` spares in one pool of the job of that number; with the same random numbers, run by run."""
    ends = [
        run_many(_with_spares(plan, spares, number, pool), seed, runs).end_s[:, number] for spares in range(most + 1)
    ]
    found = [SparesWorth(0, float(ends[0].mean()))]
    for spares in range(1, most + 1):
        saved = ends[spares - 1] - ends[spares]
        found.append(
            SparesWorth(spares, float(ends[spares].mean()), float(saved.mean()), float(saved.std() / np.sqrt(runs)))
        )
    return tuple(found)


def _with_spares(plan: RunPlan, spares: int, number: int, pool: int) -> RunPlan:
    job = plan.jobs[number]
    pools = [replace(each, spares=spares) if at == pool else each for at, each in enumerate(job.pools)]
    return replace(plan, jobs=(*plan.jobs[:number], replace(job, pools=tuple(pools)), *plan.jobs[number + 1 :]))
