"""The clocks of a job's sources of failures, in work time: which fails next, and what is drawn after a failure.

A source of shape 1 is one clock. Of another shape it has a clock for each unit: a heap of (seconds, picoseconds, unit).
"""

from __future__ import annotations

from wafersim.compiled import inner
from wafersim.training_run import lowered as of
from wafersim.training_run.draws import STREAMS, Stream, gap
from wafersim.training_run.instants import NEVER, before, get, plus, put

COST, FAILED, LEFT, NEXT = (
    0,
    2,
    3,
    4,
)  # columns of a source's row in the state: its cost and its next failure are instants
GAP = int(Stream.GAP)


@inner(error_model="numpy")
def wind(plan, odds, state, job):  # type: ignore[no-untyped-def]
    """Sets the clocks of a job's sources at the beginning of its work."""
    row = of.HEADER + job * of.JOB_ROW
    for number in range(plan[row + of.SOURCES]):
        source = plan[row + of.SOURCE_AT] + number * of.SOURCE_ROW
        own, heap, count = plan[source + of.OWN_ROW], plan[source + of.OWN_CLOCKS], plan[source + of.UNITS]
        put(state, own + COST, (0, 0))
        state[own + FAILED] = 0
        state[own + LEFT] = count
        if heap < 0:
            _set_one(plan, odds, state, job, number, source, (0, 0))
            continue
        at = plan[source + of.ODDS_AT]
        for unit in range(count):
            drawn = gap(
                odds[at + of.MEAN], odds[at + of.SHAPE],
                state[of.SEED], state[of.RUN], job, number * STREAMS + GAP, unit,
            )  # fmt: skip
            put(state, heap + unit * of.CLOCK, drawn)
            state[heap + unit * of.CLOCK + 2] = unit
        for place in range(count // 2 - 1, -1, -1):
            _sink(state, heap, place, count)
        _set_first(state, own, heap, count)


@inner(error_model="numpy")
def rewind(plan, odds, state, job, number, now):  # type: ignore[no-untyped-def]
    """Counts a failure of a source at work time `now` and sets its clock for the next one."""
    source = plan[of.HEADER + job * of.JOB_ROW + of.SOURCE_AT] + number * of.SOURCE_ROW
    own, heap, count = plan[source + of.OWN_ROW], plan[source + of.OWN_CLOCKS], plan[source + of.UNITS]
    failed = state[own + FAILED]
    state[own + FAILED] = failed + 1
    state[own + LEFT] -= plan[source + of.REMOVED]
    if heap < 0:
        _set_one(plan, odds, state, job, number, source, now)
        return
    left = state[own + LEFT]
    if plan[source + of.REMOVED]:
        for column in range(of.CLOCK):
            state[heap + column] = state[heap + left * of.CLOCK + column]
    else:
        at = plan[source + of.ODDS_AT]
        drawn = gap(
            odds[at + of.MEAN], odds[at + of.SHAPE],
            state[of.SEED], state[of.RUN], job, number * STREAMS + GAP, count + failed,
        )  # fmt: skip
        put(state, heap, plus(now, drawn))
    _sink(state, heap, 0, left)
    _set_first(state, own, heap, left)


@inner(error_model="numpy")
def next_source(plan, state, job):  # type: ignore[no-untyped-def]
    """(number of the source that fails next, its work time); the lowest number among equals, -1 and NEVER without one."""
    row = of.HEADER + job * of.JOB_ROW
    found, soonest = -1, NEVER
    for number in range(plan[row + of.SOURCES]):
        own = plan[plan[row + of.SOURCE_AT] + number * of.SOURCE_ROW + of.OWN_ROW]
        due = get(state, own + NEXT)
        if before(due, soonest):
            found, soonest = number, due
    return found, soonest


@inner(error_model="numpy")
def _set_one(plan, odds, state, job, number, source, now):  # type: ignore[no-untyped-def]
    own = plan[source + of.OWN_ROW]
    left, failed = state[own + LEFT], state[own + FAILED]
    if left <= 0:
        put(state, own + NEXT, NEVER)
        return
    mean = odds[plan[source + of.ODDS_AT] + of.MEAN] / left
    put(
        state, own + NEXT, plus(now, gap(mean, 1.0, state[of.SEED], state[of.RUN], job, number * STREAMS + GAP, failed))
    )


@inner(error_model="numpy")
def _set_first(state, own, heap, count):  # type: ignore[no-untyped-def]
    if count > 0:
        put(state, own + NEXT, get(state, heap))
    else:
        put(state, own + NEXT, NEVER)


@inner(error_model="numpy")
def _sink(state, heap, place, count):  # type: ignore[no-untyped-def]
    """Moves the entry at `place` down to where neither of the two below it is earlier (of equals the lower unit first)."""
    while True:
        least = place
        for below in range(2 * place + 1, min(2 * place + 3, count)):
            if _earlier(state, heap + below * of.CLOCK, heap + least * of.CLOCK):
                least = below
        if least == place:
            return
        for column in range(of.CLOCK):
            a, b = heap + place * of.CLOCK + column, heap + least * of.CLOCK + column
            state[a], state[b] = state[b], state[a]
        place = least


@inner(error_model="numpy")
def _earlier(state, a, b):  # type: ignore[no-untyped-def]
    for column in range(of.CLOCK):
        if state[a + column] != state[b + column]:
            return state[a + column] < state[b + column]
    return False
