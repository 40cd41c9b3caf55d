"""What one pass over a part of a block takes: the longer of the GPU's work and of the host that launches it.

The two are rounded where they meet; where launches block, they add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.gpu.machine import Cluster, Column

SHARPNESS = 6.0  # of the rounded maximum of host and GPU time
NO_TIME = 1e-30  # seconds, below any


@dataclass(frozen=True)
class PassTime:
    """Seconds of one pass: all of it, and its parts (which do not add up where host and GPU overlap)."""

    seconds: Column
    matmul: Column
    attention: Column
    traffic: Column
    collectives: Column
    host: Column

    def __add__(self, other: PassTime) -> PassTime:
        names = ("seconds", "matmul", "attention", "traffic", "collectives", "host")
        return PassTime(*(getattr(self, name) + getattr(other, name) for name in names))

    def scaled(self, factor: Column) -> PassTime:
        """So many of them, or such a share."""
        names = ("seconds", "matmul", "attention", "traffic", "collectives", "host")
        return PassTime(*(getattr(self, name) * factor for name in names))


def pass_time(
    matmul: Column, attention: Column, traffic: Column, collectives: Column, host: Column, cluster: Cluster
) -> PassTime:
    """From seconds of each kind of work on the GPU, and of the host that launches it."""
    software = cluster.software
    host = host * software.host_factor
    gpu = matmul + attention + traffic + collectives
    larger, smaller = np.maximum(gpu, host), np.minimum(gpu, host)
    share = smaller / np.maximum(larger, NO_TIME)  # of nothing, where there is nothing to do
    rounded = larger * (1.0 + share**SHARPNESS) ** (1.0 / SHARPNESS)
    seconds = rounded + software.launch_blocking * (gpu + host - rounded)
    return PassTime(seconds, matmul, attention, traffic, collectives, host)
