"""Exact instants in compiled code: (seconds, picoseconds), because int64 ticks of 1 ps end at 106 days.

The picoseconds are within [0, 10^12), so that tuples compare as instants do. Products stay within int64 for up to 10^9 steps
as long as the whole is shorter than 10^18 s, which `lowered` sees to. In an array an instant takes two places.
"""

from __future__ import annotations

from wafersim.compiled import inner
from wafersim.training_run.draws import TICKS

Instant = tuple[int, int]
NEVER: Instant = (1 << 62, 0)  # later than any instant of a run, and an offset may still be added
HALF = 1_000_000  # picoseconds are multiplied in two halves of six digits


def pair(ticks: int) -> Instant:
    """(seconds, picoseconds) of ticks."""
    return divmod(ticks, TICKS)


@inner(error_model="numpy")
def plus(a: Instant, b: Instant) -> Instant:
    """The sum of two durations, or an instant that much later."""
    seconds, ticks = a[0] + b[0], a[1] + b[1]
    if ticks >= TICKS:
        return seconds + 1, ticks - TICKS
    return seconds, ticks


@inner(error_model="numpy")
def minus(a: Instant, b: Instant) -> Instant:
    """The time from b to a."""
    seconds, ticks = a[0] - b[0], a[1] - b[1]
    if ticks < 0:
        return seconds - 1, ticks + TICKS
    return seconds, ticks


@inner(error_model="numpy")
def before(a: Instant, b: Instant) -> bool:
    """Whether a is earlier than b."""
    return a[0] < b[0] or (a[0] == b[0] and a[1] < b[1])


@inner(error_model="numpy")
def times(a: Instant, count: int) -> Instant:
    """`count` durations one after the other."""
    high = count * (a[1] // HALF)
    low = (high % HALF) * HALF + count * (a[1] % HALF)
    return count * a[0] + high // HALF + low // TICKS, low % TICKS


@inner(error_model="numpy")
def whole(a: Instant, b: Instant, most: int) -> int:
    """How often b fits into a, at most `most` times: a guess in floats, put right exactly."""
    length = b[0] + b[1] * 1e-12
    count = most
    if length > 0.0:
        count = int(min((a[0] + a[1] * 1e-12) / length, float(most)))
    while count > 0 and before(a, times(b, count)):
        count -= 1
    while count < most and not before(a, times(b, count + 1)):
        count += 1
    return count


@inner(error_model="numpy")
def get(array, place):  # type: ignore[no-untyped-def]
    """The instant at a place of an array."""
    return array[place], array[place + 1]


@inner(error_model="numpy")
def put(array, place, instant):  # type: ignore[no-untyped-def]
    """Writes an instant to a place of an array."""
    array[place] = instant[0]
    array[place + 1] = instant[1]


@inner(error_model="numpy")
def add(array, place, duration):  # type: ignore[no-untyped-def]
    """Adds a duration to what is at a place of an array."""
    put(array, place, plus((array[place], array[place + 1]), duration))
