"""Which of a machine's assumed numbers a prediction hangs on: those that move it when they are turned a little.

A number is turned by 1 % (one that counts things, by one) with every choice kept. It moves the prediction if the step time
changes by more than the rounding of its ticks, or if anything changes that is worked out beside the step: peak, memory,
whether the job fits, the bill. Elasticities that an interval has worked out are not worked out again.
"""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.inputs.experiment import DisturbanceSpec
from wafersim.inputs.machine import OVERRIDABLE, AnyMachine, numbers, scaled
from wafersim.inputs.sourced import Sourced, dimension_of
from wafersim.metrics.interval import NUDGE
from wafersim.simulation.replay import Replay
from wafersim.strategies.registry import strategy_of

ROUNDING = 1e-6  # elasticity of a step time below which ticks that round another way may be all there is
CLEAR = 1e-3  # elasticity of an estimate that leaves no doubt
WHOLE = 1e-9  # more than one, so that a product cut to a whole number is the next one


def moving_assumed(rough: Replay, exact: Replay) -> tuple[str, ...]:
    """Paths of the assumed numbers that move a prediction, in the order of the machine's parts.

    `rough` is the strategy's quick replay, believed where it is clear; `exact` simulates.
    """
    job = exact.job
    drawn = drawn_numbers(job.disturbances)
    stated = [(path, number) for path, number, _ in numbers(job.machine)]
    assumed = [(path, number) for path, number in stated if number.kind == "assumed" and number.value]
    found = {path for path, moves in drawn.items() if moves}
    open_ = [(path, number) for path, number in assumed if path not in drawn]
    clear = rough.elasticities([path for path, _ in open_])
    found |= {path for path, elasticity in clear.items() if abs(elasticity) > CLEAR}
    turns = [(path, turn) for path, number in open_ if path not in found for turn in _turns(path, number)]
    usual, *others = beside(exact, [job.machine, *(scaled(job.machine, {path: turn}) for path, turn in turns)])
    found |= {path for (path, _), other in zip(turns, others, strict=True) if other != usual}
    open_ = [(path, number) for path, number in open_ if path not in found]
    found |= _moving_the_step(exact, open_, stated)
    return tuple(path for path, _ in assumed if path in found)


def _moving_the_step(
    exact: Replay, asked: Sequence[tuple[str, Sourced]], stated: Sequence[tuple[str, Sourced]]
) -> set[str]:
    """Of some numbers those that the step time depends on.

    Of two equal bandwidths both may bind, so that more of one alone changes nothing, and a count may sit below a step: those
    are turned both ways.
    """
    same = [(number.dimension, number.value) for _, number in stated]
    plain: list[tuple[str, Sourced]] = []
    tied: list[tuple[str, Sourced]] = []
    for path, number in asked:
        both = _least(path) or same.count((number.dimension, number.value)) > 1
        (tied if both else plain).append((path, number))
    found = {path for path, moved in exact.elasticities([path for path, _ in plain]).items() if abs(moved) > ROUNDING}
    turns = [(path, turn) for path, number in tied for turn in _turns(path, number)]
    seconds = exact.seconds([scaled(exact.job.machine, {path: turn}) for path, turn in turns])
    for (path, _), each in zip(turns, seconds, strict=True):
        if not abs(each / exact.base - 1) <= ROUNDING * NUDGE:  # nan: it cannot run
            found.add(path)
    return found


def _turns(path: str, number: Sourced) -> tuple[float, ...]:
    """Factors by which a number is turned: up, and down where it may be less."""
    least = _least(path)
    one = (1 + WHOLE) / number.value
    up, down = (1 + one, 1 - one + 2 * WHOLE) if least else (1 + NUDGE, 1 - NUDGE)
    return (up, down) if number.value * down >= least else (up,)


def _least(path: str) -> float:
    part, _, name = path.partition(".")
    return dimension_of(OVERRIDABLE[part].model_fields[name]).least


def drawn_numbers(asked: DisturbanceSpec) -> dict[str, bool]:
    """Whether a job draws from the profile's jitter and spread, which a replay of healthy systems does not tell."""
    choices = {"system.compute_jitter": asked.jitter, "system.system_spread": asked.spread}
    return {path: choice == "profile" for path, choice in choices.items()}


def beside(replay: Replay, machines: Sequence[AnyMachine]) -> list[tuple[float | None, ...]]:
    """What a prediction says of each machine besides its step time: peak, memory, verdicts, bill."""
    job, found = replay.job, []
    fits = strategy_of(job.kind).fits(job, replay.choice, machines)
    for machine, fit in zip(machines, fits, strict=True):
        supply = machine.supply(job.count)
        found.append((machine.peak_flops, *fit, supply.busy_watts, supply.peak_watts, supply.usd_per_hour))
    return found
