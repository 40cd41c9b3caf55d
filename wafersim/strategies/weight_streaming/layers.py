"""Layers as the links see them: into how many chunks each streams, and what every kind of link takes for a chunk."""

from __future__ import annotations

from functools import lru_cache
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


class Chunks(NamedTuple):
    """Into how many each layer streams, and the bytes of the largest on the way down and on the way up."""

    of_layers: tuple[int, ...]
    down: int
    up: int


def streamed(workload: Workload, machine: Machine, settings: Settings) -> tuple[PlanLayer, ...]:
    """The layers of a workload on a machine, in as many chunks as was chosen."""
    links = Links(
        machine.memoryx_bandwidth,
        machine.link_bandwidth,
        min(machine.link_bandwidth, machine.system_bandwidth),
        machine.accumulate_bandwidth,
    )
    weights, gradients = settings.weight_precision, settings.gradient_precision
    return _linked(workload, links, weights, gradients, settings.density, _of_block(workload, machine.sram, settings))


def chunks_of(workload: Workload, sram: float, settings: Settings) -> Chunks:
    """The chunks of the same layers, which no link changes."""
    weights, gradients = settings.weight_precision, settings.gradient_precision
    return _chunked(workload, weights, gradients, settings.density, _of_block(workload, sram, settings))


def _of_block(workload: Workload, sram: float, settings: Settings) -> int:
    if settings.chunks_per_layer is not None:
        return settings.chunks_per_layer
    block = weight_bytes(workload.largest_block.parameters, settings.weight_precision, settings.density)
    return min(max(FEWEST_CHUNKS, ceil(block / min(LARGEST_SHARE * sram, LARGEST_CHUNK))), MOST_CHUNKS)


class _Trip(NamedTuple):
    """Bytes of a layer down and up, and its chunks each way."""

    down: int
    up: int
    chunks: int


@lru_cache(maxsize=64)
def _trips(
    workload: Workload, weight_precision: str, gradient_precision: str, density: float, chunks: int
) -> dict[tuple[int, int], _Trip]:
    """By parameters and how many of them are trained. Raises Infeasible for a layer of more chunks than are simulated."""
    block = weight_bytes(workload.largest_block.parameters, weight_precision, density)
    chunk_bytes, found = max(1, ceil(block / chunks)), dict[tuple[int, int], _Trip]()
    for parameters, trained in dict.fromkeys((layer.parameters, layer.trained) for layer in workload.layers):
        down = weight_bytes(parameters, weight_precision, density)
        up = ceil(trained * density) * PRECISION_BYTES[gradient_precision]
        count = max(1, ceil(down / chunk_bytes))
        if count > LARGEST_LAYER:
            raise Infeasible(
                f"a layer of {parameters:.3g} parameters streams in {count} chunks of {chunk_bytes} bytes, a block's; "
                f"up to {LARGEST_LAYER} are simulated: take fewer strategy.chunks_per_layer or a smaller vocabulary"
            )
        found[parameters, trained] = _Trip(down, up, count)
    return found


@lru_cache(maxsize=64)
def _chunked(workload: Workload, weight_precision: str, gradient_precision: str, density: float, chunks: int) -> Chunks:
    trips = _trips(workload, weight_precision, gradient_precision, density, chunks)
    each = [trips[layer.parameters, layer.trained] for layer in workload.layers]
    down, up = max(ceil(trip.down / trip.chunks) for trip in each), max(ceil(trip.up / trip.chunks) for trip in each)
    return Chunks(tuple(trip.chunks for trip in each), down, up)


# Plans of one model that differ in compute alone share their layers, and those that differ in links alone their kernels:
# an interval plans a dozen of either. Keys are all that the values depend on.
@lru_cache(maxsize=64)
def _linked(
    workload: Workload, links: Links, weight_precision: str, gradient_precision: str, density: float, chunks: int
) -> tuple[PlanLayer, ...]:
    """Layers of as many parameters are worked out once."""
    trips = _trips(workload, weight_precision, gradient_precision, density, chunks)
    known = {size: _plan_layer(size[0], trip, links) for size, trip in trips.items()}
    return tuple([known[layer.parameters, layer.trained] for layer in workload.layers])


def _plan_layer(parameters: int, trip: _Trip, links: Links) -> PlanLayer:
    down, up, chunks = trip

    def ticks(size: int, bandwidth: float) -> tuple[int, ...]:
        return split(to_ticks(size / bandwidth), chunks)

    return PlanLayer(
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
