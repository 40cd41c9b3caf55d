"""Kernels on lines of PEs: GEMV with its two-phase reduce, shift by store-and-forward, and a PE's sparse product.

Each computes its result and counts cycles under the same constants as the measured kernels (`measured_kernels.py`).
"""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

from wafersim.wafer.collectives import Line, broadcast_cycles, reduce
from wafersim.wafer.mesh import KernelCode

Vector = npt.NDArray[np.float32]


def gemv(
    x: npt.NDArray[np.float16],
    w: npt.NDArray[np.float16],
    p: int,
    code: KernelCode,
    line: Line,
    shape: str = "two-phase",
) -> tuple[Vector, float]:
    """(x W, cycles) on p x p PEs: a local product of (1 x k) by (k x n), a reduce along each column, a broadcast back."""
    k, n = ceil(len(x) / p), ceil(w.shape[1] / p)
    padded_x = np.zeros(p * k, np.float32)
    padded_x[: len(x)] = x
    padded_w = np.zeros((p * k, p * n), np.float32)
    padded_w[: w.shape[0], : w.shape[1]] = w
    result = np.zeros(p * n, np.float32)
    slowest = 0
    for column in range(p):
        part = slice(column * n, (column + 1) * n)
        partial = np.stack(
            [_local(padded_x[r * k : (r + 1) * k], padded_w[r * k : (r + 1) * k, part]) for r in range(p)]
        )
        result[part], cycles = reduce(shape, partial, line)
        slowest = max(slowest, cycles)
    return result[: w.shape[1]], code.step(1, k, n) + slowest + broadcast_cycles(p, n, line)


def _local(x: Vector, w: Vector) -> Vector:
    total = np.zeros(w.shape[1], np.float32)
    for value, row in zip(x, w, strict=True):
        total += value * row
    return total


def shift(values: Vector, hops: int, per_hop: float, per_element: float) -> tuple[Vector, float]:
    """(the vectors of a line of PEs, `hops` places further to the right, cycles); what leaves the line is lost.

    Store-and-forward: a PE has the whole vector before it passes it on. `values` is PEs x elements.
    """
    moved = values.copy()
    cycles = 0.0
    for _ in range(hops):
        moved = np.vstack([np.zeros_like(moved[:1]), moved[:-1]])
        cycles += per_hop + per_element * values.shape[1]
    return moved, cycles


def sparse_product(
    row: npt.NDArray[np.int64], column: npt.NDArray[np.int64], value: Vector, dense: Vector, rows: int,
    per_nonzero: float, per_element: float,
) -> tuple[Vector, float]:  # fmt: skip
    """(A B, cycles) in one PE with A as coordinates: one multiply-accumulate over B's columns per non-zero."""
    product = np.zeros((rows, dense.shape[1]), np.float32)
    cycles = 0.0
    for r, c, v in zip(row, column, value, strict=True):
        product[r] += v * dense[c]
        cycles += per_nonzero + per_element * dense.shape[1]
    return product, cycles
