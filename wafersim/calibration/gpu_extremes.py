"""What a GPU job that lies beyond all rows adds to its interval: rows at either end of a feature, predicted by the others.

In every group and for every feature the rows in the outer third of its range (of logarithms) are left out at once, at one end
and at the other. What their errors show beyond the width that the other rows give, per e-fold of excess over those, is what a
feature adds; at least what is assumed of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from wafersim.calibration.gpu_problem import Declared
from wafersim.calibration.gpu_scatter import Sample, without
from wafersim.calibration.record import rounded
from wafersim.calibration.robust import Floats, Mask, widening, without_each
from wafersim.calibration.variance import Components
from wafersim.strategies.gpu_parallel.features import NAMES

OUTER = 1 / 3  # of the range that is left out at an end


def beyond(sample: Sample, scatter: Mapping[str, Components], said: Declared) -> dict[str, float]:
    """Standard deviation per e-fold of excess, by feature."""
    assumed = np.array([said.beyond[name] for name in NAMES])
    found = {}
    for at, name in enumerate(NAMES):
        errors, known, excesses = [], [], []
        for inside in _ends(sample, at):
            for error, variance, excess in _families(sample, inside, scatter, said):
                others = np.delete(assumed * excess, at)
                errors.append(error)
                known.append(variance + float(others @ others))
                excesses.append(float(excess[at]))
        found[name] = rounded(max(widening(errors, known, excesses), said.beyond[name]), 2)
    return found


def _ends(sample: Sample, at: int) -> Iterator[Mask]:
    """Rows of a group in the lowest and in the highest third of a feature, group by group, where it varies."""
    for group in dict.fromkeys(sample.groups.tolist()):
        mine = sample.groups == group
        column = sample.features[:, at]
        low, high = float(column[mine].min()), float(column[mine].max())
        if high > low:
            yield mine & (column < low + OUTER * (high - low))
            yield mine & (column > high - OUTER * (high - low))


def _families(
    sample: Sample, inside: Mask, scatter: Mapping[str, Components], said: Declared
) -> Iterator[tuple[float, float, Floats]]:
    """(mean error, variance that the other rows know of, excess by feature) of each family that is left out."""
    group = str(sample.groups[inside][0])
    others = sample.features[(sample.groups == group) & ~inside]
    errors = without_each(sample.errors, sample.elasticities, sample.counts, sample.widths, {group: inside})[group]
    left = sample.only(inside)
    part = without(sample, inside, scatter, said)[group]
    for family in dict.fromkeys(left.families.tolist()):
        members = np.flatnonzero(left.families == family)
        place, e = left.features[members].mean(axis=0), left.elasticities[members].mean(axis=0)
        excess = np.maximum(0.0, np.maximum(others.min(axis=0) - place, place - others.max(axis=0)))
        yield float(errors[members].mean()), float(e @ part.covariance @ e) + part.total**2, excess
