"""The weight gradient on the grid of the weight-streaming AXPY: dW = X^T dY, tokens over the rows, features over the columns.

PE (r, c) holds `t` tokens of `k` features of X. For every output j the t values of dY[:, j] that belong to a row of PEs are
broadcast along it; each PE makes k dot products over its tokens; the k partial sums travel down the column of PEs, each
adding its own, and leave the wafer at the bottom as the gradient's column j. Two buffers for dY, two for partial sums:

    arrive(r, c, j) = sent(r, j) + t * words + hop * c
    start(r, c, j)  = max(arrive, end(r, c, j - 1), partial sums of j - 2 have left)
    end             = start + k * (issue + group * ceil(t / simd))
    reduce(r, c, j) = max(end, reduce(r - 1, c, j) + hop, end of the reduce of j - 1) + k
"""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

from wafersim.compiled import njit
from wafersim.wafer.weight_streaming import PE, Run, check_fits, reduce_wave


def simulate_gradient(x: npt.NDArray[np.float16], dy: npt.NDArray[np.float16], rows: int, columns: int, pe: PE) -> Run:
    """dW = X^T dY (hidden x outputs) with fp32 sums; X is tokens x hidden, dY tokens x outputs, both fp16."""
    tokens, hidden = x.shape
    t, k = ceil(tokens / rows), ceil(hidden / columns)
    check_fits(t, k, pe)
    total = np.zeros((hidden, dy.shape[1]), np.float32)
    for r in range(rows):  # in the order in which the column of PEs adds
        tile = slice(r * t, min((r + 1) * t, tokens))
        partial = np.zeros_like(total)
        for token in range(tile.start, tile.stop):
            partial += np.outer(x[token].astype(np.float32), dy[token].astype(np.float32))
        total += partial
    run = gradient_cycles(t, k, dy.shape[1], rows, columns, pe)
    return Run(total, run.cycles, run.busy, run.wait)


def gradient_cycles(tokens_per_pe: int, features_per_pe: int, outputs: int, rows: int, columns: int, pe: PE) -> Run:
    """Cycles only."""
    dots = features_per_pe * _dot(tokens_per_pe, pe)
    words = tokens_per_pe * pe.words_per_partial
    cycles, ends = _clock(outputs, rows, columns, dots, words, features_per_pe, pe.hop)
    busy = np.full((rows, columns), outputs * dots, np.int64)
    return Run(None, int(cycles), busy, ends - busy)


def gradient_closed_form(
    tokens_per_pe: int, features_per_pe: int, outputs: int, rows: int, columns: int, pe: PE
) -> int:
    """The makespan: the first column's way, then the slowest of broadcast, dot products and reduce per output."""
    dots = features_per_pe * _dot(tokens_per_pe, pe)
    words = tokens_per_pe * pe.words_per_partial
    ways = (columns - 1) * pe.hop + (rows - 1) * pe.hop
    return words + dots + features_per_pe + ways + (outputs - 1) * max(dots, words, features_per_pe)


def _dot(tokens: int, pe: PE) -> int:
    return max(pe.issue + pe.group * ceil(tokens / pe.simd_width), 1)


@njit()
def _clock(outputs, rows, columns, dots, words, features, hop):  # type: ignore[no-untyped-def]
    """(makespan, end of the last dot product of every PE)."""
    ends = np.zeros((rows, columns), np.int64)
    reduced = np.zeros((2, rows, columns), np.int64)
    link = np.zeros(rows, np.int64)  # when the row's broadcast link is free
    used = np.zeros((2, rows), np.int64)  # when the slowest PE of a row had used a buffer, less its hops
    makespan = np.int64(0)
    for j in range(outputs):
        free, other = reduced[j % 2], reduced[(j + 1) % 2]
        for r in range(rows):
            leave = max(link[r], used[j % 2, r])
            link[r] = leave + words
            slowest = np.int64(0)
            for c in range(columns):
                start = max(leave + words + hop * c, ends[r, c], free[r, c])
                ends[r, c] = start + dots
                slowest = max(slowest, ends[r, c] - hop * c)
            used[j % 2, r] = slowest
        makespan = max(makespan, reduce_wave(ends, other, free, features, hop))
    return makespan, ends
