"""Closed forms of the third-party kernels that were measured: cycles as a sum of constants times counts.

Every constant belongs to a kernel family on one architecture (`kernel_code` of a system profile). The counts follow from
the mechanism:

    mesh-gemm   interleaved two-hop Cannon: P steps of sync + k (per_k + n (per_vector + m per_element))
    mesh-gemv   local product, two-phase reduce in g groups whose chains meet in the middle, broadcast back
    shift       L store-and-forward hops of a vector; a PE that is source and forwarder at once pays for both
    summa       P steps of sync + k n (per_vector + m (element + sharing m k)), the last for operands that share a bank,
                more often the larger the tile
    spmm-coo    one multiply-accumulate over n columns per non-zero
    matvec      one multiply-accumulate over the rows per column, without bank conflict
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

ELEMENT_CYCLES = {
    # Machine, not code: cycles per fp32 element of a multiply-accumulate. 1 when its operands lie in different banks
    # (instruction trace, vector micro-benchmarks); 2 when they share one (the same, with the other alignment).
    "conflict-free": 1.0,
    "conflict": 2.0,
}


@dataclass(frozen=True)
class KernelShape:
    """A measured configuration: P x P PEs, tiles m x k x n, and what single families need besides."""

    p: int
    m: float = 1
    k: float = 1
    n: float = 1
    groups: int = 1
    hops: int = 1
    nonzeros: float = 0.0
    iterations: int = 1


def counts(family: str, shape: KernelShape) -> tuple[dict[str, float], float]:
    """({constant: its count}, cycles that need no constant) of one configuration."""
    p, m, k, n = shape.p, shape.m, shape.k, shape.n
    if family == "mesh-gemm":
        return {"sync": p, "per_k": p * k, "per_vector": p * k * n, "per_element": p * k * n * m}, 0.0
    if family == "mesh-gemv":
        chain = ceil(p / (2 * shape.groups))
        return {"setup": 1, "per_pe": p, "per_chained": chain, "per_group": shape.groups, "per_k": k, "per_n": n}, 0.0
    if family == "shift":
        hops, elements = shape.hops, m * n
        return {"setup": 1, "per_hop": hops, "per_element": hops * elements, "both_roles": min(hops, p)}, 0.0
    if family == "summa":
        vectors = p * k * n
        known = ELEMENT_CYCLES["conflict"] * vectors * m
        return {"sync": p, "per_vector": vectors, "sharing": vectors * m * m * k}, known
    if family == "spmm-coo":
        return {"setup": 1, "per_nonzero": shape.nonzeros, "per_element": shape.nonzeros * n}, 0.0
    if family == "matvec":
        known = ELEMENT_CYCLES["conflict-free"] * shape.iterations * k * m
        return {"per_column": shape.iterations * k, "per_iteration": shape.iterations}, known
    raise AssertionError(family)


def cycles(family: str, shape: KernelShape, constants: dict[str, float]) -> float:
    """The closed form of a family under an architecture's constants."""
    terms, known = counts(family, shape)
    return known + sum(constants[name] * count for name, count in terms.items())
