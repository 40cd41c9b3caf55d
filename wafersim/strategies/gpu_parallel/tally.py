"""Tasks of a step on GPUs by its plan: work, transfers, gathers and scatters of one pipeline, which stands for all."""

from __future__ import annotations

from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.tally import Tally


def tally(plan: GpuPlan) -> Tally:
    """Of every stage's slots: forward, backward, and the weight gradients apart where the schedule splits them off."""
    units = sum(len(chunk) for stage in plan.units for chunk in stage)
    coarse, m = plan.virtual_stages, plan.micro_batches
    gradients = 2 if plan.schedule == "zero-bubble" else 1  # passes that follow the forward one
    all_fine = plan.fine == "all"
    work = (1 + gradients) * m * (units if all_fine else coarse)
    if plan.fine == "last":  # the pass that makes a unit's weight gradients, of the last micro-batch
        work += units - coarse
    scatters = 0
    if plan.scatters:
        last = coarse if plan.fine == "none" else units
        others = units if all_fine else coarse
        scatters = last + ((m - 1) * others if plan.scatter_every else 0)
    gathers = work if plan.gathers else 0
    sends = 2 * (plan.virtual_stages - 1) * m
    closing = 1 + int(plan.clipping) + plan.stages + plan.virtual_stages  # tie, norm, updates, updated weights
    made_of = f"{plan.stages:,} pipeline stage{'s' * (plan.stages != 1)} of {units:,} units", f"{m:,} micro-batches"
    fewer = (
        "a larger strategy.micro_batch",
        "more GPUs that share the batch (strategy.data)",
        "a smaller training.batch",
    )
    return Tally(work + scatters + gathers + sends + closing, made_of, fewer)
