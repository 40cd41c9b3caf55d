"""Layers as the links see them: into how many chunks each streams, and what every kind of link takes for a chunk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import ceil
from typing import NamedTuple

from wafersim.errors import Infeasible
from wafersim.strategies.weight_streaming.machine import Machine, Settings
from wafersim.strategies.weight_streaming.plan import PlanLayer
from wafersim.timeline.clock import split, to_ticks
from wafersim.workload.optimizer import INDEX_BYTES
from wafersim.workload.transformer import Workload

PRECISION_BYTES = {"fp8": 1, "fp16": 2, "bf16": 2, "fp32": 4}
FEWEST_CHUNKS, MOST_CHUNKS = 4, 1024  # of a block, where their number is not said
LARGEST_LAYER = 100_000  # chunks
LARGEST_SHARE = 0.01  # of SRAM in a chunk, where their number is not said: buffers of eight each way then always fit
LARGEST_CHUNK = (
    0.4e9  # bytes, that share of a CS-2: a wafer of more SRAM streams no more coarsely, which would cost time
)


def weight_bytes(parameters: int, precision: str, density: float) -> int:
    """Bytes of a layer's weights on the way down: all of them, or those that are not zero with their indices if that is less."""
    value = PRECISION_BYTES[precision]
    return min(parameters * value, ceil(parameters * density * (value + INDEX_BYTES)))


class Links(NamedTuple):
    """The bandwidths that a layer's chunks meet, in bytes/s."""

    memoryx: float
    swarmx: float
    system: float
    accumulate: float


@dataclass(frozen=True)
class Streamed:
    """Every layer as the links see it."""

    layers: tuple[PlanLayer, ...]

    @cached_property
    def chunks(self) -> tuple[int, ...]:
        """Of each layer."""
        return tuple(layer.chunks for layer in self.layers)

    @cached_property
    def largest_chunks(self) -> tuple[int, int]:
        """Bytes of the largest chunk on the way down, and of the largest on the way up."""
        down = max(ceil(layer.weight_bytes / layer.chunks) for layer in self.layers)
        return down, max(ceil(layer.gradient_bytes / layer.chunks) for layer in self.layers)


def streamed(workload: Workload, machine: Machine, settings: Settings) -> Streamed:
    """The layers of a workload on a machine, in as many chunks as was chosen."""
    links = Links(
        machine.memoryx_bandwidth,
        machine.link_bandwidth,
        min(machine.link_bandwidth, machine.system_bandwidth),
        machine.accumulate_bandwidth,
    )
    weights, gradients = settings.weight_precision, settings.gradient_precision
    chunks = settings.chunks_per_layer
    if chunks is None:
        block = weight_bytes(workload.largest_block.parameters, weights, settings.density)
        chunks = ceil(block / min(LARGEST_SHARE * machine.sram, LARGEST_CHUNK))
        chunks = min(max(FEWEST_CHUNKS, chunks), MOST_CHUNKS)
    return _linked(workload, links, weights, gradients, settings.density, chunks)


# Plans of one model that differ in compute alone share their layers, and those that differ in links alone their kernels:
# an interval plans a dozen of either. Keys are all that the values depend on.
@lru_cache(maxsize=64)
def _linked(
    workload: Workload, links: Links, weight_precision: str, gradient_precision: str, density: float, chunks: int
) -> Streamed:
    """Layers of as many parameters are worked out once."""

    def down(parameters: int) -> int:
        return weight_bytes(parameters, weight_precision, density)

    chunk_bytes = max(1, ceil(down(workload.largest_block.parameters) / chunks))
    known: dict[tuple[int, int], PlanLayer] = {}
    for layer in workload.layers:
        size = layer.parameters, layer.trained
        if size not in known:
            up = ceil(layer.trained * density) * PRECISION_BYTES[gradient_precision]
            known[size] = _plan_layer(layer.parameters, down(layer.parameters), up, chunk_bytes, links)
    return Streamed(
        tuple(replace(known[layer.parameters, layer.trained], name=layer.name) for layer in workload.layers)
    )


def _plan_layer(parameters: int, down: int, up: int, chunk_bytes: int, links: Links) -> PlanLayer:
    chunks = max(1, ceil(down / chunk_bytes))
    if chunks > LARGEST_LAYER:
        raise Infeasible(
            f"a layer of {parameters:.3g} parameters streams in {chunks} chunks of {chunk_bytes} bytes, a block's; "
            f"up to {LARGEST_LAYER} are simulated: take fewer strategy.chunks_per_layer or a smaller vocabulary"
        )

    def ticks(size: int, bandwidth: float) -> tuple[int, ...]:
        return split(to_ticks(size / bandwidth), chunks)

    return PlanLayer(
        name="",
        chunks=chunks,
        parameters=parameters,
        weight_bytes=down,
        gradient_bytes=up,
        send_ticks=ticks(down, links.memoryx),
        down_ticks=ticks(down, links.swarmx),
        ingress_ticks=ticks(down, links.system),
        egress_ticks=ticks(up, links.system),
        up_ticks=ticks(up, links.swarmx),
        root_ticks=ticks(up, links.memoryx),
        accumulate_ticks=ticks(up, links.accumulate),
        read_ticks=ticks(down, links.accumulate),
    )
