"""How long a matrix product takes: its FLOPs at the rate of long products, plus what shows of its operands' traffic.

The sum of the two, rather than the larger, is what makes small and thin products inefficient: a wave of tiles does not hide
the loading of its first and the storing of its last. How much
of it shows is measured on single products.
"""

from __future__ import annotations

import numpy as np

from wafersim.gpu.machine import Column, Device

FP16_BYTES = 2.0


def matmul_rate(device: Device, fp8: Column) -> Column:
    """FLOP/s of long products; `fp8` is 1 where inputs are 8 bits wide."""
    fp16 = device.peak_fp16 * device.gemm_efficiency
    fast = device.peak_fp8 * device.gemm_efficiency * device.fp8_efficiency
    return fp16 + fp8 * (fast - fp16)


def memory_rate(device: Device) -> float:
    """Bytes/s that element-wise kernels reach."""
    return device.memory_bandwidth * device.memory_efficiency


def gemm(m: Column, k: Column, n: Column, device: Device, fp8: Column = 0.0, products: Column = 1.0) -> Column:
    """Seconds of a product of (m x k) by (k x n) with 16-bit operands, or of a group of so many, as of a layer's experts.

    Each matrix of a group is met for the first time: less hides its loading, and the next one starts after a latency.
    """
    group = np.asarray(products) > 1.0
    flops = 2.0 * products * m * k * n
    operands = FP16_BYTES * products * (m * k + k * n + m * n)
    shown = np.where(group, device.group_share, device.operand_share)
    latency = np.where(group, device.group_latency * products, 0.0)
    return flops / matmul_rate(device, fp8) + shown * operands / memory_rate(device) + latency
