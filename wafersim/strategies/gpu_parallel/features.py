"""Where a job on GPUs stands among those that were measured."""

from __future__ import annotations

from wafersim.gpu.layout import Layout
from wafersim.inputs.machine import THIS_EXPERIMENT, GpuMachine, evidence_name
from wafersim.strategies.features import logs
from wafersim.strategies.gpu_parallel.choice import Choice, clusters_of
from wafersim.strategies.job import Job
from wafersim.strategies.strategy import Features
from wafersim.workload.attention import mean_keys

NAMES = (
    "parameters", "tokens a GPU and step", "tokens a sequence", "elements a head", "GPUs",
    "hidden elements a GPU and micro-batch", "nodes a tensor-parallel group", "experts", "share of the sequence in a window",
)  # fmt: skip
HOST = "software.host_factor"  # multiplies every launch


def values(job: Job, layout: Layout) -> tuple[float, ...]:
    """Logarithms of `NAMES`."""
    workload, gpus = job.workload, job.count
    model, sequence, tensor = workload.model, workload.sequence_length, float(layout.tensor)
    kernel = float(layout.micro_batch) * sequence / float(layout.context) * model.d_model / tensor
    nodes = max(1.0, tensor / clusters_of(job.machine).unit)
    return logs(
        workload.parameters, job.training.batch * sequence / gpus, sequence, model.head_dim, gpus, kernel, nodes,
        max(1, model.experts), mean_keys(model, sequence) / sequence if model.windows else 1.0,
    )  # fmt: skip


def group_of(machine: GpuMachine, gpus: int) -> str:
    """`megatron-deepspeed on vtrain-a100, several nodes`: what shares its errors."""
    one = gpus <= machine.network.values.gpus_per_node.value
    return f"{evidence_name(machine.software)} on {evidence_name(machine.network)}, {'one node' if one else 'several nodes'}"


def guessed(machine: GpuMachine) -> tuple[str, ...]:
    """Numbers of the training stack that another one's stand for: its launches, unless its own rows or the user set them."""
    forward = machine.software.values.launch_forward
    known = (forward.kind == "calibrated" and not forward.like) or forward.source == THIS_EXPERIMENT
    return () if known else (HOST,)


def features(job: Job, choice: Choice) -> Features:
    """Rows are grouped by training stack and cluster, on one node and on several."""
    machine = clusters_of(job.machine)
    of_job = values(job, choice.layout)
    return Features(
        ("gpu", "gpu-kernel", "collective"), group_of(machine, job.count), NAMES, of_job, device=evidence_name(machine.gpu),
        guessed=guessed(machine), stack=evidence_name(machine.software),
    )  # fmt: skip
