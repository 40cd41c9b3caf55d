"""The published GPU rows through the same path as `run`: predicted beside published."""

from __future__ import annotations

from math import exp, log

from wafersim.errors import Infeasible, WafersimError, did_you_mean
from wafersim.simulation import simulate_job
from wafersim.simulation.gpus import with_gpu_interval
from wafersim.validation.gpu_rows import GpuRow, gpu_rows
from wafersim.validation.report import ValidatedRow, ValidationReport


def validate_gpus(only: str | None = None) -> ValidationReport:
    """Every row, or one; raises WafersimError for an unknown id."""
    rows, skipped = gpu_rows()
    if only is not None:
        if only not in rows and only not in skipped:
            raise WafersimError(f"--row {only}: no such row{did_you_mean(only, [*rows, *skipped])}")
        rows = {name: row for name, row in rows.items() if name == only}
        skipped = {name: reason for name, reason in skipped.items() if name == only}
    judged, refused = [], dict(skipped)
    for row in rows.values():
        try:
            judged.append(judge(row))
        except Infeasible as reason:
            refused[row.id] = f"no setting of it runs: {reason}"
    return ValidationReport(tuple(judged), refused)


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
