"""How far off a prediction may be: its elasticities and features, held against the committed calibrations."""

from __future__ import annotations

from math import log

import numpy as np

from wafersim.inputs.fit import Fit, load_fit
from wafersim.inputs.machine import GpuMachine, Machine, evidence_name
from wafersim.metrics.interval import Uncertainty, uncertainty
from wafersim.simulation.replay import Replay
from wafersim.workload.transformer import Workload

WAFER_FEATURES = ("parameters", "tokens a system and micro-batch", "tokens a sequence", "elements a head", "systems")
GPU_FEATURES = ("parameters", "tokens a GPU and step", "tokens a sequence", "elements a head", "GPUs")


def wafer_features(workload: Workload, micro_batch: int, systems: int) -> tuple[float, ...]:
    """Logarithms of `WAFER_FEATURES`."""
    sequence = workload.sequence_length
    return logs(workload.parameters, micro_batch * sequence, sequence, workload.model.head_dim, systems)


def gpu_features(workload: Workload, batch: int, gpus: int) -> tuple[float, ...]:
    """Logarithms of `GPU_FEATURES`."""
    sequence = workload.sequence_length
    return logs(workload.parameters, batch * sequence / gpus, sequence, workload.model.head_dim, gpus)


def logs(*values: float) -> tuple[float, ...]:
    """Logarithms of a case's features, in the digits that a calibration keeps."""
    return tuple(round(log(value), 4) for value in values)


def wafer_uncertainty(
    replay: Replay[Machine], workload: Workload, micro_batch: int, systems: int, software: str
) -> Uncertainty:
    """Of a weight-streaming step. A release other than R2 is known from one row, which adds that row's own spread."""
    fit = load_fit("wafer")
    group = evidence_name(replay.machine.system)
    extra = fit.spread.get(group, 0.0) if software != "R2" else 0.0
    return _of((fit,), replay, group, wafer_features(workload, micro_batch, systems), extra)


def gpu_uncertainty(replay: Replay[GpuMachine], workload: Workload, batch: int, gpus: int) -> Uncertainty:
    """Of a step on GPUs: rows are grouped by training stack and cluster, on one node and on several."""
    machine = replay.machine
    group = gpu_group(machine, gpus)
    return _of((load_fit("gpu"), load_fit("collective")), replay, group, gpu_features(workload, batch, gpus))


def gpu_group(machine: GpuMachine, gpus: int) -> str:
    """`megatron-deepspeed on vtrain-a100, several nodes`: what shares its errors."""
    one = gpus <= machine.network.values.gpus_per_node.value
    return f"{evidence_name(machine.software)} on {evidence_name(machine.network)}, {'one node' if one else 'several nodes'}"


def _of(fits: tuple[Fit, ...], replay: Replay[Machine] | Replay[GpuMachine], group: str, features: tuple[float, ...],
        extra: float = 0.0) -> Uncertainty:  # fmt: skip
    wanted = {number for fit in fits for constant in fit.constants for number in constant.sets}
    said = [f"{value:.3g}" if value < 1e4 else f"{value:.2e}" for value in np.exp(features).tolist()]
    return uncertainty(fits, replay.by_origin(wanted), group, features, said, extra)
