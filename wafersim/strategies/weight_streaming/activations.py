"""Where activations go: what is kept between the passes, on the wafer or on activation servers, and does it fit.

Three choices (physics notes, section 2): keep everything, the input of every block, or of every k-th block; keep it on
the wafer or send it to activation servers over the system's own I/O; and have the weights of a recomputed block streamed
a third time or held until its input gradient has used them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from wafersim.workload.transformer import Workload

MOST_SUB_BATCHES = 64
"""A layer's working set may be worked through in so many sub-batches ("lanes"); more is not a sensible kernel."""


@dataclass(frozen=True)
class Policy:
    """every = 0 keeps all activations; k >= 1 keeps the input of every k-th block and recomputes the rest."""

    every: int
    place: str  # wafer | servers
    hold: bool = False  # weights of a recomputed block stay until its input gradient has used them

    @property
    def keep(self) -> str:
        """What is kept, in the words of an experiment."""
        return {0: "all", 1: "block-inputs"}.get(self.every, f"every-{self.every}")

    def __str__(self) -> str:
        weights = "" if not self.every else ", weights held" if self.hold else ", weights streamed again"
        return f"{self.keep} on {'the wafer' if self.place == 'wafer' else 'activation servers'}{weights}"


@dataclass(frozen=True)
class WaferMemory:
    """SRAM of one wafer in bytes, and what takes it.

    `sub_batches` is how many times a layer's working set exceeds what is free, at least 1. Between two whole numbers, 2.3 say,
    only the part of a layer's work that meets the peak is divided once more: 30 % of it runs in 3 sub-batches, the rest in 2.
    """

    sram_bytes: int
    reserved_bytes: int
    weight_buffer_bytes: int
    drain_buffer_bytes: int
    activation_bytes: int  # kept between the passes, or buffers of the traffic to the servers
    working_set_bytes: int
    server_bytes: int  # on activation servers, per system
    block_sub_batches: float
    head_sub_batches: float

    @property
    def total_bytes(self) -> int:
        """Everything on the wafer."""
        parts = (self.reserved_bytes, self.weight_buffer_bytes, self.drain_buffer_bytes)
        return sum(parts) + self.activation_bytes + self.working_set_bytes


def candidates(keep: str, place: str, recompute_weights: str, layers: int) -> tuple[Policy, ...]:
    """The policies that a strategy's fields allow, `auto` meaning every value."""
    if keep == "auto":
        everies = [0, 1, *(k for k in (2, 4) if k < layers)]
    else:
        everies = [0 if keep == "all" else 1 if keep == "block-inputs" else int(keep.removeprefix("every-"))]
    places = ("wafer", "servers") if place == "auto" else (place,)
    holds = {"auto": (True, False), "hold": (True,), "restream": (False,)}[recompute_weights]
    return tuple(
        Policy(every, where, hold) for every in everies for where in places for hold in (holds if every else (False,))
    )


def kept_bytes(workload: Workload, policy: Policy, tokens: float) -> int:
    """What stays between forward and backward of one micro-batch, in bytes."""
    blocks = [layer for layer in workload.layers if layer.kind == "block"]
    if policy.every == 0:
        return int(tokens * sum(layer.kept_bytes for layer in blocks))
    return int(tokens * blocks[0].input_bytes * ceil(len(blocks) / policy.every))


def transfer_bytes(workload: Workload, policy: Policy, tokens: float) -> int:
    """One trip of a layer's kept activations to or from the servers, in bytes; 0 when they stay on the wafer."""
    if policy.place == "wafer":
        return 0
    block = workload.layers[1]
    return int(tokens * (block.kept_bytes if policy.every == 0 else block.input_bytes))


def wafer_memory(
    workload: Workload,
    policy: Policy,
    tokens: float,
    sram: float,
    reserved_share: float,
    weight_buffer: int,
    drain_buffer: int,
    slots: int,
) -> WaferMemory | str:
    """The memory of a policy at `tokens` per micro-batch, or the reason why it does not fit."""
    kept = kept_bytes(workload, policy, tokens)
    on_servers = policy.place == "servers"
    activation = 2 * slots * transfer_bytes(workload, policy, tokens) if on_servers else kept
    reserved = int(sram * reserved_share)
    free = int(sram) - reserved - weight_buffer - drain_buffer - activation
    block, head = workload.layers[1], workload.layers[-1]
    # A recomputed segment holds every activation of its blocks until their backward pass is over.
    live = block.transient_bytes + (block.kept_bytes * policy.every if policy.every else 0)
    sets = (tokens * live, tokens * (head.transient_bytes + head.input_bytes))
    smallest = max(sets) / MOST_SUB_BATCHES
    if free <= 0 or smallest > free:
        held = "buffers of the traffic to activation servers" if on_servers else "activations kept on the wafer"
        return (
            f"does not fit: {held} {activation / 1e9:.1f} GB, weight and gradient buffers "
            f"{(weight_buffer + drain_buffer) / 1e9:.1f} GB, code {reserved / 1e9:.1f} GB, "
            f"smallest working set {smallest / 1e9:.1f} GB of {sram / 1e9:.0f} GB"
        )
    subs = [max(1.0, size / free) for size in sets]
    working = max(int(size / n) for size, n in zip(sets, subs, strict=True))
    return WaferMemory(
        int(sram), reserved, weight_buffer, drain_buffer, activation, working, kept if on_servers else 0, *subs
    )
