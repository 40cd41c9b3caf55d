"""Square-mesh matmuls: SUMMA, Cannon and the interleaved mesh GEMM, step by step on a P x P grid.

Each PE holds an (m x k) tile of A, a (k x n) tile of B and an (m x n) tile of C. A product takes P steps; in a step a PE
multiplies two tiles while the next ones are on their way (Cannon and the interleaved mesh) or after they have come
(SUMMA's broadcasts). What differs is the way that a tile travels:

    summa         both tiles are broadcast along their row and column, the root moving step by step
    cannon        shift by one; the wrap-around crosses P - 1 routers and the slowest message sets the step
    interleaved   rows and columns are folded so that neighbours in the ring are two hops apart: no long wire
                  (WaferLLM's MeshGEMM, OSDI 2025)

A PE's own work in a step is `KernelCode.step(m, k, n)`: synchronisation, loads per k, a cost per vector, a cost per element.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from wafersim.compiled import njit
from wafersim.errors import Infeasible

DATAFLOWS = ("summa", "cannon", "interleaved")


@dataclass(frozen=True)
class KernelCode:
    """The loop of a kernel family on one architecture, in cycles; fitted to measured kernels, not a property of the machine."""

    sync: float  # per step
    per_k: float  # per inner-dimension index: descriptor loads
    per_vector: float  # per (k, n): start of a multiply-accumulate over a column of m
    per_element: float  # per multiply-accumulate
    sharing: float = 0.0  # more per element, times the m x k elements of a tile: operands that share a bank

    def step(self, m: int, k: int, n: int) -> float:
        """Cycles of one local product: sync + k (per_k + n (per_vector + m (per_element + sharing m k)))."""
        return self.sync + k * (self.per_k + n * (self.per_vector + m * (self.per_element + self.sharing * m * k)))


@dataclass(frozen=True)
class Mesh:
    """The links of the machine: cycles per hop, words per cycle and link, and the memory of a PE."""

    hop: int = 1
    words_per_cycle: int = 1
    word_bytes: int = 4
    sram_bytes: int = 48_000


def tile_words(rows: int, columns: int, element_bytes: int, mesh: Mesh) -> int:
    """Wavelets that carry a tile."""
    return ceil(rows * columns * element_bytes / mesh.word_bytes / mesh.words_per_cycle)


def tile_bytes(m: int, k: int, n: int, element_bytes: int) -> int:
    """What a PE must hold: the tiles of A and B twice, for the next step's, and that of C."""
    return element_bytes * (2 * m * k + 2 * k * n + m * n)


def check_fits(m: int, k: int, n: int, element_bytes: int, mesh: Mesh) -> None:
    """Raise Infeasible when the tiles do not fit a PE."""
    needed = tile_bytes(m, k, n, element_bytes)
    if needed > mesh.sram_bytes:
        raise Infeasible(f"tiles {m} x {k} x {n} need {needed} bytes of a PE's {mesh.sram_bytes}")


def move_cycles(dataflow: str, p: int, words: int, mesh: Mesh) -> int:
    """Cycles that the slowest tile of `words` wavelets adds to a step's moves; SUMMA's waves hide their hops."""
    if p == 1:
        return 0
    distance = {"summa": 0, "cannon": p - 1, "interleaved": min(2, p - 1)}[dataflow]
    return distance * mesh.hop + words


def closed_form(
    dataflow: str, p: int, m: int, k: int, n: int, code: KernelCode, mesh: Mesh, element_bytes: int = 2
) -> float:
    """Cycles of the product: P steps of work, with the moves of P - 1 steps behind (or, for SUMMA, before) the work.

    SUMMA's broadcasts follow each other as waves, so a step costs its work and the words of the longer tile whatever P
    is; the hops show once, as the longest way that a wave can go back and forth while the root moves on.
    """
    work = code.step(m, k, n)
    a, b = tile_words(m, k, element_bytes, mesh), tile_words(k, n, element_bytes, mesh)
    move = max(move_cycles(dataflow, p, a, mesh), move_cycles(dataflow, p, b, mesh))
    if dataflow == "summa":
        if p == 1:
            return work
        change = abs(a - b)  # a wave that turns from the dimension of the longer tile into the other gains so much
        skew = max((2 * p - 2) * mesh.hop, (3 * p - 4) * mesh.hop - change, (4 * p - 7) * mesh.hop - 2 * change)
        return p * (work + max(a, b)) + skew
    return work + (p - 1) * max(work, move)


def simulate(
    dataflow: str, a: npt.NDArray[np.float16], b: npt.NDArray[np.float16], p: int, code: KernelCode, mesh: Mesh,
    accumulate: str = "fp32",
) -> tuple[npt.NDArray[np.float32], float, npt.NDArray[np.float64]]:  # fmt: skip
    """(product, cycles, busy cycles per PE) of A B on p x p PEs; the tiles really move between the PEs.

    Raises Infeasible when tiles do not fit.
    """
    rows, inner, columns = a.shape[0], a.shape[1], b.shape[1]
    m, k, n = ceil(rows / p), ceil(inner / p), ceil(columns / p)
    check_fits(m, k, n, 2, mesh)
    tiles_a, tiles_b = _tiles(a, p, m, k), _tiles(b, p, k, n)
    c = np.zeros((p, p, m, n), np.float32)
    order = ring(p) if dataflow == "interleaved" else np.arange(p)
    half = accumulate == "fp16"
    clock = Clock(p, dataflow, code.step(m, k, n), (m, k, n), mesh)
    if dataflow == "summa":
        for step in range(p):
            _accumulate(c, tiles_a[:, step][:, None].repeat(p, 1), tiles_b[step][None].repeat(p, 0), half)
            clock.step(step)
    else:
        # Place the rings, skew them, then shift along them; `order[i]` is the ring's member at place i of the mesh.
        skew = (order[:, None] + order[None, :]) % p
        held_a = tiles_a[order[:, None], skew]
        held_b = tiles_b[skew, order[None, :]]
        successor = np.argsort(order)[(order + 1) % p]  # the place that holds the ring's next member
        for step in range(p):
            _accumulate(c, held_a, held_b, half)
            held_a, held_b = held_a[:, successor], held_b[successor]
            clock.step(step)
        place = np.argsort(order)
        c = c[place][:, place]
    product = c.transpose(0, 2, 1, 3).reshape(p * m, p * n)[:rows, :columns]
    return product, clock.cycles, clock.busy


def ring(p: int) -> npt.NDArray[np.int64]:
    """The ring's member at each place of a folded line: 0, p-1, 1, p-2, ... so that successors are at most two places apart."""
    order = np.empty(p, np.int64)
    order[0::2] = np.arange((p + 1) // 2)
    order[1::2] = p - 1 - np.arange(p // 2)
    return order


def _tiles(matrix: npt.NDArray[np.float16], p: int, rows: int, columns: int) -> npt.NDArray[np.float32]:
    padded = np.zeros((p * rows, p * columns), np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded.reshape(p, rows, p, columns).transpose(0, 2, 1, 3)


def _accumulate(c: npt.NDArray[np.float32], a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], half: bool) -> None:
    """C += A B in every PE, one inner index after the other, rounded to fp16 after each where asked."""
    for k in range(a.shape[3]):
        c += a[:, :, :, k, None] * b[:, :, None, k, :]
        if half:
            c[...] = c.astype(np.float16)


class Clock:
    """Cycle counts of the steps: every PE starts its next product when it has both tiles and has ended the last one."""

    def __init__(self, p: int, dataflow: str, work: float, tile: tuple[int, int, int], mesh: Mesh) -> None:
        m, k, n = tile
        self._p, self._work = p, work
        self._free = np.zeros((p, p))
        self._begun = np.zeros((p, p))
        self.busy = np.zeros((p, p))
        order = ring(p) if dataflow == "interleaved" else np.arange(p)
        self._from = np.argsort(order)[(order + 1) % p]
        self._hops = np.abs(self._from - np.arange(p)) * mesh.hop
        self._words = tile_words(m, k, 2, mesh), tile_words(k, n, 2, mesh)
        self._summa, self._hop = dataflow == "summa", mesh.hop

    def step(self, index: int) -> None:
        """One step of all PEs, exchanges included."""
        if self._p == 1:
            start = self._free
        elif self._summa:
            start = _summa_arrivals(self._free, index, self._words[0], self._words[1], self._hop)
        elif index == 0:
            start = self._free
        else:
            # A tile may leave when its PE has begun the step before (and only reads it) and the PE that takes it has
            # begun that step too (its second buffer is free only then).
            begun = self._begun
            along = np.maximum(begun[:, self._from], begun) + self._hops[None, :] + self._words[0]
            down = np.maximum(begun[self._from], begun) + self._hops[:, None] + self._words[1]
            start = np.maximum(self._free, np.maximum(along, down))
        self._begun = start
        self._free = start + self._work
        self.busy += self._work

    @property
    def cycles(self) -> float:
        """The makespan so far."""
        return float(self._free.max())


@njit()
def _summa_arrivals(free, root, words_a, words_b, hop):  # type: ignore[no-untyped-def]
    """When each PE has both tiles: the roots of a step send as soon as they are free, the others receive when they are."""
    p = free.shape[0]
    start = np.empty((p, p))
    for r in range(p):
        for c in range(p):
            from_row = max(free[r, c], free[r, root] + abs(c - root) * hop) + words_a
            from_column = max(free[r, c], free[root, c] + abs(r - root) * hop) + words_b
            start[r, c] = max(from_row, from_column)
    return start
