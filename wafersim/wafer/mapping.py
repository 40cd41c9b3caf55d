"""How a matmul is laid over the grid: tokens over one axis, the stationary hidden dimension over the other, best split.

Closed form of the weight-streaming AXPY dataflow (`weight_streaming.py` simulates it PE by PE). A PE holds `t` tokens of
`k` hidden features. For each of the n outputs its column sends it k weights; each costs an issue and ceil(t / SIMD)
groups, and the row's partial sums travel on, overlapped with the next output:

    cycles = n * max(k * (issue + group * ceil(t / simd)), t * words) + fill

The compiler may lay tokens over the rows or the columns, and may cut the hidden axis into `replicas` that each hold the
whole hidden dimension for their own tokens; a weight then goes to every replica at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """The PEs a kernel may use and what its inner loop costs, in cycles."""

    rows: int
    columns: int
    simd_width: int  # multiply-accumulates per cycle
    weight_issue: float  # per weight: receive, decode, start the vector operation
    group_cost: float  # per SIMD group of the vector operation; 1 without bank conflicts

    @property
    def peak_macs(self) -> float:
        """Multiply-accumulates per cycle of the grid."""
        return float(self.rows * self.columns * self.simd_width)


@dataclass(frozen=True)
class Mapping:
    """The best split of one matmul and its cycles."""

    cycles: float
    token_axis: int  # PEs over which the tokens of one replica are split
    hidden_axis: int  # PEs over which a replica's hidden features are split
    replicas: int
    tokens_per_pe: int
    hidden_per_pe: int
    bound: str  # compute | reduce link


WORDS_PER_PARTIAL = 1.0  # fp32 partial sums, one wavelet each


@lru_cache(maxsize=65536)
def best_mapping(tokens: int, hidden: int, outputs: int, density: float, grid: Grid) -> Mapping:
    """The fastest split of a (tokens x hidden) by (hidden x outputs) product; ceil effects included.

    Sparse weights neither travel nor work: a PE meets `density` of its hidden features, on average, for every output.
    """
    token_axis, hidden_axis, replicas = _splits(grid.rows, grid.columns)
    k = -(-hidden // hidden_axis)
    t = -(-tokens // (token_axis * replicas))
    compute = k * (density * (grid.weight_issue + grid.group_cost * -(-t // grid.simd_width)))
    reduce = np.where(hidden_axis > 1, t * WORDS_PER_PARTIAL, 0.0)
    cycles = outputs * np.maximum(compute, reduce) + (token_axis + hidden_axis)
    at = int(cycles.argmin())
    bound = "compute" if compute[at] >= reduce[at] else "reduce link"
    axes = int(token_axis[at]), int(hidden_axis[at]), int(replicas[at])
    return Mapping(float(cycles[at]), *axes, int(t[at]), int(k[at]), bound)


def streamed_cycles(tokens: float, hidden: int, outputs: int, density: float, hidden_axis: float, grid: Grid) -> float:
    """Cycles of a product in a step: outputs x features x density x (issue + group x ceil(tokens / rows / SIMD)).

    Tokens lie over the rows, the hidden dimension over `hidden_axis` PEs of a row, whole `features` on each: ceil(hidden / hidden
    axis). A dimension that is shorter than half of the axis lies there several times, each for tokens of its own. Two things
    differ from `best_mapping`, the same dataflow with every PE counted, because measured steps say so:

    - all cores compute (`hidden_axis` is cores / rows): 750 x 994 is what the SDK hands to programs of others, the vendor's
      compiler has the whole fabric;
    - the reduce link does not bind: where a PE holds a single feature, partial sums of two features still leave in time.
    """
    replicas = max(1, int(hidden_axis / hidden))
    features = ceil(hidden / hidden_axis)
    groups = ceil(max(1, ceil(tokens)) / (grid.rows * replicas) / grid.simd_width)
    return outputs * features * density * (grid.weight_issue + grid.group_cost * groups)


@lru_cache(maxsize=64)
def _splits(rows: int, columns: int) -> tuple[Integers, Integers, Integers]:
    """(token axis, hidden axis, replicas) of every split worth trying: tokens over rows or columns, and for each width
    of a replica as many replicas as there is room for."""
    splits = []
    for token_axis, total in ((rows, columns), (columns, rows)):
        widest = {total // replicas: replicas for replicas in range(1, total + 1)}  # the last one is the most replicas
        splits += [(token_axis, width, replicas) for width, replicas in widest.items()]
    return tuple(np.array(column, np.int64) for column in zip(*splits, strict=True))  # type: ignore[return-value]
