"""How many failures a source has in a time of work, in the mean: renewal theory of Weibull gaps."""

from __future__ import annotations

import math

import numpy as np

from wafersim.training_run.plan import Source

POINTS = 1000
LONG = 20.0  # mean gaps, times the squared variation of the gaps, from which the limit is used


def expected_failures(source: Source, work_s: float) -> float:
    """Failures of all units of a source within so much work. Units that do not come back fail once at most."""
    if source.shape == 1.0 and not source.removed:
        return source.units * work_s / source.mean_s
    scale = source.mean_s / math.gamma(1 + 1 / source.shape)
    if source.removed:
        return -source.units * math.expm1(-((work_s / scale) ** source.shape))
    return source.units * renewals(work_s / source.mean_s, source.shape)


def renewals(time: float, shape: float) -> float:
    """Mean number m(t) of Weibull gaps of mean 1 that end within `time`: m = F + integral of F(t - x) dm(x).

    Solved on a grid, with F taken in the middle of each step (Xie 1989); for long times the limit t + (c^2 - 1)/2, c^2 the
    squared variation of the gaps (Smith 1954).
    """
    scale = 1 / math.gamma(1 + 1 / shape)
    squared = scale**2 * math.gamma(1 + 2 / shape) - 1
    if time > LONG * (1 + squared):
        return time + (squared - 1) / 2
    step = time / POINTS
    ends, middles = (-np.expm1(-(((np.arange(POINTS) + at) * step / scale) ** shape)) for at in (1.0, 0.5))
    found = np.zeros(POINTS + 1)
    for i in range(1, POINTS + 1):
        before = np.diff(found[:i]) @ middles[1:i][::-1] if i > 1 else 0.0
        found[i] = (ends[i - 1] + before - found[i - 1] * middles[0]) / (1 - middles[0])
    return float(found[-1])
