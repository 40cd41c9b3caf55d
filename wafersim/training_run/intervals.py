"""How often to save, in closed form: the waste of an interval between checkpoints and the intervals that make it least.

Everything is in seconds. An interval is the training between two saves, the saves not counted; a period is both. Failures are
exponential in the time of work (training, saves, recovery), not in the time for which the job is down. Oracles O100 to O211 of
`tests/training_run/data/oracles.csv` hold these functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LARGEST = 700.0  # exp of more is no double


@dataclass(frozen=True)
class Stops:
    """What stops a job: once in `mtbf_s` of work, down for `down_s` in the mean, then `recovery_s` of start and restore.

    Only the recovery is work, in which the next failure may strike.
    """

    mtbf_s: float
    down_s: float = 0.0
    recovery_s: float = 0.0


@dataclass(frozen=True)
class Save:
    """A save stops training for `stop_s`; its checkpoint counts `written_s` later (0: blocking), while training goes on."""

    stop_s: float
    written_s: float = 0.0


def slowdown(interval_s: float, save: Save, stops: Stops) -> float:
    """Expected time of a run over its time without saves and failures: E / interval, with M, D, R of `stops`, C of `save`,

        E = (M + D) exp((R + min(interval, W)) / M) (exp((C + max(interval, W)) / M) - 1).

    With W = written_s = 0 this is Aupy, Robert, Vivien and Zaidouni 2013 (Daly's full model of 2006 with a down time): exact.

    Asynchronous saves, derived: let a write take W no longer than the interval. From one checkpoint that counts to the next there
    is one period P = interval + C, if no failure comes (1 - p = exp(-P/M)). After a failure the next one counts once recovery,
    interval, save and write, L = R + P + W, have passed without another, which takes D + (M + D)(exp(L/M) - 1) in the mean. So
    E = M p + p (D + (M + D)(exp(L/M) - 1)) = (M + D) exp((R + W)/M) (exp(P/M) - 1): the write only makes what is lost older, as a
    longer recovery would. A job that comes to its next save before the last is written waits, P = C + W, L = R + P + interval.
    """
    if interval_s <= 0:
        return math.inf if save.stop_s + save.written_s > 0 else _grown(stops)
    if math.isinf(stops.mtbf_s):
        return (save.stop_s + max(interval_s, save.written_s)) / interval_s
    again = (stops.recovery_s + min(interval_s, save.written_s)) / stops.mtbf_s
    period = (save.stop_s + max(interval_s, save.written_s)) / stops.mtbf_s
    if again + period > LARGEST:
        return math.inf
    return (stops.mtbf_s + stops.down_s) * math.exp(again) * math.expm1(period) / interval_s


def _grown(stops: Stops) -> float:
    """`slowdown` where saves cost nothing and are made always."""
    again = stops.recovery_s / stops.mtbf_s
    return math.inf if again > LARGEST else (1 + stops.down_s / stops.mtbf_s) * math.exp(again)


def waste(interval_s: float, save: Save, stops: Stops) -> float:
    """Share of a run's time that goes into saves, failures and what they undo: 1 - 1 / slowdown."""
    return 1 - 1 / slowdown(interval_s, save, stops)


def best_interval_s(save: Save, mtbf_s: float) -> float:
    """The interval of the least `slowdown`: x M of the x in [0, 1) with (1 - x) exp(x + C/M) = 1, exact (Aupy et al. 2013).

    Neither the down time nor the recovery moves it. x = 1 + W0(-exp(-1 - C/M)) with Lambert's W; here by Newton's method on the
    convex y + exp(-y) - 1 = C/M, y = -ln(1 - x), from above. While a write takes longer than that, saving whenever the last is
    written is best: before it, `slowdown` falls with the interval up to M.
    """
    if math.isinf(mtbf_s):
        return math.inf
    cost = save.stop_s / mtbf_s
    y = cost + math.sqrt(2 * cost)
    while y > 0:
        lower = y - (y + math.expm1(-y) - cost) / -math.expm1(-y)
        if not 0 < lower < y:
            break
        y = lower
    return max(-math.expm1(-y) * mtbf_s, min(save.written_s, mtbf_s))


def young(save_s: float, mtbf_s: float) -> float:
    """Young 1974: sqrt(2 C M)."""
    return math.sqrt(2 * save_s * mtbf_s)


def daly(save_s: float, stops: Stops) -> float:
    """Daly's first order as Aupy et al. 2013 give it: sqrt(2 C (M + D + R))."""
    return math.sqrt(2 * save_s * (stops.mtbf_s + stops.down_s + stops.recovery_s))


def daly_higher(save_s: float, mtbf_s: float) -> float:
    """Daly 2006, higher order: sqrt(2 C M) (1 + sqrt(C / 2M) / 3 + (C / 2M) / 9) - C for C < 2 M, else M."""
    if save_s >= 2 * mtbf_s:
        return mtbf_s
    part = save_s / (2 * mtbf_s)
    return young(save_s, mtbf_s) * (1 + math.sqrt(part) / 3 + part / 9) - save_s


def rfo(save_s: float, stops: Stops) -> float:
    """Refined first order of Aupy et al. 2013: sqrt(2 C (M - D - R)) - C; 0 where failures are too dense for it."""
    left = stops.mtbf_s - stops.down_s - stops.recovery_s
    return max(0.0, math.sqrt(2 * save_s * max(0.0, left)) - save_s)


def availability_optimal(save_s: float, mtbf_s: float, recovery_s: float) -> float:
    """The period of the highest availability: C + sqrt(2 (M + R) C + C^2) (Saxena, Hukerikar, Blaz and Raj, arXiv 2410.18124)."""
    return save_s + math.sqrt(2 * (mtbf_s + recovery_s) * save_s + save_s**2)


def expected_ettr(interval_s: float, save_s: float, mtbf_s: float, restart_s: float) -> float:
    """Effective training time ratio, to first order: (1 - (u + interval/2) / M) / (1 + C / interval) (Kokolis et al. 2024,
    arXiv 2410.21680); 1 / M is their N r. An approximation for small losses; `waste` is exact."""
    return (1 - (restart_s + interval_s / 2) / mtbf_s) / (1 + save_s / interval_s)


def recovery_with_failed_starts(recovery_s: float, fails: float, mtbf_s: float) -> float:
    """The recovery that costs as much as starts of which a share `fails` fail at their end and are tried again at once.

    Derived: what `slowdown` needs of a recovery is the chance exp(-R/M) that no failure strikes in it. With a geometric number of
    starts it is (1 - f) q / (1 - f q), q = exp(-R/M); that is the chance of M ln((1 - f q) / ((1 - f) q)). Infinite where every
    start fails.
    """
    if fails >= 1:
        return math.inf
    if math.isinf(mtbf_s):
        return recovery_s / (1 - fails)
    return recovery_s + mtbf_s * (math.log1p(-fails * math.exp(-recovery_s / mtbf_s)) - math.log1p(-fails))
