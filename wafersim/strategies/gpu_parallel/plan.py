"""The plan of a step on GPUs: stages, what each does in which order, the transfers and collectives, in integer ticks.

Replicas and the GPUs of a tensor-parallel group do the same things at the same ticks, so one pipeline stands for all. A plan
states facts about entities (stage, link, group) and never edges between tasks: each engine derives those for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wafersim.strategies.gpu_parallel.schedules import BACKWARD, FORWARD, WGRAD, StageOrder, stage_orders

Work = tuple[tuple[str, float], ...]  # (part of a step, share of a stage's busy time)
MAKES_GRADIENTS = (BACKWARD, WGRAD)  # passes that end with a unit's weight gradients


@dataclass(frozen=True)
class Unit:
    """Blocks of a model chunk that are worked through together: ticks of their passes and of their collectives."""

    forward: int
    backward: int  # with what is recomputed; of the input gradient alone where the schedule splits it
    wgrad: int = 0
    gather: int = 0  # of sharded weights, before the forward pass
    gather_again: int = 0  # before the backward pass
    scatter: int = 0  # of gradients, after the backward pass


@dataclass(frozen=True)
class GpuPlan:
    """Everything an engine needs to run the step.

    `units[stage][chunk]` in forward order. `fine` says which micro-batches are worked through unit by unit: "none", the
    "last" one (its gradients leave bucket by bucket), or "all" (weights come unit by unit); the others take a chunk at a
    time. `sends[k]` is the transfer between virtual stages k and k + 1, either way; it leaves by `ports[k]` of a GPU: the
    link inside its node (0) or its network adapter (1). A port sends one transfer at a time, in the order of the slots.

    A unit whose weights are sharded waits for its gather; a gather waits until the unit `prefetch` + 1 before has ended.
    Gathers and scatters of a stage take turns on one channel: after a unit its scatter, then the next gather. Scatters
    follow the last micro-batch, or every one; without `overlap` they wait for the stage's last slot. Then come `tie` (the
    embedding's two copies are summed), with clipping the `norm` over all stages, a stage's `update`, and the gather of its
    updated weights, chunk by chunk: before the next step, or with `overlap_regather` beside it: a chunk's must have come when the
    slot after its first one begins.
    """

    stages: int
    chunks: int
    micro_batches: int
    schedule: str
    units: tuple[tuple[tuple[Unit, ...], ...], ...]
    fine: str
    sends: tuple[int, ...]
    ports: tuple[int, ...]
    blocking_sends: bool
    gathers: bool
    prefetch: int
    scatters: bool
    scatter_every: bool
    overlap: bool
    tie: int
    norm: int
    clipping: bool
    update: tuple[int, ...]
    regather: tuple[tuple[int, ...], ...]  # by stage and chunk
    overlap_regather: bool = False
    work: tuple[Work, ...] = field(default=(), hash=False)  # of each stage

    @property
    def arrival_order(self) -> tuple[str, ...]:
        """Nothing: every stage and every link has its order."""
        return ()

    @property
    def repeats(self) -> bool:
        """Every step has the same durations."""
        return True

    def __post_init__(self) -> None:
        assert not self.gathers or (self.fine == "all" and self.overlap), "gathered weights come unit by unit"
        assert len(self.sends) == len(self.ports) == self.virtual_stages - 1

    def longest(self) -> int:
        """Ticks of a step in which nothing overlaps: an upper bound."""
        units = sum(sum(vars(unit).values()) for stage in self.units for chunk in stage for unit in chunk)
        each = units + 2 * sum(self.sends)
        return self.micro_batches * each + self.tie + self.norm + sum(self.update) + sum(map(sum, self.regather))

    @property
    def orders(self) -> tuple[StageOrder, ...]:
        """The slots of every stage."""
        return stage_orders(self.schedule, self.stages, self.micro_batches, self.chunks)

    @property
    def virtual_stages(self) -> int:
        """Virtual stages of the whole pipeline; number k is chunk k // stages of stage k % stages."""
        return self.stages * self.chunks

    def boundary(self, pass_: int, chunk: int, stage: int) -> int:
        """The transfer that follows a slot, an index of `sends`; -1 for none."""
        k = chunk * self.stages + stage
        if pass_ == WGRAD:
            return -1
        if pass_ == FORWARD:
            return k if k + 1 < self.virtual_stages else -1
        return k - 1

    def is_fine(self, pass_: int, micro_batch: int) -> bool:
        """Whether a slot is worked through unit by unit."""
        if self.fine == "last":
            return pass_ in MAKES_GRADIENTS and micro_batch == self.last_backward
        return self.fine == "all"

    @property
    def last_backward(self) -> int:
        """The micro-batch whose backward pass comes last."""
        return 0 if self.schedule == "gpipe" else self.micro_batches - 1

    def scatters_after(self, pass_: int, micro_batch: int) -> bool:
        """Whether a slot's gradients are reduced."""
        if not self.scatters or pass_ not in MAKES_GRADIENTS:
            return False
        return self.scatter_every or micro_batch == self.last_backward
