"""The published GPU rows through the same path as `run`: predicted beside published."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

from wafersim.errors import Infeasible
from wafersim.evidence.gpu_rows import RECALLED, GpuRow, gpu_rows
from wafersim.evidence.report import ValidatedRow, ValidationReport, chosen, judged
from wafersim.simulation import step_and_interval
from wafersim.strategies.job import Job


def validate_gpus(only: str | None = None) -> ValidationReport:
    """Every row, or one; raises WafersimError for an unknown id."""
    return judged(*chosen(*gpu_rows(), only), judge)


def judge(row: GpuRow) -> ValidatedRow:
    """One row: the prediction, or the middle of the range where something is not stated (with the range).

    A setting that is stated did run, whether it fits the modelled memory or not; of those left open only what fits counts. Where
    nothing fits, full recompute is tried, then whatever the memory: the row did run.
    """
    assumed = row.assumed
    values, bounds, reason = _predictions(row, row.jobs(), must_fit=True)
    if not values and "recompute" in row.options:
        assumed = (*row.assumed, "recompute full: nothing else fits")
        values, bounds, reason = _predictions(row, row.jobs(recompute="full"), must_fit=True)
    if not values:
        assert reason is not None
        assumed = (*row.assumed, str(reason))
        values, bounds, reason = _predictions(row, row.jobs(), must_fit=False)
    if not values:
        assert reason is not None
        raise reason
    low, high = min(values), max(values)
    middle = exp(0.5 * (log(low) + log(high)))
    group = f"{row.group} {row.device}".strip()
    what = f"{row.model.name} on {row.gpus} GPUs"
    return ValidatedRow(
        row.id, row.use, what, middle, row.published, row.unit, assumed,
        "recalled, nobody has verified it" if row.group in RECALLED else "", group=group, set="gpu",
        range_low=low if len(values) > 1 else None, range_high=high if len(values) > 1 else None,
        low=min(bounds), high=max(bounds),
    )  # fmt: skip


def _predictions(row: GpuRow, jobs: list[Job], must_fit: bool) -> tuple[list[float], list[float], Infeasible | None]:
    """(values of the jobs that run, bounds of their intervals, why the last of the others does not)."""
    values, bounds, reason = [], list[float](), None
    for job in jobs:
        try:
            seconds, uncertainty = step_and_interval(replace(job, must_fit=must_fit))
            values.append(row.value(seconds))
            bounds += [row.value(time) for time in uncertainty.bounds(seconds)]
        except Infeasible as refused:
            reason = refused
    return values, bounds, reason
