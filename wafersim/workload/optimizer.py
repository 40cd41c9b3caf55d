"""Bytes of a model's optimizer states: kept at MemoryX, and read and written by an update."""

from __future__ import annotations

from math import ceil

from wafersim.inputs.optimizer import OPTIMIZERS, OptimizerName
from wafersim.workload.transformer import Workload

INDEX_BYTES = 2  # of a non-zero weight's position, when weights are sparse


def memoryx_bytes(workload: Workload, optimizer: OptimizerName, density: float = 1.0) -> int:
    """Bytes that MemoryX holds of a job: of every trained weight its states and summed gradient, or, if that is less, of those
    that are not zero these and an index. Weights that are not trained are kept in 16 bits, whatever their zeros.

    The 16-bit weights of a stream are made of the master weights a layer at a time; they are not kept besides.
    """
    states = OPTIMIZERS[optimizer]
    dense = states.stored + states.gradient
    each = min(dense, density * (dense + INDEX_BYTES))
    frozen = 0 if workload.mode == "train" else workload.parameters * states.weight
    return ceil(workload.trained * each + frozen)


def update_bytes(optimizer: OptimizerName) -> float:
    """Bytes of a parameter that one update reads and writes."""
    return OPTIMIZERS[optimizer].moved
