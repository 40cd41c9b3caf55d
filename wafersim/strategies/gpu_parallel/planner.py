"""From a model's geometry, a layout and a cluster to a plan: what every stage does, in ticks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from math import ceil, log2

import numpy as np

from wafersim.errors import Infeasible
from wafersim.gpu.data_parallel import Parameters, expert_replicas
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.stages import chunk_blocks, times_of_one
from wafersim.strategies.gpu_parallel.closed_form import weights_are_gathered
from wafersim.strategies.gpu_parallel.durations import Durations, Kind, durations_of_each, on_machine
from wafersim.strategies.gpu_parallel.plan import GpuPlan, Unit
from wafersim.strategies.kept import kept
from wafersim.timeline.clock import checked_step, to_ticks

PREFETCH = 1  # units whose weights are gathered while one is worked on
MOST_PLANS = 1024  # of one micro-batch that are remembered
SPLIT_BACKWARD = "zero-bubble"  # the schedule whose weight gradients have slots of their own


def build_gpu_plan(
    geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str, clipping: bool, tied: bool = True
) -> GpuPlan:
    """The plan of a step. Raises Infeasible for a step that does not fit the clock."""
    one = _of_one_micro_batch(geometry, replace(layout, micro_batches=1), cluster, schedule, clipping, tied)
    plan = replace(one, micro_batches=int(layout.micro_batches))
    checked_step(plan.longest())
    return plan


@kept(MOST_PLANS, lambda _: 1)
def _of_one_micro_batch(
    geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str, clipping: bool, tied: bool
) -> GpuPlan:
    """The plan of a step of one micro-batch, on whose number no duration depends."""
    times = times_of_one(geometry, layout, cluster)
    durations = Durations(geometry, layout, cluster, schedule == SPLIT_BACKWARD, times)
    return _plan(geometry, layout, durations, 0, schedule, clipping, tied)


class PlansAhead:
    """Plans that are asked for on some machines one by one: the durations of a split are worked out for all of them at once."""

    def __init__(self, geometry: Geometry, clusters: Sequence[Cluster], clipping: bool, tied: bool) -> None:
        self._geometry, self._clusters, self._clipping, self._tied = geometry, clusters, clipping, tied
        self._durations: dict[tuple[Layout, str], dict[int, tuple[Durations, int]]] = {}

    def ready(self, place: int, layout: Layout, schedule: str) -> None:
        """See to it that `build_gpu_plan` finds a plan on the machine in some place."""
        geometry, one = self._geometry, replace(layout, micro_batches=1)
        asked = geometry, one, self._clusters[place], schedule, self._clipping, self._tied
        if _of_one_micro_batch.knows(*asked):
            return
        if (one, schedule) not in self._durations:
            each = durations_of_each(geometry, one, self._clusters, schedule == SPLIT_BACKWARD)
            self._durations[one, schedule] = {of: (durations, at) for of, durations, at in each}
        durations, at = self._durations[one, schedule][place]
        plan = _plan(geometry, one, durations, at, schedule, self._clipping, self._tied)
        _of_one_micro_batch.remember(plan, *asked)


def build_gpu_plans(
    geometry: Geometry, layout: Layout, clusters: Sequence[Cluster], schedule: str, clipping: bool, tied: bool = True
) -> list[GpuPlan | None]:
    """The same on each cluster, None where the step does not fit the clock; durations are worked out for all at once."""
    plans: list[GpuPlan | None] = [None] * len(clusters)
    for place, durations, at in durations_of_each(geometry, layout, clusters, schedule == SPLIT_BACKWARD):
        try:
            plans[place] = _plan(geometry, layout, durations, at, schedule, clipping, tied)
        except Infeasible:
            continue
    return plans


def _plan(
    geometry: Geometry, layout: Layout, durations: Durations, at: int, schedule: str, clipping: bool, tied: bool
) -> GpuPlan:
    """On the machine numbered `at` of the durations' column."""

    def seconds(duration: Column) -> float:
        return on_machine(duration, at)

    cluster = durations.cluster
    software = cluster.software
    p, v = int(layout.pipeline), int(layout.virtual_stages)
    gathered = bool(weights_are_gathered(layout, cluster))
    several = bool(
        max(layout.replicas, expert_replicas(layout)) > 1
    )  # experts may have replicas where the rest has none
    overlap = gathered or software.overlap_gradients
    kinds = {name: kind.on_machine(at) for name, kind in durations.kinds.items()}
    make = _Units(layout, durations, at, gathered, several)
    blocks = chunk_blocks(int(geometry.layers), layout)
    units = tuple(
        tuple(
            make.chunk(kinds, blocks[s][c], first=s == 0 and c == 0, last=s == p - 1 and c == v - 1) for c in range(v)
        )
        for s in range(p)
    )
    held = _parameters(kinds, blocks)
    parameters = [sum(chunks[1:], chunks[0]) for chunks in held]

    @cache  # stages are alike
    def update(held: Parameters, blocks: int) -> float:
        own = seconds(durations.update(held, blocks))
        if several and overlap and not gathered:
            # Collectives beside the backward pass slow it down; charged once, behind it.
            sent = seconds(durations.reduce(held)) + seconds(durations.regather(held))
            own += seconds(software.overlap_cost) * sent
        return own

    @cache
    def regather(held: Parameters) -> float:
        return 0.0 if gathered else seconds(durations.regather(held))

    updates = [update(each, sum(count)) for each, count in zip(parameters, blocks, strict=True)]
    regathers = [[regather(each) for each in chunks] for chunks in held]
    gpus = float(np.asarray(layout.gpus))
    by_port = [to_ticks(seconds(each)) for each in durations.sends]
    ports = _ports(layout, cluster.network.gpus_per_node)
    plan = GpuPlan(
        stages=p,
        chunks=v,
        micro_batches=int(layout.micro_batches),
        schedule=schedule,
        units=units,
        fine="all" if gathered else "last" if several and overlap else "none",
        sends=tuple(by_port[port] for port in ports),
        ports=ports,
        blocking_sends=software.blocking_sends,
        gathers=gathered,
        prefetch=PREFETCH,
        scatters=several,
        scatter_every=gathered or int(layout.zero_stage) >= 2,
        overlap=overlap,
        tie=to_ticks(seconds(durations.tie)) if tied else 0,
        norm=to_ticks(seconds(cluster.network.latency) * ceil(log2(gpus))) if gpus > 1 else 0,
        clipping=clipping,
        update=tuple(map(to_ticks, updates)),
        regather=tuple(tuple(map(to_ticks, chunks)) for chunks in regathers),
        overlap_regather=software.overlap_weights,
        work=tuple(durations.work(sum(chunks), s == 0, s == p - 1, at) for s, chunks in enumerate(blocks)),
    )
    checked_step(plan.longest())
    return plan


def _parameters(kinds: dict[str, Kind], blocks: list[list[int]]) -> list[list[Parameters]]:
    """Parameters of every chunk of every stage; the first of all holds the embedding, the last what the head has of its own."""
    out = [[kinds["block"].parameters.times(count) for count in chunks] for chunks in blocks]
    out[0][0] = out[0][0] + kinds["embedding"].parameters
    out[-1][-1] = out[-1][-1] + kinds["head"].parameters
    return out


class _Units:
    """Groups the blocks of a model chunk into units and gives them their ticks."""

    def __init__(self, layout: Layout, durations: Durations, at: int, gathered: bool, several: bool) -> None:
        self._durations, self._at, self._gathered, self._several = durations, at, gathered, several
        self._chunks: dict[tuple[int, bool, bool], tuple[Unit, ...]] = {}
        self._launch = 0.5 * self._seconds(durations.launch) / float(np.asarray(layout.virtual_stages))

    def _seconds(self, duration: Column) -> float:
        return on_machine(duration, self._at)

    def chunk(self, kinds: dict[str, Kind], blocks: int, first: bool, last: bool) -> tuple[Unit, ...]:
        """The units of one chunk in forward order."""
        key = (blocks, first, last)
        if key not in self._chunks:
            self._chunks[key] = self._chunk(kinds, *key)
        return self._chunks[key]

    def _chunk(self, kinds: dict[str, Kind], blocks: int, first: bool, last: bool) -> tuple[Unit, ...]:
        each = self._blocks_of_unit(kinds["block"])
        sizes = [min(each, blocks - at) for at in range(0, blocks, each)]
        of_size = {size: self._unit(kinds["block"], size, gather=True, scatter=True) for size in set(sizes)}
        out = [of_size[size] for size in sizes]  # none where the first or the last chunk has a table only
        if first:
            out.insert(0, self._unit(kinds["embedding"], 1, gather=True, scatter=True))
        if last:
            own = bool(kinds["head"].parameters.total > 0)
            out.append(self._unit(kinds["head"], 1, gather=own, scatter=own))
        launch = to_ticks(self._launch)
        head = out[0]
        out[0] = Unit(
            head.forward + launch, head.backward + launch, head.wgrad, head.gather, head.gather_again, head.scatter
        )
        return tuple(out)

    def _blocks_of_unit(self, block: Kind) -> int:
        if self._gathered:
            return 1
        software = self._durations.cluster.software
        size = on_machine(software.gradient_bytes, self._at) * block.parameters.total
        return (
            max(1, ceil(on_machine(software.bucket, self._at) / size)) if size else sys.maxsize
        )  # free ones fill none

    def _unit(self, kind: Kind, count: int, gather: bool, scatter: bool) -> Unit:
        durations, parameters = self._durations, kind.parameters.times(count)
        slow = fetch = again = spread = 0.0
        if self._gathered:
            slow = self._seconds(durations.cluster.software.overlap_cost)
            fetch = self._seconds(durations.gather(parameters)) if gather else 0.0
            again = fetch * self._seconds(durations.gathers_again)
            spread = self._seconds(durations.scatter(parameters)) if scatter else 0.0
        elif self._several and scatter:
            spread = self._seconds(durations.reduce(parameters))
        forward = count * kind.forward + slow * fetch
        backward = count * kind.backward + slow * (again + spread)
        seconds = (forward, backward, count * kind.wgrad, fetch, again, spread)
        return Unit(*map(to_ticks, seconds))


def _ports(layout: Layout, per_node: int) -> tuple[int, ...]:
    """The port by which what goes from virtual stage k to k + 1 leaves, by where the two lie."""
    p, v = int(layout.pipeline), int(layout.virtual_stages)
    stage = float(np.asarray(layout.tensor * layout.context * layout.data))
    ports = []
    for k in range(p * v - 1):
        here, there = k % p, (k + 1) % p
        # The last GPU of a stage and the first of the next stand in one node, or do not.
        low, high = min(here, there), max(here, there)
        ports.append(int((low * stage) // per_node != ((high + 1) * stage - 1) // per_node))
    return tuple(ports)
