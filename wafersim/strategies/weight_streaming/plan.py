"""The plan of a weight-streaming step: what every entity does, in which order, with integer durations.

A plan states facts about entities (MemoryX, tree, system) and never edges between tasks: each engine derives those for
itself. One micro-batch is a sequence of kernels; a step repeats it `micro_batches` times and ends with the optimizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import exp
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from wafersim.strategies.kept import of_the_same
from wafersim.strategies.weight_streaming.tree import Tree
from wafersim.timeline.clock import stretched

INPUT_SLOTS = 2  # micro-batches of input that a system buffers: the next is read while one is worked on


@dataclass(frozen=True)
class PlanLayer:
    """A layer as the links see it: chunks, and ticks of each chunk on each kind of link, cumulatively rounded.

    Layers of as many parameters are one value.
    """

    chunks: int
    parameters: int
    weight_bytes: int
    gradient_bytes: int
    send_ticks: tuple[int, ...]  # MemoryX's port, down
    down_ticks: tuple[int, ...]  # a SwarmX link, down
    ingress_ticks: tuple[int, ...]  # the link into a system
    egress_ticks: tuple[int, ...]  # the link out of a system
    up_ticks: tuple[int, ...]  # a SwarmX link, up
    root_ticks: tuple[int, ...]  # the link into MemoryX
    accumulate_ticks: tuple[int, ...]  # adding to MemoryX's gradient
    read_ticks: tuple[int, ...]  # reading from MemoryX's memory; a task of its own only where that memory is shared

    @cached_property
    def link_ticks(self) -> int:
        """Ticks of all its chunks on all links and in MemoryX's memory, once down and once up."""
        down = self.send_ticks, self.down_ticks, self.ingress_ticks, self.read_ticks
        return sum(map(sum, (*down, self.egress_ticks, self.up_ticks, self.root_ticks, self.accumulate_ticks)))


@dataclass(frozen=True)
class Kernel:
    """One pass of one layer over one micro-batch; the whole wafer serves it, slice by slice, one slice a chunk.

    streams: its weights come down for it. frees: a slice returns its weight chunk's credit when it ends (a kernel that
    streams without freeing holds the chunks for a later one). drains: each slice sends out a gradient chunk.
    fetches/offloads: activations come from, or go to, the activation servers before its first, after its last slice.
    """

    pass_: str
    layer: int
    streams: bool = False
    frees: bool = False
    drains: bool = False
    fetches: int = 0  # the pieces of an activation fetch, 0 for none
    offloads: int = 0
    releases_fetch: bool = False  # its end frees the fetch buffer of the layer


@dataclass(frozen=True)
class UpdateUnit:
    """Parameters updated together, after the gradients of all `layers` are complete (two layers for a tied table)."""

    layers: tuple[int, ...]
    ticks: int


@dataclass(frozen=True)
class Latencies:
    """Fixed delays in ticks, each after a link's service."""

    memoryx: int
    hop: int
    credit_return: int


@dataclass(frozen=True)
class Jitter:
    """A kernel takes its time times two log-normal factors of mean 1: one drawn for every kernel, system and step, and one
    that a system keeps.

    `spread` is the sigma of the latter. The n systems stand at the expected order statistics of n draws (Blom 1958), in
    an order that the seed shuffles, so that a small cluster is no lucky or unlucky one.
    """

    sigma: float
    seed: int
    spread: float = 0.0

    def factors(self, step: int, systems: int, micro_batches: int, kernels: int) -> npt.NDArray[np.float64]:
        """[system, micro-batch, kernel], the same for the same seed and step whoever asks, and however often."""
        factors = _draws(self.sigma, self.seed, step, systems, micro_batches, kernels)
        return factors * _paces(self.spread, self.seed, systems)[:, None, None] if self.spread else factors


@lru_cache(maxsize=4)
def _draws(
    sigma: float, seed: int, step: int, systems: int, micro_batches: int, kernels: int
) -> npt.NDArray[np.float64]:
    generator = np.random.Generator(np.random.Philox(key=[seed, step]))
    normal = generator.standard_normal((systems, micro_batches, kernels))
    factors: npt.NDArray[np.float64] = np.exp(sigma * normal - sigma * sigma / 2)
    return factors


@lru_cache(maxsize=16)
def _paces(spread: float, seed: int, systems: int) -> npt.NDArray[np.float64]:
    ranks = np.random.Generator(np.random.Philox(key=[seed, 2**63])).permutation(systems)
    scores = np.array([NormalDist().inv_cdf((rank + 0.625) / (systems + 0.25)) for rank in ranks.tolist()])
    paces: npt.NDArray[np.float64] = np.exp(spread * scores - spread * spread / 2)
    return paces


@dataclass(frozen=True)
class WeightStreamingPlan:
    """Everything an engine needs to run the step.

    `compute_ticks[size][kernel]` holds a kernel's slices for each distinct micro-batch size (and pace of a system),
    `size_of[system][micro_batch]` the index into it. `input_ticks[size]` is what the input workers need to deliver it.
    The last kernel drains, and what drains is updated, in one unit, and nothing else: a step is over when the last of its
    gradients has arrived and the updates are done. A plan without that is refused.
    `arrival_order` names the resources whose order of service the plan does not fix: "ingress" and "egress" of the
    systems, MemoryX's "memory", its two "ports"; they serve first come first served.
    """

    tree: Tree
    layers: tuple[PlanLayer, ...]
    kernels: tuple[Kernel, ...]
    micro_batches: int
    micro_batch_sizes: tuple[int, ...]
    size_of: tuple[tuple[int, ...], ...]
    compute_ticks: tuple[tuple[tuple[int, ...], ...], ...]
    input_ticks: tuple[int, ...]
    fetch_ticks: tuple[tuple[int, ...], ...]  # [size][piece-less layer transfer], one tick count per activation piece
    weight_credits: int
    drain_credits: int
    activation_slots: int
    latencies: Latencies
    updates: tuple[UpdateUnit, ...]
    clipping_barrier: bool
    arrival_order: tuple[str, ...] = ()
    reduction_tail: int = 0  # ticks from the last gradient of a step until its reduction has ended; of n > 1 systems
    # [size][kernel]: ticks that a latency floor adds to the kernel's work, and FLOPs; both go with compute_ticks
    floor_ticks: tuple[tuple[int, ...], ...] = ()
    flops: tuple[tuple[float, ...], ...] = ()
    jitter: Jitter | None = None
    layer_names: tuple[str, ...] = ()  # for people

    def __post_init__(self) -> None:
        assert self.kernels[-1].drains, "work after the last gradient of a step would not end with it"
        drained = _drained(self.kernels)
        updated = sorted([layer for unit in self.updates for layer in unit.layers])
        assert updated == drained, f"layers {drained} send gradients, {updated} are updated"

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Of a few of its numbers, worked out once: all of them are thousands."""
        first, last = self.layers[0], self.layers[-1]
        of_links = first.send_ticks[:1], first.down_ticks[:1], first.egress_ticks[:1], last.up_ticks[:1]
        of_compute = tuple((size[0][:1], size[-1][-1:]) for size in self.compute_ticks)
        of_step = self.micro_batches, self.micro_batch_sizes, self.latencies, self.reduction_tail, self.updates[0]
        return hash((self.tree, self.size_of, of_links, of_compute, of_step))

    @property
    def systems(self) -> int:
        """How many wafers work on the step."""
        return self.tree.systems

    @property
    def repeats(self) -> bool:
        """Whether every step has the same durations: without jitter."""
        return self.jitter is None

    def slices(self, system: int, micro_batch: int, kernel: int, step: int = 0) -> tuple[int, ...]:
        """Ticks of a kernel's slices on one system, in one step."""
        ticks = self.compute_ticks[self.size_of[system][micro_batch]][kernel]
        if self.jitter is None:
            return ticks
        factors = self.jitter.factors(step, self.systems, self.micro_batches, len(self.kernels))
        factor = float(factors[system, micro_batch, kernel])
        return tuple(stretched(each, factor) for each in ticks)

    def longest(self) -> int:
        """Ticks of a step in which nothing overlaps: an upper bound, jitter up to six sigma included."""
        kernels = max(map(work_ticks, self.compute_ticks))
        slow = max(factor for level in self.tree.slowdown for factor in level)
        links = _link_ticks(self.layers)
        pieces = len(self.kernels) * max(map(sum, self.fetch_ticks))
        if self.jitter is not None:
            kernels = round(kernels * exp(6 * (self.jitter.sigma + self.jitter.spread)))
        waits = len(self.layers) * (self.latencies.memoryx + self.tree.depth * self.latencies.hop)
        each = kernels + round(3 * slow * self.tree.depth * (links + pieces)) + max(self.input_ticks) + waits
        return self.micro_batches * each + sum(unit.ticks for unit in self.updates) + self.reduction_tail

    def link(self, level: int, child: int, ticks: int) -> int:
        """Ticks on the link above a node of `level`, or above a system at the tree's depth, as slow as that link is."""
        return stretched(ticks, self.tree.slowdown[level - 1][child])

    def update_of(self, layer: int) -> int | None:
        """The unit that holds a layer's parameters; None where they are frozen."""
        return self._unit_of.get(layer)

    def unit_of(self, drained: int) -> int:
        """The unit that waits for the gradients of a layer."""
        return self._unit_of[drained]

    @cached_property
    def _unit_of(self) -> dict[int, int]:
        return {layer: index for index, unit in enumerate(self.updates) for layer in unit.layers}


@of_the_same(64)
def work_ticks(kernels: tuple[tuple[int, ...], ...]) -> int:
    """Ticks of all slices of a micro-batch's kernels."""
    return sum(map(sum, kernels))


@of_the_same(64)
def _drained(kernels: tuple[Kernel, ...]) -> list[int]:
    """Layers that send gradients, in order."""
    return sorted({kernel.layer for kernel in kernels if kernel.drains})


@of_the_same(64)
def _link_ticks(layers: tuple[PlanLayer, ...]) -> int:
    return sum(layer.link_ticks for layer in layers)
