"""Which of a machine's assumed numbers a prediction hangs on: those that move it when they are turned a little.

A number is turned by 1 % (one that counts things, by one) with every choice kept. It moves the prediction if the step time
changes by more than the rounding of its ticks, or if anything changes that is worked out beside the step: peak, memory,
whether the job fits, the bill. Elasticities that an interval has worked out are not worked out again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.memory import memory_use
from wafersim.inputs.experiment import DisturbanceSpec
from wafersim.inputs.machine import OVERRIDABLE, GpuMachine, Machine, numbers, scaled
from wafersim.inputs.sourced import dimension_of
from wafersim.metrics.bill import Bill, gpu_bill, wafer_bill
from wafersim.metrics.gpu import GpuCase
from wafersim.simulation.replay import NUDGE, M, Replay

ROUNDING = 1e-6  # elasticity of a step time below which ticks that round another way may be all there is
CLEAR = 1e-3  # elasticity of an estimate that leaves no doubt
WHOLE = 1e-9  # more than one, so that a product cut to a whole number is the next one
NOTHING: Mapping[str, bool] = MappingProxyType({})

Facts = tuple[float | None, ...]


def moving_assumed(
    replay: Replay[M],
    beside: Callable[[M], Facts],
    known: Mapping[str, bool] = NOTHING,
    rough: Replay[M] | None = None,
) -> tuple[str, ...]:
    """Paths of the assumed numbers that move a prediction, in the order of the machine's parts.

    `beside` is what the prediction says of a machine besides its step time; `known` says of paths whether the job reads them
    where a replay, which is of healthy systems, does not tell. `rough` is a cheaper replay, believed where it is clear.
    """
    usual, stated = beside(replay.machine), list(numbers(replay.machine))
    same = [(number.dimension, number.value) for _, number, _ in stated]
    found = []
    for path, number, _ in stated:
        if number.kind != "assumed" or not number.value:
            continue
        least = _least(path)
        one = (1 + WHOLE) / number.value
        up, down = (1 + one, 1 - one + 2 * WHOLE) if least else (1 + NUDGE, 1 - NUDGE)
        turns = (up, down) if number.value * down >= least else (up,)
        # Of two equal bandwidths both may bind, so that more of one alone changes nothing; a count may sit below a step.
        tied = bool(least) or same.count((number.dimension, number.value)) > 1
        moves = known.get(path)
        if moves is None:
            moves = (
                (rough is not None and abs(rough.elasticity(path)) > CLEAR)
                or any(beside(scaled(replay.machine, {path: turn})) != usual for turn in turns)
                or any(_moves_the_step(replay, path, turn) for turn in (turns if tied else (up,)))
            )
        if moves:
            found.append(path)
    return tuple(found)


def _moves_the_step(replay: Replay[M], path: str, turn: float) -> bool:
    if turn == 1 + NUDGE:
        return abs(replay.elasticity(path)) > ROUNDING
    try:
        seconds = replay.seconds(scaled(replay.machine, {path: turn}))
    except Infeasible:
        return True
    return not abs(seconds / replay.base - 1) <= ROUNDING * NUDGE  # nan: it cannot run


def _least(path: str) -> float:
    part, _, name = path.partition(".")
    return dimension_of(OVERRIDABLE[part].model_fields[name]).least


def drawn_numbers(asked: DisturbanceSpec) -> dict[str, bool]:
    """Whether a job draws from the profile's jitter and spread."""
    choices = {"system.compute_jitter": asked.jitter, "system.system_spread": asked.spread}
    return {path: choice == "profile" for path, choice in choices.items()}


def wafer_facts(memoryx_bytes: int, systems: int) -> Callable[[Machine], Facts]:
    """Peak, memory, verdicts and bill of so many systems with a job of so many bytes at MemoryX."""

    def facts(machine: Machine) -> Facts:
        values = machine.system.values
        peak = values.cores.value * values.simd_width.value * values.clock.value
        reserved = int(values.sram.value * values.sram_reserved.value)
        fits = memoryx_bytes <= machine.memoryx.values.capacity.value
        reaches = systems <= machine.swarmx.values.max_systems.value
        return (peak, values.sram.value, reserved, fits, reaches, *_money(wafer_bill(machine, systems)))

    return facts


def gpu_facts(case: GpuCase) -> Callable[[GpuMachine], Facts]:
    """Peak, memory use, verdicts and bill of a layout's GPUs."""
    gpus = int(case.layout.gpus)

    def facts(machine: GpuMachine) -> Facts:
        cluster = cluster_of(machine)
        use = memory_use(case.geometry, case.layout, cluster, case.optimizer, case.schedule)
        parts = (float(np.max(part)) for part in vars(use).values())
        installed = machine.network.values.gpus
        there = installed is None or gpus <= installed.value
        return (cluster.device.peak_fp16, cluster.device.memory, *parts, there, *_money(gpu_bill(machine, gpus)))

    return facts


def _money(bill: Bill) -> tuple[float, float | None]:
    return bill.watts, bill.usd_per_hour
