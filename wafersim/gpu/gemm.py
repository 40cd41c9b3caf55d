"""How long a matrix product takes: its FLOPs at the rate of long products, plus what shows of its operands' traffic.

The sum of the two, rather than the larger, is what makes small and thin products inefficient: a wave of tiles does not hide
the loading of its first and the storing of its last. How much of it shows is measured on single products.
"""

from __future__ import annotations

import numpy as np

from wafersim.gpu.machine import Column, Device

FP16_BYTES = 2.0


PRECISIONS = ("bf16", "fp8", "mxfp8", "nvfp4")
"""Of a product's inputs, by their code in a column: 16 bits, 8 with a scale a tensor or for 32 elements, 4 with one for 16."""


def matmul_rates(device: Device) -> dict[str, Column]:
    """FLOP/s of long products by the precision of their inputs; 0 for one that the device does not have."""
    shares = (
        ("bf16", device.peak_fp16, 1.0), ("fp8", device.peak_fp8, device.fp8_efficiency),
        ("mxfp8", device.peak_fp8, device.fp8_efficiency * device.mxfp8_efficiency),
        ("nvfp4", device.peak_fp4, device.fp8_efficiency * device.nvfp4_efficiency),
    )  # fmt: skip
    return {precision: peak * device.gemm_efficiency * share for precision, peak, share in shares}


def matmul_rate(device: Device, precision: Column) -> Column:
    """FLOP/s of long products whose inputs have these precisions, by code."""
    rates, code = list(matmul_rates(device).values()), np.asarray(precision, int)
    if all(isinstance(rate, float) for rate in rates):  # a table is sooner looked up than columns are chosen from
        found: Column = np.array(rates)[code]
        return found
    chosen: Column = np.choose(code, np.broadcast_arrays(*rates))
    return chosen


def memory_rate(device: Device) -> Column:
    """Bytes/s that element-wise kernels reach."""
    return device.memory_bandwidth * device.memory_efficiency


def gemm(m: Column, k: Column, n: Column, device: Device, precision: Column = 0.0, products: Column = 1.0) -> Column:
    """Seconds of a product of (m x k) by (k x n) with 16-bit operands, or of a group of so many, as of a layer's experts.

    Each matrix of a group is met for the first time: less hides its loading, and the next one starts after a latency.
    """
    group = np.asarray(products) > 1.0
    flops = 2.0 * products * m * k * n
    operands = FP16_BYTES * products * (m * k + k * n + m * n)
    shown = np.where(group, device.group_share, device.operand_share)
    latency = np.where(group, device.group_latency * products, 0.0)
    return flops / matmul_rate(device, precision) + shown * operands / memory_rate(device) + latency
