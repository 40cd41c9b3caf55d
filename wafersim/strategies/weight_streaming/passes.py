"""The order of kernels of a micro-batch: forward, backward, recompute where nothing was kept."""

from __future__ import annotations

from functools import lru_cache

from wafersim.strategies.weight_streaming.activations import Policy
from wafersim.strategies.weight_streaming.plan import Kernel
from wafersim.workload.transformer import Workload


@lru_cache(maxsize=64)
def kernels_of(workload: Workload, policy: Policy, retain: bool, pieces: int) -> tuple[Kernel, ...]:
    """One micro-batch: forward through the layers, backward through them, recompute where nothing was kept.

    Weights that are not trained have no weight gradient and drain nothing. A forward pass alone ends with its losses, which
    leave as a gradient of no bytes would.
    """
    head = len(workload.layers) - 1
    blocks = range(1, head)
    if workload.mode == "forward":
        return tuple(Kernel("forward", i, streams=True, frees=True, drains=i == head) for i in range(head + 1))
    segment_starts = set(blocks[:: policy.every]) if policy.every else set(blocks)
    kernels = [Kernel("forward", 0, streams=True, frees=True)]
    kernels += [
        Kernel("forward", i, streams=True, frees=True, offloads=pieces if i in segment_starts else 0) for i in blocks
    ]
    kernels += [Kernel("forward", head, streams=True, frees=not retain)]
    kernels += [Kernel("dgrad", head, streams=not retain, frees=True)]
    if workload.layers[head].trained:
        kernels += [Kernel("wgrad", head, drains=True)]
    for start in sorted(segment_starts, reverse=True):
        segment = range(start, min(start + max(1, policy.every), head))
        if policy.every:
            kernels += [
                Kernel(
                    "recompute", i, streams=True, frees=not policy.hold,
                    fetches=pieces if i == start else 0, releases_fetch=bool(pieces) and i == start,
                )
                for i in segment
            ]  # fmt: skip
        for i in reversed(segment):
            fetches = pieces if not policy.every else 0
            kernels.append(Kernel("dgrad", i, streams=not (policy.every and policy.hold), frees=True, fetches=fetches))
            kernels.append(Kernel("wgrad", i, drains=True, releases_fetch=bool(fetches)))
    if workload.layers[0].trained:
        kernels.append(Kernel("wgrad", 0, drains=True))  # the embedding has no input gradient
    return tuple(kernels)
