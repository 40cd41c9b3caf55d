"""Where a weight-streaming job stands among those that were measured."""

from __future__ import annotations

from math import ceil

from wafersim.inputs.machine import REFERENCE_RELEASE, evidence_name
from wafersim.inputs.profile import SystemValues
from wafersim.strategies.features import logs
from wafersim.strategies.job import Job
from wafersim.strategies.strategy import Features
from wafersim.strategies.weight_streaming.choice import Choice
from wafersim.strategies.weight_streaming.layers import PRECISION_BYTES
from wafersim.strategies.weight_streaming.settings import wafers_of
from wafersim.workload.attention import mean_keys
from wafersim.workload.transformer import Workload

NAMES = (
    "parameters", "tokens a system and micro-batch", "tokens a sequence", "elements a head", "systems", "GHz of clock", "cores",
    "SIMD lanes a core", "GB of SRAM", "bits a weight", "share of weights that are not zero", "experts",
    "share of the sequence in a window",
)  # fmt: skip


def values(
    workload: Workload,
    micro_batch: int,
    systems: int,
    wafer: SystemValues,
    precision: str = "fp16",
    density: float = 1.0,
) -> tuple[float, ...]:
    """Logarithms of `NAMES`: of the job, of the wafer, of the weights that stream to it."""
    sequence = workload.sequence_length
    of_job = workload.parameters, micro_batch * sequence, sequence, workload.model.head_dim, systems
    of_wafer = wafer.clock.value / 1e9, wafer.cores.value, wafer.simd_width.value, wafer.sram.value / 1e9
    window = mean_keys(workload.model, sequence) / sequence if workload.model.windows else 1.0
    return logs(*of_job, *of_wafer, 8 * PRECISION_BYTES[precision], density, workload.model.experts, window)


def features(job: Job, choice: Choice) -> Features:
    """Rows are grouped by system. A release other than the reference is known from one row.

    A chip that an experiment makes of a measured one by other numbers keeps its rows and lies as far from them as they differ.
    """
    machine, settings = wafers_of(job.machine), choice.settings
    micro_batch = ceil(max(settings.shards) / settings.micro_batches)
    weights = settings.weight_precision, settings.density
    of_job = values(job.workload, micro_batch, job.count, machine.system.values, *weights)
    return Features(("wafer",), evidence_name(machine.system), NAMES, of_job, machine.release != REFERENCE_RELEASE)
