"""Random numbers of a whole run, each a pure function of where it is used: (seed, run, job, stream, counter).

So both engines, one core or two, and any order of asking get the same bits. The generator is SplitMix64's finaliser over the
words of the key, one after the other (Steele, Lea and Flood 2014); doubles take the upper 53 bits. Durations come out as
(seconds, picoseconds), both whole, because int64 ticks end at 106 days; `instant` makes ticks of them.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from wafersim.compiled import njit
from wafersim.timeline.clock import TICKS_PER_SECOND

TICKS = TICKS_PER_SECOND
LONGEST_S = 1e12  # what is drawn longer than 30,000 years is that long
STREAMS = 8  # streams of a source: number * STREAMS + Stream


class Stream(IntEnum):
    """What is drawn of a source; RESTART is of the job, with its number of sources in the source's place."""

    GAP = 0
    BURST = 1
    MEMORY = 2
    DETECTION = 3
    REPAIR = 4
    LATENCY = 5
    RESTART = 6


GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@njit()
def _mixed(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> S30)) * FIRST
    word = (word ^ (word >> S27)) * SECOND
    return np.uint64(word ^ (word >> S31))


@njit()
def uniform(seed: int, run: int, job: int, stream: int, counter: int) -> float:
    """A double within (0, 1), never an end."""
    word = _mixed(np.uint64(seed) + GOLDEN)
    word = _mixed(word ^ (np.uint64(run) + GOLDEN))
    word = _mixed(word ^ (np.uint64(job) + GOLDEN))
    word = _mixed(word ^ (np.uint64(stream) + GOLDEN))
    word = _mixed(word ^ (np.uint64(counter) + GOLDEN))
    return (float(word >> S11) + 0.5) * 2.0**-53


@njit()
def parted(seconds: float) -> tuple[int, int]:
    """(whole seconds, whole picoseconds) of a duration in seconds >= 0."""
    seconds = min(seconds, LONGEST_S)
    whole = math.floor(seconds)
    return int(whole), int((seconds - whole) * 1e12)


@njit()
def gap(mean_s: float, shape: float, seed: int, run: int, job: int, stream: int, counter: int) -> tuple[int, int]:
    """Time between two failures: Weibull of this mean and shape, -ln u for the exponential."""
    drawn = -math.log(uniform(seed, run, job, stream, counter))
    if shape != 1.0:
        drawn = drawn ** (1.0 / shape) / math.gamma(1.0 + 1.0 / shape)
    found: tuple[int, int] = parted(mean_s * drawn)
    return found


@njit()
def wait(mean_s: float, sigma: float, seed: int, run: int, job: int, stream: int, counter: int) -> tuple[int, int]:
    """A log-normal duration of this mean, by Box and Muller of the uniforms 2 counter and 2 counter + 1; the mean at sigma 0."""
    if sigma == 0.0:
        fixed: tuple[int, int] = parted(mean_s)
        return fixed
    radius = math.sqrt(-2.0 * math.log(uniform(seed, run, job, stream, 2 * counter)))
    normal = radius * math.cos(2.0 * math.pi * uniform(seed, run, job, stream, 2 * counter + 1))
    found: tuple[int, int] = parted(mean_s * math.exp(sigma * normal - 0.5 * sigma * sigma))
    return found


def instant(drawn: tuple[int, int]) -> int:
    """Ticks of (seconds, picoseconds)."""
    return drawn[0] * TICKS + drawn[1]
