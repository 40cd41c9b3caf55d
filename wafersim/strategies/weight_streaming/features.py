"""Where a weight-streaming job stands among those that were measured."""

from __future__ import annotations

from math import ceil

from wafersim.inputs.machine import REFERENCE_RELEASE, evidence_name
from wafersim.strategies.features import logs
from wafersim.strategies.job import Job
from wafersim.strategies.strategy import Features
from wafersim.strategies.weight_streaming.choice import Choice
from wafersim.strategies.weight_streaming.settings import wafers_of
from wafersim.workload.transformer import Workload

NAMES = ("parameters", "tokens a system and micro-batch", "tokens a sequence", "elements a head", "systems")


def values(workload: Workload, micro_batch: int, systems: int) -> tuple[float, ...]:
    """Logarithms of `NAMES`."""
    sequence = workload.sequence_length
    return logs(workload.parameters, micro_batch * sequence, sequence, workload.model.head_dim, systems)


def features(job: Job, choice: Choice) -> Features:
    """Rows are grouped by system. A release other than the reference is known from one row."""
    machine, settings = wafers_of(job.machine), choice.settings
    micro_batch = ceil(max(settings.shards) / settings.micro_batches)
    of_job = values(job.workload, micro_batch, job.count)
    return Features(("wafer",), evidence_name(machine.system), NAMES, of_job, machine.release != REFERENCE_RELEASE)
