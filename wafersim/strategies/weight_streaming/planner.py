"""From a workload and a machine to a plan: chunks, kernels, durations, under one activation policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, log2
from typing import NamedTuple

from wafersim.errors import Infeasible
from wafersim.inputs.optimizer import OptimizerName
from wafersim.strategies.weight_streaming.activations import (
    Policy,
    WaferMemory,
    segments,
    transfer_bytes,
    wafer_memory,
)
from wafersim.strategies.weight_streaming.passes import kernels_of
from wafersim.strategies.weight_streaming.plan import (
    Jitter,
    Latencies,
    PlanLayer,
    UpdateUnit,
    WeightStreamingPlan,
)
from wafersim.strategies.weight_streaming.tree import Tree, build_tree
from wafersim.timeline.clock import checked_step, split, stretched, to_ticks
from wafersim.wafer.op_cost import BAKED_IN_SAVING, OpCosts, WaferDevice
from wafersim.workload.layer import Op
from wafersim.workload.optimizer import INDEX_BYTES, update_bytes
from wafersim.workload.transformer import Workload

PRECISION_BYTES = {"fp8": 1, "fp16": 2, "bf16": 2, "fp32": 4}
MOST_SLICES = 10_000_000  # about 3 GB while they are simulated
FEWEST_CHUNKS, MOST_CHUNKS = 4, 1024  # of a block, where their number is not said
LARGEST_LAYER = 100_000  # chunks
LARGEST_SHARE = 0.01  # of SRAM in a chunk, where their number is not said: buffers of eight each way then always fit
LARGEST_CHUNK = (
    0.4e9  # bytes, that share of a CS-2: a wafer of more SRAM streams no more coarsely, which would cost time
)
ACTIVATION_SLOTS = 2  # transfers to, and from, the activation servers that the wafer can buffer


@dataclass(frozen=True)
class Machine:
    """The numbers of a cluster that a plan reads, in SI units (bytes/s, seconds, bytes)."""

    device: WaferDevice
    sram: float
    sram_reserved: float
    working_set: float  # share of a block's activations and gradients that a lane holds at once
    system_bandwidth: float
    memoryx_bandwidth: float
    memoryx_latency: float
    accumulate_bandwidth: float
    optimizer_bandwidth: float
    link_bandwidth: float
    hop_latency: float
    reduction_tail: float
    reduction_tail_per_parameter: float
    fan_out: int
    compute_jitter: float = 0.0
    system_spread: float = 0.0


@dataclass(frozen=True)
class Disturbances:
    """What makes systems differ: paces of slow systems, slow links by (level, child), nodes lost in turn, jitter."""

    paces: tuple[tuple[int, float], ...] = ()  # (system, times as long)
    slow_links: tuple[tuple[int, int, float], ...] = ()
    lost_nodes: tuple[tuple[int, int], ...] = ()
    jitter: Jitter | None = None


@dataclass(frozen=True)
class Settings:
    """What the user chose of a step: shards and micro-batches, buffers, precisions, when an update may start."""

    shards: tuple[int, ...]  # sequences of each system in one step
    micro_batches: int
    chunks_per_layer: int | None  # None: 4, or as many as keep a chunk of a block below 1 % of SRAM and 0.4 GB
    weight_credits: int
    drain_credits: int
    retain_output_weights: bool
    optimizer: OptimizerName
    clipping_barrier: bool
    weight_precision: str
    gradient_precision: str
    density: float
    baked_in_zeros: float = 0.0  # share of frozen weights that were zero when the job was compiled
    shared_memory: bool = False
    disturbances: Disturbances = Disturbances()
    input_rate: float | None = None  # sequences/s that the input workers of a system deliver; None never binds


@dataclass(frozen=True)
class Planned:
    """A plan with the memory it needs and the policy behind it."""

    plan: WeightStreamingPlan
    policy: Policy
    memory: WaferMemory


def build_plan(
    workload: Workload, machine: Machine, settings: Settings, policy: Policy, costs: OpCosts
) -> Planned | str:
    """The plan of a step under a policy, or the reason why the policy cannot run."""
    layers = _plan_layers(workload, machine, settings)
    retain = settings.retain_output_weights and layers[-1].chunks < settings.weight_credits
    chunks = tuple(layer.chunks for layer in layers)
    of_segments = [sum(chunks[i] for i in segment) for segment in segments(workload, policy)] if policy.hold else []
    held = max((*of_segments, chunks[-1] if retain else 0), default=0)
    if held > settings.weight_credits:
        return (
            f"does not fit: {held} chunks of weights are held for recompute, in room for {settings.weight_credits}; give "
            f"strategy.weight_credits {held} or more, or strategy.activations.recompute_weights restream"
        )
    shards = tuple(tuple(split(shard, settings.micro_batches)) for shard in settings.shards)
    paces = {system: factor for system, factor in settings.disturbances.paces if factor != 1.0}
    of_system = [[(-size, paces.get(system, 1.0)) for size in shard] for system, shard in enumerate(shards)]
    distinct = sorted({each for row in of_system for each in row})  # (-size, pace), the largest first
    sizes = tuple(-size for size, _ in distinct)
    sequence = workload.sequence_length
    memory = _memory(workload, machine, settings, policy, layers)
    if isinstance(memory, str):
        return memory
    pieces = max(chunks[1:-1]) if policy.place == "servers" else 0
    kernels = kernels_of(workload, policy, retain, pieces)
    priced = workload, chunks, policy, retain, pieces
    how = machine.device, settings.weight_precision, settings.density, settings.baked_in_zeros
    tables = [_kernel_costs(*priced, -size * sequence, *how, pace, costs) for size, pace in distinct]
    # One system of each kind is simulated, with jitter every one: what that takes is known before any of it is built.
    simulated = len(shards) if settings.disturbances.jitter else len({tuple(row) for row in of_system})
    check_slices(sum(map(len, tables[0][0])), simulated, settings.micro_batches)
    tree = _disturbed(build_tree(len(shards), machine.fan_out), settings.disturbances)
    transfers = [
        to_ticks(transfer_bytes(workload, policy, size * sequence) / machine.system_bandwidth) for size in sizes
    ]
    rate = settings.input_rate
    plan = WeightStreamingPlan(
        tree=tree,
        layers=layers,
        kernels=kernels,
        micro_batches=settings.micro_batches,
        micro_batch_sizes=sizes,
        size_of=tuple(tuple(distinct.index(each) for each in row) for row in of_system),
        compute_ticks=tuple(table[0] for table in tables),
        floor_ticks=tuple(table[1] for table in tables),
        flops=tuple(table[2] for table in tables),
        input_ticks=tuple(to_ticks(size / rate) if rate else 0 for size in sizes),
        fetch_ticks=tuple(split(ticks, max(1, pieces)) for ticks in transfers),
        weight_credits=settings.weight_credits,
        drain_credits=settings.drain_credits,
        activation_slots=ACTIVATION_SLOTS,
        latencies=Latencies(
            to_ticks(machine.memoryx_latency),
            to_ticks(machine.hop_latency),
            to_ticks(machine.memoryx_latency + tree.depth * machine.hop_latency),
        ),
        updates=_updates(workload, machine, settings),
        clipping_barrier=settings.clipping_barrier,
        reduction_tail=_reduction_tail(workload, machine, settings),
        arrival_order=(
            *(("ingress", "egress") if policy.place == "servers" else ()),
            *(("memory",) if settings.shared_memory else ()),
        ),
        jitter=settings.disturbances.jitter,
    )
    checked_step(plan.longest())
    return Planned(plan, policy, memory)


def check_slices(of_micro_batch: int, systems: int, micro_batches: int) -> None:
    """Raises Infeasible for a step of more slices of kernels than are simulated; `systems` that differ count."""
    slices = systems * micro_batches * of_micro_batch
    if slices > MOST_SLICES:
        raise Infeasible(
            f"a step has {slices} slices of kernels ({systems} different systems, {micro_batches} micro-batches); "
            f"up to {MOST_SLICES} are simulated: take larger micro-batches or fewer chunks_per_layer"
        )


def memory_of(workload: Workload, machine: Machine, settings: Settings, policy: Policy) -> WaferMemory:
    """What the wafer with the largest micro-batch holds, of settings that fit."""
    memory = _memory(workload, machine, settings, policy, _plan_layers(workload, machine, settings))
    assert isinstance(memory, WaferMemory), memory
    return memory


def _memory(
    workload: Workload, machine: Machine, settings: Settings, policy: Policy, layers: tuple[PlanLayer, ...]
) -> WaferMemory | str:
    largest = ceil(max(settings.shards) / settings.micro_batches)
    return wafer_memory(
        workload,
        policy,
        largest * workload.sequence_length,
        machine.sram,
        machine.sram_reserved,
        machine.working_set,
        settings.weight_credits * max(ceil(layer.weight_bytes / layer.chunks) for layer in layers),
        settings.drain_credits * max(ceil(layer.gradient_bytes / layer.chunks) for layer in layers),
        ACTIVATION_SLOTS,
    )


def _disturbed(tree: Tree, disturbances: Disturbances) -> Tree:
    """The tree with its slow links, then without its lost nodes; raises Infeasible for an entity that it does not have."""
    for level, child, factor in disturbances.slow_links:
        if level > tree.depth or child >= len(tree.parents[level - 1]):
            raise Infeasible(_not_there(tree, level, child, "slow link"))
        tree = tree.slow_link(level, child, factor)
    for level, node in disturbances.lost_nodes:
        if level >= tree.depth or node >= tree.nodes[level]:
            raise Infeasible(_not_there(tree, level, node, "lost node"))
        tree = tree.lose_node(level, node)
    return tree


def _not_there(tree: Tree, level: int, entity: int, what: str) -> str:
    nodes = ", ".join(f"level {i}: {count}" for i, count in enumerate(tree.nodes))
    return f"{what} {level}/{entity}: the SwarmX tree has nodes ({nodes}), counted from 0"


Costs = tuple[tuple[tuple[int, ...], ...], tuple[int, ...], tuple[float, ...]]


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


def _plan_layers(workload: Workload, machine: Machine, settings: Settings) -> tuple[PlanLayer, ...]:
    """Every layer as the links see it."""
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
) -> tuple[PlanLayer, ...]:
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
    return tuple(replace(known[layer.parameters, layer.trained], name=layer.name) for layer in workload.layers)


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


@lru_cache(maxsize=256)
def _kernel_costs(
    workload: Workload,
    chunks: tuple[int, ...],
    policy: Policy,
    retain: bool,
    pieces: int,
    tokens: int,
    device: WaferDevice,
    precision: str,
    density: float,
    baked_in_zeros: float,
    pace: float,
    costs: OpCosts,
) -> Costs:
    """(slices, floor ticks, FLOPs) of every kernel at one micro-batch size on a system that takes `pace` times as long.

    Layers of one kind are costed once. Lanes and sub-batches cost nothing: logs of a micro-batch of 99 in nine lanes show none.
    """
    known: dict[tuple[int, str, int], tuple[tuple[int, ...], int, float]] = {}
    slices, floors, flops = [], [], []
    for kernel in kernels_of(workload, policy, retain, pieces):
        layer = workload.layers[kernel.layer]
        key = (id(layer.ops), kernel.pass_, chunks[kernel.layer])  # blocks of one kind share their ops, as one value
        if key not in known:
            each = [costs(op, kernel.pass_, tokens, precision, density, device) for op in layer.ops]
            total, floor = sum(one.ticks for one in each), sum(one.floor_ticks for one in each)
            if layer.kind == "block" and kernel.pass_ == "forward" and baked_in_zeros:
                saved = 1.0 - BAKED_IN_SAVING * baked_in_zeros
                total, floor = round(total * saved), round(floor * saved)
            work = sum(op.k * op.n * op.share for op in layer.ops if _multiplies(op, kernel.pass_))
            paced = tuple(stretched(ticks, pace) for ticks in split(total, chunks[kernel.layer]))
            known[key] = (paced, stretched(floor, pace), 2.0 * work * tokens * density)
        sliced, floor, amount = known[key]
        slices.append(sliced)
        floors.append(floor)
        flops.append(amount)
    return tuple(slices), tuple(floors), tuple(flops)


def _multiplies(op: Op, pass_: str) -> bool:
    return op.kind == "matmul" and (op.has_wgrad or pass_ != "wgrad")


def _reduction_tail(workload: Workload, machine: Machine, settings: Settings) -> int:
    """Ticks of a reduction over n systems that nothing hides: (a + b parameters) log2 n, once a step; none for one system.

    Measured ratios of n systems to one say so, and that tree levels (log4 n) fit worse; no mechanism is published.
    """
    reduced = workload.trained * settings.density
    if not reduced:
        return 0
    seconds = machine.reduction_tail + machine.reduction_tail_per_parameter * reduced
    return to_ticks(seconds * log2(len(settings.shards)))


def _updates(workload: Workload, machine: Machine, settings: Settings) -> tuple[UpdateUnit, ...]:
    """Units in the order in which their gradients complete: backward, a tied table last, with both its ends.

    A forward pass updates nothing; its losses end the step.
    """
    per_parameter = update_bytes(settings.optimizer) * settings.density / machine.optimizer_bandwidth
    head = len(workload.layers) - 1

    sizes = {layer.trained for layer in workload.layers}
    ticks = {size: to_ticks(size * per_parameter) for size in sizes}

    if workload.mode == "forward":
        return (UpdateUnit((head,), 0),)
    blocks = tuple(UpdateUnit((i,), ticks[workload.layers[i].trained]) for i in range(head - 1, 0, -1))
    first, last = workload.layers[0].trained, workload.layers[head].trained
    if not first:
        return blocks
    if workload.tied:
        table = workload.model.vocab * workload.model.d_model
        return (*blocks, UpdateUnit((0, head), to_ticks((first + last - table) * per_parameter)))
    heads = (
        (UpdateUnit((head,), ticks[last]),) if last else ()
    )  # without a vocabulary, a norm and a pooler it has no weights
    return (*heads, *blocks, UpdateUnit((0,), ticks[first]))
