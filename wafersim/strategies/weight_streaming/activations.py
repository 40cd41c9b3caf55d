"""Where activations go: what is kept between the passes, on the wafer or on activation servers, and does it fit.

Three choices (physics notes, section 2): keep everything, the input of every block, or of every k-th block; keep it on
the wafer or send it to activation servers over the system's own I/O; and have the weights of a recomputed block streamed
a third time or held until its input gradient has used them.

Capacity decides, not modelled speed: everything is kept where it fits, else block inputs. Full training of LLaMA2-7B takes
2.8 times its forward pass at 8 sequences of 1,024 tokens, about 4 times at micro-batches that do not fit; choosing by speed, or
always or never recomputing, doubles the errors of families left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from wafersim.workload.transformer import Workload

MOST_LANES = 64
"""A layer's working set may be worked through in so many lanes (sub-batches); more is not a sensible kernel."""


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

    `lanes` is how many times a layer's working set exceeds what is free, at least 1: a layer is then worked through in so many
    parts, which costs no time.
    """

    sram_bytes: int
    reserved_bytes: int
    weight_buffer_bytes: int
    drain_buffer_bytes: int
    activation_bytes: int  # kept between the passes, or buffers of the traffic to the servers
    working_set_bytes: int
    server_bytes: int  # on activation servers, per system
    block_lanes: float
    head_lanes: float

    @property
    def total_bytes(self) -> int:
        """Everything on the wafer; `reserved_bytes` is what the buffers leave of the reserve."""
        parts = (self.reserved_bytes, self.weight_buffer_bytes, self.drain_buffer_bytes)
        return sum(parts) + self.activation_bytes + self.working_set_bytes


def candidates(keep: str, place: str, recompute_weights: str) -> tuple[Policy, ...]:
    """The policies that a strategy's fields allow, the one to be preferred first: the first that fits is taken.

    `auto` keeps everything on the wafer, or block inputs there, or block inputs on servers; everything goes to servers, and
    every k-th input is kept, only where that is asked for.
    """
    holds = {"auto": (True, False), "hold": (True,), "restream": (False,)}[recompute_weights]
    places = ("wafer", "servers") if place == "auto" else (place,)
    if keep == "all":
        return tuple(Policy(0, where) for where in places)
    every = 1 if keep in ("auto", "block-inputs") else int(keep.removeprefix("every-"))
    everything = (Policy(0, "wafer"),) if keep == "auto" and place != "servers" else ()
    return (*everything, *(Policy(every, where, hold) for where in places for hold in holds))


def kept_bytes(workload: Workload, policy: Policy, tokens: float) -> int:
    """What stays between forward and backward of one micro-batch, in bytes."""
    if workload.mode == "forward":
        return 0
    blocks = workload.blocks
    if policy.every == 0:
        return int(tokens * workload.kept_bytes)
    # Of an encoder beside a decoder the output stays as well: every block of the decoder attends to it.
    encoded = 1 if workload.model.encoder_layers else 0
    return int(tokens * blocks[0].input_bytes * (ceil(len(blocks) / policy.every) + encoded))


def transfer_bytes(workload: Workload, policy: Policy, tokens: float) -> int:
    """One trip of a block's kept activations to or from the servers, in bytes; 0 when they stay on the wafer.

    Blocks that keep more than others are counted with their mean: the traffic of a step is right, its place in it nearly.
    """
    if policy.place == "wafer":
        return 0
    blocks = workload.blocks
    mean = workload.kept_bytes / len(blocks)
    return int(tokens * (mean if policy.every == 0 else blocks[0].input_bytes))


def segments(workload: Workload, policy: Policy) -> tuple[range, ...]:
    """Layers that are recomputed together, in forward order; each block by itself where everything is kept."""
    head, every = len(workload.layers) - 1, max(1, policy.every)
    return tuple(range(start, min(start + every, head)) for start in range(1, head, every))


def wafer_memory(
    workload: Workload,
    policy: Policy,
    tokens: float,
    sram: float,
    reserved_share: float,
    working_set: float,
    weight_buffer: int,
    drain_buffer: int,
    slots: int,
) -> WaferMemory | str:
    """The memory of a policy at `tokens` per micro-batch, or the reason why it does not fit.

    The reserved share holds code, run-time and the buffers of weights and gradients; larger buffers take more.
    """
    kept = kept_bytes(workload, policy, tokens)
    on_servers = policy.place == "servers"
    activation = 2 * slots * transfer_bytes(workload, policy, tokens) if on_servers else kept
    buffers = weight_buffer + drain_buffer
    code = max(0, int(sram * reserved_share) - buffers)
    free = int(sram) - code - buffers - activation
    sets = [int(working_set * tokens * live) for live in _live_bytes(workload, policy)]
    smallest = max(sets) / MOST_LANES
    if free <= 0 or smallest > free:
        return _refusal(policy, tokens <= workload.sequence_length, activation, buffers, code, smallest, sram)
    lanes = [max(1.0, size / free) for size in sets]
    working = max(int(size / n) for size, n in zip(sets, lanes, strict=True))
    return WaferMemory(
        int(sram), code, weight_buffer, drain_buffer, activation, working, kept if on_servers else 0, *lanes
    )


def _refusal(
    policy: Policy, alone: bool, activation: int, buffers: int, code: int, smallest: float, sram: float
) -> str:
    """Every term, and the fields that shrink the largest; a micro-batch of one sequence (`alone`) gets no smaller."""
    on_servers, fewer = policy.place == "servers", "a smaller strategy.micro_batch"
    if alone:
        fewer = "a shorter training.sequence_length"
    held = "buffers of the traffic to activation servers" if on_servers else "activations kept on the wafer"
    terms = [
        (activation, fewer if on_servers and policy.every else f"{fewer} or other strategy.activations"),
        (buffers, "more strategy.chunks_per_layer or fewer strategy.weight_credits and drain_credits"),
        (smallest, fewer if alone else f"{fewer} or training.sequence_length"),
    ]
    return (
        f"does not fit: {held} {activation / 1e9:.1f} GB, weight and gradient buffers {buffers / 1e9:.1f} GB, "
        f"code {code / 1e9:.1f} GB, smallest working set {smallest / 1e9:.1f} GB of {sram / 1e9:.0f} GB; "
        f"the largest of them shrinks with {max(terms)[1]}"
    )


@lru_cache(maxsize=64)
def _live_bytes(workload: Workload, policy: Policy) -> tuple[int, int]:
    """Bytes per token that the fullest block and the head hold while they work; without lanes, and before the release's share.

    A recomputed segment holds every activation of its blocks until their backward pass is over; a forward pass holds those of
    one block and no gradients.
    """
    layers, head = workload.layers, workload.layers[-1]
    if workload.mode == "forward":
        return max(block.kept_bytes for block in workload.blocks), head.transient_bytes // 2 + head.input_bytes
    recomputed = bool(policy.every)
    of_segments = [
        max(layers[i].transient_bytes for i in segment) + recomputed * sum(layers[i].kept_bytes for i in segment)
        for segment in segments(workload, policy)
    ]
    return max(of_segments), head.transient_bytes + head.input_bytes
