"""The published GPU rows through the same path as `run`: predicted beside published."""

from __future__ import annotations

from math import exp, log

from wafersim.errors import Infeasible
from wafersim.simulation import simulate_job
from wafersim.simulation.gpus import with_gpu_interval
from wafersim.validation.gpu_rows import GpuRow, gpu_rows
from wafersim.validation.report import ValidatedRow, ValidationReport, chosen, judged


def validate_gpus(only: str | None = None) -> ValidationReport:
    """Every row, or one; raises WafersimError for an unknown id."""
    return judged(*chosen(*gpu_rows(), only), judge)


def judge(row: GpuRow) -> ValidatedRow:
    """One row: the prediction, or the middle of the range where something is not stated (with the range).

    A setting that is stated did run, whether it fits the modelled memory or not; of those left open only what fits counts.
    """
    values, bounds, reason = [], list[float](), None
    for job in row.jobs():
        try:
            found = with_gpu_interval(simulate_job(job, must_fit=bool(row.options))).prediction
            assert found.uncertainty is not None
            values.append(row.value(found.step_time_s))
            bounds += [row.value(time) for time in found.uncertainty.bounds(found.step_time_s)]
        except Infeasible as refused:
            reason = refused
    if not values:
        assert reason is not None
        raise reason
    low, high = min(values), max(values)
    middle = exp(0.5 * (log(low) + log(high)))
    group = f"{row.group} {row.device}".strip()
    what = f"{row.model.name} on {row.gpus} GPUs"
    return ValidatedRow(
        row.id, row.use, what, middle, row.published, row.unit, row.assumed, group=group, set="gpu",
        range_low=low if len(values) > 1 else None, range_high=high if len(values) > 1 else None,
        low=min(bounds), high=max(bounds),
    )  # fmt: skip
