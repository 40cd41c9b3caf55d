"""From a workload and a machine to a plan: chunks, kernels, durations, under one activation policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log2

from wafersim.errors import Infeasible
from wafersim.inputs.optimizer import OptimizerName
from wafersim.strategies.kept import kept
from wafersim.strategies.weight_streaming.activations import Policy, WaferMemory, transfer_bytes
from wafersim.strategies.weight_streaming.layers import streamed
from wafersim.strategies.weight_streaming.machine import Disturbances, Machine, Settings
from wafersim.strategies.weight_streaming.passes import kernels_of
from wafersim.strategies.weight_streaming.plan import Latencies, UpdateUnit, WeightStreamingPlan, work_ticks
from wafersim.strategies.weight_streaming.room import ACTIVATION_SLOTS, Room, check_tasks, room
from wafersim.strategies.weight_streaming.tree import Tree, build_tree
from wafersim.timeline.clock import checked_step, split, stretched, to_ticks
from wafersim.wafer.op_cost import BAKED_IN_SAVING, OpCosts, WaferDevice
from wafersim.workload.layer import Op
from wafersim.workload.optimizer import update_bytes
from wafersim.workload.transformer import Workload

MOST_KERNELS = 100_000  # of the plans that are kept: what a job is chosen by is often what it does


@dataclass(frozen=True)
class Planned:
    """A plan with the memory it needs and the policy behind it."""

    plan: WeightStreamingPlan
    policy: Policy
    memory: WaferMemory


@kept(MOST_KERNELS, lambda found: 1 if isinstance(found, str) else len(found.plan.kernels))
def build_plan(
    workload: Workload, machine: Machine, settings: Settings, policy: Policy, costs: OpCosts
) -> Planned | str:
    """The plan of a step under a policy, or the reason why the policy cannot run."""
    found = room(workload, machine.memory, settings, policy)
    if isinstance(found, str):
        return found
    layers, chunks = streamed(workload, machine, settings), found.chunks
    dealt = _dealt(settings.shards, settings.micro_batches, settings.disturbances.paces)
    sizes, sequence = dealt.sizes, workload.sequence_length
    kernels = found.kernels(workload, policy)
    tables = _tables(workload, machine.device, settings, policy, found, costs)
    # One system of each kind is simulated, with jitter every one: what that takes is known before any of it is built.
    simulated = len(settings.shards) if settings.disturbances.jitter else len(set(dealt.size_of))
    if simulated > 1:  # of one system there is room
        check_tasks(workload, policy, found.retain, found.pieces, chunks, simulated, settings)
    tree = _disturbed(build_tree(len(settings.shards), machine.fan_out), settings.disturbances)
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
        size_of=dealt.size_of,
        compute_ticks=tuple(table[0] for table in tables),
        floor_ticks=tuple(table[1] for table in tables),
        flops=tuple(table[2] for table in tables),
        input_ticks=tuple(to_ticks(size / rate) if rate else 0 for size in sizes),
        fetch_ticks=tuple(split(ticks, max(1, found.pieces)) for ticks in transfers),
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
        layer_names=workload.layer_names,
    )
    checked_step(plan.longest())
    return Planned(plan, policy, found.memory)


def wafer_ticks(
    workload: Workload, device: WaferDevice, settings: Settings, policy: Policy, found: Room, costs: OpCosts
) -> int:
    """Ticks that the first system's wafer works in a step under a policy, in the room that was found for it."""
    tables = _tables(workload, device, settings, policy, found, costs)
    dealt = _dealt(settings.shards, settings.micro_batches, settings.disturbances.paces)
    of_size = [work_ticks(slices) for slices, _, _ in tables]
    return sum(of_size[size] for size in dealt.size_of[0])


def _tables(
    workload: Workload, device: WaferDevice, settings: Settings, policy: Policy, found: Room, costs: OpCosts
) -> list[Costs]:
    """Of every kernel, for each distinct micro-batch size and pace."""
    dealt = _dealt(settings.shards, settings.micro_batches, settings.disturbances.paces)
    priced = workload, found.chunks, policy, found.retain, found.pieces
    how = device, settings.weight_precision, settings.density, settings.baked_in_zeros
    each = zip(dealt.sizes, dealt.paces, strict=True)
    return [_kernel_costs(*priced, size * workload.sequence_length, *how, pace, costs) for size, pace in each]


@dataclass(frozen=True)
class _Dealt:
    """Micro-batches of a step: distinct sizes, the largest first, each with the pace of systems that work on it; which of them
    each system's micro-batches are."""

    sizes: tuple[int, ...]
    paces: tuple[float, ...]
    size_of: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=64)
def _dealt(shards: tuple[int, ...], micro_batches: int, paces: tuple[tuple[int, float], ...]) -> _Dealt:
    pace_of = dict(paces)
    of_system = [
        [(-size, pace_of.get(system, 1.0)) for size in split(shard, micro_batches)]
        for system, shard in enumerate(shards)
    ]
    distinct = sorted({each for row in of_system for each in row})
    place = {each: index for index, each in enumerate(distinct)}
    return _Dealt(
        tuple(-size for size, _ in distinct),
        tuple(pace for _, pace in distinct),
        tuple(tuple(place[each] for each in row) for row in of_system),
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
    return _units(workload, settings.optimizer, settings.density, machine.optimizer_bandwidth)


@lru_cache(maxsize=64)
def _units(
    workload: Workload, optimizer: OptimizerName, density: float, optimizer_bandwidth: float
) -> tuple[UpdateUnit, ...]:
    per_parameter = update_bytes(optimizer) * density / optimizer_bandwidth
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
