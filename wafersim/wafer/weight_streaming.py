"""The weight-streaming AXPY on a grid of PEs: it computes the product and counts the cycles.

Tokens lie over the rows of the grid, the stationary hidden features over its columns: PE (r, c) holds `t` tokens of `k`
features. For every output j the k weights of a column are broadcast down that column, one wavelet a cycle; each weight
that arrives triggers an AXPY over the PE's tokens into one of two accumulators. When the k weights have passed, the row's
partial sums travel from column 0 to the last, each PE adding its own, while the AXPYs of output j + 1 go on in the other
accumulator. One recurrence update per PE and AXPY:

    arrive(r, c, w) = sent(c, w) + hop * r
    start(r, c, w)  = max(arrive, end(r, c, w - 1), accumulator free)
    end(r, c, w)    = start + issue + group * ceil(t / simd)
    reduce(r, c, j) = max(end of the output's AXPYs, reduce(r, c - 1, j) + hop, end of the reduce of j - 1) + t * words

A column's stream stalls while a PE below has not taken the weight `queue` places earlier: so many wavelets wait in a router.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from wafersim.compiled import njit
from wafersim.errors import Infeasible


@dataclass(frozen=True)
class PE:
    """What a kernel needs to know of a PE and of its own inner loop; cycles are whole."""

    simd_width: int = 4
    issue: int = 20  # per weight
    group: int = 2  # per SIMD group
    hop: int = 1  # per router
    words_per_partial: int = 1  # wavelets per partial sum
    queue: int = 8  # weights a PE's router holds before the column stalls
    sram_bytes: int = 48_000
    wavelet: int = 1  # of a column's link, per weight


@dataclass(frozen=True)
class Run:
    """A simulated product: the result (None for cycles only), the makespan, and busy cycles per PE."""

    product: npt.NDArray[np.float32] | None
    cycles: int
    busy: npt.NDArray[np.int64]  # rows x columns
    wait: npt.NDArray[np.int64]


def tile_bytes(tokens: int, features: int) -> int:
    """What a PE must hold: fp16 activations, two fp32 accumulators, one fp32 partial on its way."""
    return 2 * tokens * features + 3 * 4 * tokens


def check_fits(tokens: int, features: int, pe: PE) -> None:
    """Raise Infeasible with the bytes a tile needs when a PE cannot hold it."""
    needed = tile_bytes(tokens, features)
    if needed > pe.sram_bytes:
        raise Infeasible(
            f"a tile of {tokens} tokens x {features} features needs {needed} bytes of a PE's {pe.sram_bytes}"
        )


def simulate(
    x: npt.NDArray[np.float16], w: npt.NDArray[np.float16], rows: int, columns: int, pe: PE, accumulate: str = "fp32"
) -> Run:
    """Y = X W on a rows x columns grid; X is tokens x hidden, W hidden x outputs, both fp16.

    Zeros of W neither travel nor work. Columns whose last tile is short and rows with fewer tokens work less. Raises
    Infeasible when a tile does not fit a PE.
    """
    tokens, hidden = x.shape
    t, k = ceil(tokens / rows), ceil(hidden / columns)
    check_fits(t, k, pe)
    padded_x = np.zeros((rows * t, columns * k), np.float32)
    padded_x[:tokens, :hidden] = x
    padded_w = np.zeros((columns * k, w.shape[1]), np.float32)
    padded_w[:hidden] = w
    product = np.zeros((rows * t, w.shape[1]), np.float32)
    _multiply(padded_x, padded_w, columns, k, accumulate == "fp16", product)
    counts = (padded_w.reshape(columns, k, -1) != 0).sum(axis=1).T.astype(np.int64)  # weights of (output, column)
    cycles, busy, wait = _clock(counts, rows, t, *_constants(pe))
    return Run(product[:tokens], int(cycles), busy, wait)


def simulate_cycles(
    tokens_per_pe: int,
    features_per_pe: int,
    outputs: int,
    rows: int,
    columns: int,
    pe: PE,
    one_row: bool = False,
    density: float = 1.0,
) -> Run:
    """Cycles of a product without its numbers; of sparse weights every column meets as many, dealt evenly to the outputs.

    `one_row` uses that rows are shifted copies of the first.
    """
    met = np.floor(np.arange(outputs + 1) * features_per_pe * density + 1e-9).astype(np.int64)
    counts = np.repeat(np.diff(met)[:, None], columns, axis=1)
    simulated = 1 if one_row else rows
    cycles, busy, wait = _clock(counts, simulated, tokens_per_pe, *_constants(pe))
    shift = (rows - simulated) * pe.hop
    return Run(None, int(cycles) + shift, busy, wait)


def closed_form(tokens_per_pe: int, features_per_pe: int, outputs: int, rows: int, columns: int, pe: PE) -> int:
    """The makespan of the dense product, without simulating it.

    The first output is complete after its k weights; the slower of AXPYs and reduce sets the pace of the others; the last
    partial sum crosses the columns, and the last row lags by its hops.
    """
    axpy = features_per_pe * max(pe.issue + pe.group * ceil(tokens_per_pe / pe.simd_width), 1)
    reduce = tokens_per_pe * pe.words_per_partial
    lag = (rows - 1) * pe.hop
    across = (columns - 1) * pe.hop
    return lag + axpy + (outputs - 1) * max(axpy, reduce) + reduce + across


def _constants(pe: PE) -> tuple[int, int, int, int, int, int, int]:
    return pe.simd_width, pe.issue, pe.group, pe.hop, pe.wavelet, pe.words_per_partial, pe.queue


@njit()
def _multiply(x, w, columns, k, half, out):  # type: ignore[no-untyped-def]
    """The product in the order in which the grid adds: features of a column, then the columns from the first on."""
    tokens, outputs = x.shape[0], w.shape[1]
    for j in range(outputs):
        for i in range(tokens):
            total = np.float32(0.0)
            for c in range(columns):
                partial = np.float32(0.0)
                for f in range(c * k, (c + 1) * k):
                    if w[f, j] != 0.0:
                        partial = np.float32(partial + x[i, f] * w[f, j])
                        if half:
                            partial = _to_half(partial)
                total = np.float32(total + partial)
                if half:
                    total = _to_half(total)
            out[i, j] = total


@njit()
def _to_half(value):  # type: ignore[no-untyped-def]
    """A float32 rounded to the nearest fp16, ties to even (normal and subnormal range)."""
    if value == 0.0 or not np.isfinite(value):
        return value
    exponent = np.floor(np.log2(np.abs(value)))
    if exponent < -14.0:
        exponent = -14.0
    step = 2.0 ** (exponent - 10.0)
    rounded = np.float32(np.rint(np.float64(value) / step) * step)
    return rounded if np.abs(rounded) <= 65504.0 else np.float32(np.sign(value) * np.inf)


@njit()
def reduce_wave(ends, other, free, ticks, hop):  # type: ignore[no-untyped-def]
    """Partial sums travel along the first axis, each PE adding its own when its work and its last reduce have ended.

    Fills `free`, the ends of this output's reduces, from `other`, those of the output before; returns the last of them.
    """
    last = np.int64(0)
    for line in range(ends.shape[0]):
        for lane in range(ends.shape[1]):
            begin = max(ends[line, lane], other[line, lane])
            if line > 0:
                begin = max(begin, free[line - 1, lane] - ticks + hop)
            free[line, lane] = begin + ticks
            last = max(last, begin + ticks)
    return last


@njit()
def _clock(counts, rows, t, simd, issue, group, hop, wavelet, words, queue):  # type: ignore[no-untyped-def]
    """Cycle recurrence; `counts[j, c]` weights of output j go down column c. Returns (makespan, busy, wait) per PE.

    Arrays are column by row, so that the innermost loop runs over the rows of a column, which do not depend on each other.
    """
    outputs, columns = counts.shape
    axpy = max(issue + group * ((t + simd - 1) // simd), 1)
    link = t * words
    ends = np.zeros((columns, rows), np.int64)  # end of the last AXPY
    reduced = np.zeros((2, columns, rows), np.int64)  # end of the last two reduces, by accumulator
    taken = np.zeros((columns, queue), np.int64)  # ring: when a weight's slowest PE took it, less its hops
    sent = np.zeros(columns, np.int64)  # when the column may send again
    sequence = np.zeros(columns, np.int64)
    makespan = np.int64(0)
    for j in range(outputs):
        free, other = reduced[j % 2], reduced[(j + 1) % 2]
        for c in range(columns):
            end, accumulator = ends[c], free[c]
            for _ in range(counts[j, c]):
                slot = sequence[c] % queue
                leave = max(sent[c], taken[c, slot])
                sent[c] = leave + wavelet
                sequence[c] += 1
                slowest = np.int64(0)
                for r in range(rows):
                    start = max(leave + hop * r, end[r], accumulator[r])
                    end[r] = start + axpy
                    slowest = max(slowest, start - hop * r)
                taken[c, slot] = slowest
        makespan = max(makespan, reduce_wave(ends, other, free, link, hop))
    busy = np.empty((rows, columns), np.int64)
    wait = np.empty((rows, columns), np.int64)
    for c in range(columns):
        for r in range(rows):
            busy[r, c] = sequence[c] * axpy
            wait[r, c] = ends[c, r] - busy[r, c]
    return makespan, busy, wait
