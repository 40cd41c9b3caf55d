"""Steps in compiled code: from one boundary to the next at once, and back to the newest checkpoint."""

from __future__ import annotations

from wafersim.compiled import njit
from wafersim.training_run import compiled_state as its
from wafersim.training_run import lowered as of
from wafersim.training_run.compiled_clocks import COST
from wafersim.training_run.compiled_repair import MISSING
from wafersim.training_run.compiled_state import newest_row, newest_stored, row_of, step_of
from wafersim.training_run.instants import add, before, get, minus, plus, put, times, whole


@njit(error_model="numpy")
def stretch_of(plan, state, job, step):  # type: ignore[no-untyped-def]
    """Row of the stretch that holds the step-th step of the job."""
    first, own = plan[of.HEADER + job * of.JOB_ROW + of.STRETCH_AT], of.STATE_HEADER + job * of.JOB_STATE
    number = state[own + its.STRETCH]
    while plan[first + number * of.STRETCH_ROW + of.ENDS_AT] < step:
        number += 1
    while number > 0 and plan[first + (number - 1) * of.STRETCH_ROW + of.ENDS_AT] >= step:
        number -= 1
    state[own + its.STRETCH] = number
    return first + number * of.STRETCH_ROW


@njit(error_model="numpy")
def step_time(plan, state, job, stretch):  # type: ignore[no-untyped-def]
    """Time of a step without its stall, with the units that are missing now."""
    row = of.HEADER + job * of.JOB_ROW
    missing = 0
    if plan[row + of.POOLS] > 0:
        missing = state[plan[plan[row + of.POOL_AT] + of.OWN_POOL] + MISSING]
    return get(plan, plan[stretch + of.STEP_AT] + 2 * missing)


@njit(error_model="numpy")
def next_boundary(plan, state, job, now):  # type: ignore[no-untyped-def]
    """(step, instant) of the next boundary (rule 3), or of the first step end at or after a maintenance falls due (rule 10)."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    step = state[own + its.STEP]
    stretch = stretch_of(plan, state, job, step + 1)
    target = plan[stretch + of.ENDS_AT]
    for column in (of.SAVE_EVERY, of.MEMORY_EVERY, of.EVALUATE_EVERY):
        every = plan[stretch + column]
        if every > 0:
            target = min(target, (step // every + 1) * every)
    length = plus(step_time(plan, state, job, stretch), get(plan, stretch + of.STALL))
    steps, rest = target - step, get(state, own + its.REST)
    if before(rest, plus(now, times(length, steps))):
        wanted = minus(rest, now)
        steps = whole(wanted, length, steps)
        if before(times(length, steps), wanted):
            steps += 1
    return step + steps, plus(now, times(length, steps))


@njit(error_model="numpy")
def train_until(plan, state, job, step):  # type: ignore[no-untyped-def]
    """Books the steps of this piece up to `step` as trained; their time."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    stretch, steps = stretch_of(plan, state, job, state[own + its.STEP] + 1), step - state[own + its.STEP]
    trained, stalled = times(step_time(plan, state, job, stretch), steps), times(get(plan, stretch + of.STALL), steps)
    add(state, own + its.PRODUCTIVE, trained)
    add(state, own + its.DATA_LOADING, stalled)
    state[own + its.STEP] = step
    return plus(trained, stalled)


@njit(error_model="numpy")
def steps_done(plan, state, job, now):  # type: ignore[no-untyped-def]
    """Whole steps done by now."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    step = state[own + its.STEP]
    if state[own + its.PHASE] != its.TRAINING:
        return step
    stretch = stretch_of(plan, state, job, step + 1)
    length = plus(step_time(plan, state, job, stretch), get(plan, stretch + of.STALL))
    return step + whole(minus(now, get(state, own + its.FROM)), length, state[own + its.TARGET] - step)


@njit(error_model="numpy")
def charge(plan, state, job, duration):  # type: ignore[no-untyped-def]
    """Adds a duration to what the source of the failure before cost, if there was one."""
    cause = state[of.STATE_HEADER + job * of.JOB_STATE + its.CAUSE]
    if cause >= 0:
        source = plan[of.HEADER + job * of.JOB_ROW + of.SOURCE_AT] + cause * of.SOURCE_ROW
        add(state, plan[source + of.OWN_ROW] + COST, duration)


@njit(error_model="numpy")
def roll_back(plan, state, job):  # type: ignore[no-untyped-def]
    """The job is at the step of its newest checkpoint again; what was trained since was in vain."""
    own, newest = of.STATE_HEADER + job * of.JOB_STATE, row_of(plan, job, its.IN_MEMORY)
    if state[own + its.STORED] > 0 and newest_stored(plan, state, job) > step_of(plan, state, job, its.IN_MEMORY):
        newest = newest_row(plan, state, job)
    step, trained, stalled = 0, (0, 0), (0, 0)
    if state[newest + its.OF_STEP] >= 0:
        step, trained, stalled = (
            state[newest + its.OF_STEP],
            get(state, newest + its.TRAINED),
            get(state, newest + its.STALLED),
        )
    vain = minus(get(state, own + its.PRODUCTIVE), trained)
    vain = plus(vain, minus(get(state, own + its.DATA_LOADING), stalled))
    put(state, own + its.PRODUCTIVE, trained)
    put(state, own + its.DATA_LOADING, stalled)
    add(state, own + its.WASTED, vain)
    charge(plan, state, job, vain)
    state[own + its.STEP] = step
