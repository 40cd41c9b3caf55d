"""Does a job, or do several, fit in MemoryX: what is kept there, what there is, and the shipped MemoryX that would hold it."""

from __future__ import annotations

from math import ceil

from wafersim import quantity
from wafersim.errors import Infeasible
from wafersim.inputs.machine import THIS_EXPERIMENT
from wafersim.inputs.profile import MemoryXProfile
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import kind_of, names
from wafersim.strategies.job import Job
from wafersim.strategies.weight_streaming.settings import wafers_of
from wafersim.workload.optimizer import memoryx_bytes


def check_memoryx(*jobs: Job) -> None:
    """Raises Infeasible where the weights, states and gradients of jobs exceed the MemoryX that they share."""
    machine = wafers_of(jobs[0].machine)
    needed, there = sum(map(kept_bytes, jobs)), machine.memoryx.values.capacity
    if needed <= there.value:
        return
    parameters = sum(job.workload.parameters for job in jobs)
    states = " and ".join(dict.fromkeys(job.training.optimizer for job in jobs))
    owner = f"the MemoryX of {THIS_EXPERIMENT}" if there.source == THIS_EXPERIMENT else machine.memoryx.name
    raise Infeasible(
        f"does not fit in MemoryX: weights, {states} states and summed gradients of {parameters:.3g} parameters "
        f"take {_three_digits(needed)}; {owner} has {there.written}; {_what_holds(needed)}"
    )


def kept_bytes(job: Job) -> int:
    """Bytes that MemoryX holds of a job."""
    return memoryx_bytes(job.workload, job.training.optimizer, job.training.density)


def _three_digits(size: int) -> str:
    """Rounded up, so that what is too large never reads as if it fitted."""
    step = 10 ** max(0, len(str(size)) - 3)
    return quantity.format(ceil(size / step) * step, "size")


def _what_holds(needed: int) -> str:
    """The smallest shipped MemoryX that is large enough, in words."""
    shipped = [load_profile(name) for name in names("hardware") if kind_of(name) == "memoryx"]
    skus = sorted((p for p in shipped if isinstance(p, MemoryXProfile)), key=lambda sku: sku.values.capacity.value)
    for sku in skus:
        if sku.values.capacity.value >= needed:
            return f"{sku.name} ({sku.values.capacity.written}) holds it"
    return f"the largest, {skus[-1].name}, has {skus[-1].values.capacity.written}"
