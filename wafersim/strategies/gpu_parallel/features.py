"""Where a job on GPUs stands among those that were measured."""

from __future__ import annotations

from wafersim.inputs.machine import GpuMachine, evidence_name
from wafersim.strategies.features import logs
from wafersim.strategies.gpu_parallel.choice import clusters_of
from wafersim.strategies.job import Job
from wafersim.strategies.strategy import Features
from wafersim.workload.transformer import Workload

NAMES = ("parameters", "tokens a GPU and step", "tokens a sequence", "elements a head", "GPUs")


def values(workload: Workload, batch: int, gpus: int) -> tuple[float, ...]:
    """Logarithms of `NAMES`."""
    sequence = workload.sequence_length
    return logs(workload.parameters, batch * sequence / gpus, sequence, workload.model.head_dim, gpus)


def group_of(machine: GpuMachine, gpus: int) -> str:
    """`megatron-deepspeed on vtrain-a100, several nodes`: what shares its errors."""
    one = gpus <= machine.network.values.gpus_per_node.value
    return f"{evidence_name(machine.software)} on {evidence_name(machine.network)}, {'one node' if one else 'several nodes'}"


def features(job: Job) -> Features:
    """Rows are grouped by training stack and cluster, on one node and on several."""
    group = group_of(clusters_of(job.machine), job.count)
    of_job = values(job.workload, job.training.batch, job.count)
    return Features(("gpu", "collective"), group, NAMES, of_job)
