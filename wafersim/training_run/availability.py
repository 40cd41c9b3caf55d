"""How many of some systems are up, in closed form: k of n, spares, what is left when a job shrinks, and the slowest of many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wafersim.training_run.queueing import erlang_loss


def availability(mtbf_s: float, repair_s: float) -> float:
    """Share of time in which a unit is up: MTBF / (MTBF + repair)."""
    return 1.0 if math.isinf(mtbf_s) else mtbf_s / (mtbf_s + repair_s)


def share_up(up: int, units: int, available: float) -> float:
    """Chance that exactly `up` of `units` independent units are up: binomial."""
    if available in (0.0, 1.0):
        return float(up == units * available)
    ways = math.lgamma(units + 1) - math.lgamma(up + 1) - math.lgamma(units - up + 1)
    return math.exp(ways + up * math.log(available) + (units - up) * math.log1p(-available))


def enough_up(needed: int, units: int, available: float) -> float:
    """Chance that at least `needed` of `units` are up, spares failing as the others do (k of n, hot spares)."""
    if needed > units * available:
        return math.fsum(share_up(up, units, available) for up in range(needed, units + 1))
    return 1 - math.fsum(share_up(up, units, available) for up in range(needed))


def availability_for(chance: float, needed: int, units: int) -> float:
    """The availability of a unit with which `enough_up` is this chance, by bisection."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if enough_up(needed, units, middle) < chance else (low, middle)
    return high


def waiting_for_units(needed: int, spares: int, mtbf_s: float, repair_s: float) -> float:
    """Share of time in which a job of `needed` units waits because all spares are in repair; idle spares do not fail.

    Derived: failures come with the rate needed / MTBF while the job works and not while it waits; each takes a unit for
    `repair_s` in the mean. So the units in repair are the busy servers of an Erlang loss system of spares + 1 servers, whose
    blocked time is the job's wait. Exact if nothing but repairs takes time beside the clock of work.
    """
    return erlang_loss(spares + 1, needed * repair_s / mtbf_s)


def expected_rate(speeds: Sequence[float], available: float) -> float:
    """Rate of a job that goes on with what is up: sum over k of P(k of n up) speeds[k], speeds of 0 to n units (renewal reward).

    n available for speeds that are linear.
    """
    units = len(speeds) - 1
    return math.fsum(share_up(up, units, available) * speed for up, speed in enumerate(speeds))


def expected_slowest(units: int, floor_s: float, tail_s: float) -> float:
    """Mean time of the slowest of n units, each of floor + an exponential of mean tail: floor + tail (1 + 1/2 + ... + 1/n)."""
    return floor_s + tail_s * math.fsum(1 / place for place in range(1, units + 1))
