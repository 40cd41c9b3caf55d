"""What rows say of those that are left out: every job by the others, every family, size and generation by the rest.

An interval is the one that a user would get who had only the rows that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from wafersim.calibration.robust import Floats, Mask, widening
from wafersim.calibration.scaling import ScalingFit
from wafersim.calibration.wafer_problem import job_of
from wafersim.calibration.wafer_sample import Sample, interval_of, known_from
from wafersim.inputs.fit import Fit, LeftOut


@dataclass(frozen=True)
class FamiliesLeftOut:
    """By what was left out and row: ln(predicted / published) and the 80 % half-width beside it; what these errors tell.

    `widening` is the standard deviation per e-fold of distance that errors of families show, at least the declared one;
    `transfer` that of a generation by the rows of the other, None where there are not both.
    """

    errors: dict[str, dict[str, float]]
    half_widths: dict[str, dict[str, float]]
    widening: float
    transfer: float | None


@dataclass(frozen=True)
class _Without:
    """A sample, which of its rows are left out, their errors by the others, and what the others know."""

    sample: Sample
    inside: list[int]
    errors: Floats
    known: Fit

    def half_width(self, at: int) -> float:
        """Of the 80 % interval of a row that is left out."""
        return interval_of(self.known, self.sample, at).half_width


def _leave_out(
    sample: Sample, parts: Mapping[str, Mask], constants: Mapping[str, float], tail: ScalingFit
) -> Iterator[tuple[str, _Without]]:
    """One part after the other; parts of which there is no row, or nothing but them, are passed over."""
    for name, out in parts.items():
        if out.all() or not out.any():
            continue
        kept = sample.only(~out)
        found = kept.fitted(constants)
        yield (
            name,
            _Without(
                sample, np.flatnonzero(out).tolist(), sample.rates.log_ratios(found), known_from(kept, found, tail)
            ),
        )


def jobs_left_out(sample: Sample, constants: Mapping[str, float], tail: ScalingFit) -> dict[str, LeftOut]:
    """Every row predicted by the constants that the other jobs give, with the interval that they give."""
    jobs = [job_of(row) for row in sample.rows]
    parts = {str(job): np.array([each == job for each in jobs]) for job in dict.fromkeys(jobs)}
    left_out = {}
    for _, without in _leave_out(sample, parts, constants, tail):
        for at in without.inside:
            error, half = round(float(without.errors[at]), 4), round(without.half_width(at), 4)
            left_out[sample.rows[at].id] = LeftOut(error=error, half_width=half)
    return {row.id: left_out[row.id] for row in sample.rows if row.id in left_out}


def families_left_out(sample: Sample, constants: Mapping[str, float], tail: ScalingFit) -> FamiliesLeftOut:
    """The declared families one at a time, then sizes of one family, then the rows that a generation alone predicts."""
    said = sample.said
    parts = {
        name: np.array([row.id in members for row in sample.rows])
        for name, members in {**said.families, **said.sizes, **said.generations}.items()
    }
    found: dict[str, dict[str, float]] = {}
    halves: dict[str, dict[str, float]] = {}
    errors, variances, distances = [], [], []
    for name, without in _leave_out(sample, parts, constants, tail):
        ids = [sample.rows[at].id for at in without.inside]
        found[name] = {row: round(float(without.errors[at]), 4) for row, at in zip(ids, without.inside, strict=True)}
        halves[name] = {row: round(without.half_width(at), 4) for row, at in zip(ids, without.inside, strict=True)}
        if name not in said.families:
            continue
        for at in without.inside:
            uncertainty = interval_of(without.known, sample, at)
            errors.append(float(without.errors[at]))
            variances.append(uncertainty.sigma**2 - uncertainty.distance**2)
            distances.append(uncertainty.distance / said.widening)
    transfers = [found[name] for name in said.generations if name in found]
    transfer = sqrt(float(np.mean(np.square(list(transfers[0].values()))))) if transfers else None
    return FamiliesLeftOut(found, halves, max(widening(errors, variances, distances), said.widening), transfer)
