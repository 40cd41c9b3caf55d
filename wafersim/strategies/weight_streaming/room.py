"""Does a step fit under an activation policy: weights held for recompute, a wafer's SRAM, tasks that can be simulated.

Nothing here asks how long anything takes, so that many micro-batches are tried before one plan is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from wafersim.strategies.tally import check_tally
from wafersim.strategies.weight_streaming.activations import Policy, WaferMemory, segments, wafer_memory
from wafersim.strategies.weight_streaming.layers import Chunks, chunks_of
from wafersim.strategies.weight_streaming.machine import Settings, Sram
from wafersim.strategies.weight_streaming.passes import kernels_of
from wafersim.strategies.weight_streaming.plan import Kernel
from wafersim.strategies.weight_streaming.tally import tasks_of, told
from wafersim.workload.transformer import Workload

ACTIVATION_SLOTS = 2  # transfers to, and from, the activation servers that the wafer can buffer


@dataclass(frozen=True)
class Room:
    """What a step that fits is planned with: its chunks, whether the head's weights stay for its backward pass, memory."""

    chunks: tuple[int, ...]  # of each layer
    retain: bool
    pieces: int  # of a trip to the activation servers
    memory: WaferMemory

    def kernels(self, workload: Workload, policy: Policy) -> tuple[Kernel, ...]:
        """Of a micro-batch."""
        return kernels_of(workload, policy, self.retain, self.pieces)


@lru_cache(maxsize=256)
def room(workload: Workload, sram: Sram, settings: Settings, policy: Policy) -> Room | str:
    """What a policy takes, or the reason why it cannot run. Raises TooManyTasks for more tasks than are simulated."""
    streamed = chunks_of(workload, sram.size, settings)
    chunks = streamed.of_layers
    retain = settings.retain_output_weights and chunks[-1] < settings.weight_credits
    held = max(_held(workload, policy, chunks), chunks[-1] if retain else 0)
    if held > settings.weight_credits:
        return (
            f"does not fit: {held} chunks of weights are held for recompute, in room for {settings.weight_credits}; give "
            f"strategy.weight_credits {held} or more, or strategy.activations.recompute_weights restream"
        )
    memory = _memory(workload, sram, settings, policy, streamed)
    if isinstance(memory, str):
        return memory
    pieces = max(chunks[1:-1]) if policy.place == "servers" else 0
    check_tasks(workload, policy, retain, pieces, chunks, 1, settings)
    return Room(chunks, retain, pieces, memory)


def check_tasks(
    workload: Workload,
    policy: Policy,
    retain: bool,
    pieces: int,
    chunks: tuple[int, ...],
    systems: int,
    settings: Settings,
) -> None:
    """Raises TooManyTasks for a step that has more of them than are simulated, whatever tree is above its `systems`.

    This comes before a plan with the ticks of every chunk; `run_to_period` counts those of the plan itself.
    """
    count = settings.micro_batches
    tasks = count * _tasks(workload, policy, retain, pieces, chunks, systems)
    check_tally(told(tasks, chunks, count, systems, settings.disturbances.jitter is not None))


@lru_cache(maxsize=64)
def _tasks(workload: Workload, policy: Policy, retain: bool, pieces: int, chunks: tuple[int, ...], systems: int) -> int:
    return tasks_of(kernels_of(workload, policy, retain, pieces), chunks, systems)


@lru_cache(maxsize=64)
def _held(workload: Workload, policy: Policy, chunks: tuple[int, ...]) -> int:
    """Chunks of the largest segment whose weights stay until its input gradient has used them."""
    if not policy.hold:
        return 0
    return max((sum(chunks[i] for i in segment) for segment in segments(workload, policy)), default=0)


def _memory(workload: Workload, sram: Sram, settings: Settings, policy: Policy, streamed: Chunks) -> WaferMemory | str:
    largest = ceil(max(settings.shards) / settings.micro_batches)
    return wafer_memory(
        workload,
        policy,
        largest * workload.sequence_length,
        *sram,
        settings.weight_credits * streamed.down,
        settings.drain_credits * streamed.up,
        ACTIVATION_SLOTS,
    )
