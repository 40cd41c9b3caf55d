"""Units in repair, spares and missing units of a job's pools, and how long the job is down after a failure."""

from __future__ import annotations

from wafersim.compiled import inner
from wafersim.training_run import lowered as of
from wafersim.training_run.draws import STREAMS, Stream, uniform, wait
from wafersim.training_run.instants import NEVER, before, get, plus, put

THERE, MISSING, AWAY = range(3)  # columns of a pool's row in the state: spares in it, units missing, units in repair
BURSTS, DETECTIONS, REPAIRS = int(Stream.BURST), int(Stream.DETECTION), int(Stream.REPAIR)


@inner(error_model="numpy")
def fill(plan, state, job):  # type: ignore[no-untyped-def]
    """All spares of a job lie in their pools, and no unit is missing."""
    row = of.HEADER + job * of.JOB_ROW
    for number in range(plan[row + of.POOLS]):
        pool = plan[row + of.POOL_AT] + number * of.POOL_ROW
        own = plan[pool + of.OWN_POOL]
        state[own + THERE] = plan[pool + of.SPARES]
        state[own + MISSING] = state[own + AWAY] = 0


@inner(error_model="numpy")
def down_until(plan, odds, state, job, number, failed, now):  # type: ignore[no-untyped-def]
    """The instant at which a job that source `number` stopped at `now` may start again: detection, swap, repair (rule 9).

    `failed` is the number of failures of the source before this one; the units it takes go to repair.
    """
    row = of.HEADER + job * of.JOB_ROW
    source, stream = plan[row + of.SOURCE_AT] + number * of.SOURCE_ROW, number * STREAMS
    at, seed, run = plan[source + of.ODDS_AT], state[of.SEED], state[of.RUN]
    mean, sigma = odds[at + of.DETECTION], odds[at + of.DETECTION_SIGMA]
    now = plus(now, wait(mean, sigma, seed, run, job, stream + DETECTIONS, failed))
    mean, sigma = odds[at + of.REPAIR], odds[at + of.REPAIR_SIGMA]
    pool, first = plan[source + of.POOL], of.IN_REPAIR_AT_ONCE * failed
    if pool < 0:
        return plus(now, wait(mean, sigma, seed, run, job, stream + REPAIRS, first))
    taken, own = plan[source + of.TAKES], plan[pool + of.OWN_POOL]
    if uniform(seed, run, job, stream + BURSTS, failed) < odds[at + of.BURST_SHARE]:
        taken = plan[source + of.BURST_UNITS]
    for unit in range(taken):
        drawn = wait(mean, sigma, seed, run, job, stream + REPAIRS, first + unit)
        put(state, plan[pool + of.OWN_REPAIRS] + 2 * state[own + AWAY], plus(now, drawn))
        state[own + AWAY] += 1
    state[own + MISSING] += taken
    if _replace(plan, state, pool, now) > 0:
        now = plus(now, get(plan, row + of.SWAP))
    while state[own + MISSING] > plan[pool + of.MAY_MISS]:
        if _replace(plan, state, pool, now) == 0:
            now = _next_back(plan, state, pool)
    return now


@inner(error_model="numpy")
def replace_all(plan, state, job, now):  # type: ignore[no-untyped-def]
    """Spares that are there replace missing units, in every pool of a job."""
    row = of.HEADER + job * of.JOB_ROW
    for number in range(plan[row + of.POOLS]):
        _replace(plan, state, plan[row + of.POOL_AT] + number * of.POOL_ROW, now)


@inner(error_model="numpy")
def may_be_complete(plan, state, job, now):  # type: ignore[no-untyped-def]
    """Whether units are missing and the spares that are there make every pool of a job complete."""
    row = of.HEADER + job * of.JOB_ROW
    missing = False
    for number in range(plan[row + of.POOLS]):
        pool = plan[row + of.POOL_AT] + number * of.POOL_ROW
        own = plan[pool + of.OWN_POOL]
        if state[own + MISSING] == 0:
            continue
        missing = True
        _collect(plan, state, pool, now)
        if state[own + THERE] < state[own + MISSING]:
            return False
    return missing


@inner(error_model="numpy")
def _replace(plan, state, pool, now):  # type: ignore[no-untyped-def]
    """Spares that are there replace missing units as far as they go; how many did."""
    _collect(plan, state, pool, now)
    own = plan[pool + of.OWN_POOL]
    replaced = min(state[own + THERE], state[own + MISSING])
    state[own + THERE] -= replaced
    state[own + MISSING] -= replaced
    return replaced


@inner(error_model="numpy")
def _collect(plan, state, pool, now):  # type: ignore[no-untyped-def]
    """Units whose repair is over lie in the pool."""
    own, first = plan[pool + of.OWN_POOL], plan[pool + of.OWN_REPAIRS]
    place = 0
    while place < state[own + AWAY]:
        if before(now, get(state, first + 2 * place)):
            place += 1
            continue
        state[own + AWAY] -= 1
        state[own + THERE] += 1
        put(state, first + 2 * place, get(state, first + 2 * state[own + AWAY]))


@inner(error_model="numpy")
def _next_back(plan, state, pool):  # type: ignore[no-untyped-def]
    own, first = plan[pool + of.OWN_POOL], plan[pool + of.OWN_REPAIRS]
    soonest = NEVER
    for place in range(state[own + AWAY]):
        back = get(state, first + 2 * place)
        if before(back, soonest):
            soonest = back
    return soonest
