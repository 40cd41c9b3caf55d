"""Steps in compiled code: from one boundary to the next at once, and back to the newest checkpoint."""

from __future__ import annotations

from wafersim.compiled import inner
from wafersim.training_run import compiled_state as its
from wafersim.training_run import lowered as of
from wafersim.training_run.compiled_clocks import COST
from wafersim.training_run.compiled_repair import MISSING
from wafersim.training_run.compiled_state import make_durable, mark, newest_row, newest_stored, row_of, step_of
from wafersim.training_run.instants import add, before, get, minus, plus, put, times, whole


@inner(error_model="numpy")
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


@inner(error_model="numpy")
def step_time(plan, state, job, stretch):  # type: ignore[no-untyped-def]
    """Time of a step without its stall, with the units that are missing now."""
    row = of.HEADER + job * of.JOB_ROW
    missing = 0
    if plan[row + of.POOLS] > 0:
        missing = state[plan[plan[row + of.POOL_AT] + of.OWN_POOL] + MISSING]
    return get(plan, plan[stretch + of.STEP_AT] + 2 * missing)


@inner(error_model="numpy")
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


@inner(error_model="numpy")
def cruise(plan, state, log, job, now):  # type: ignore[no-untyped-def]
    """Steps and saves over and over, up to the last save that nothing can come in between; the instant after it, or now.

    Only where one job has the store to itself, no unit is missing, and nobody wants to read of it in the log.
    """
    own = of.STATE_HEADER + job * of.JOB_STATE
    stretch = stretch_of(plan, state, job, state[own + its.STEP] + 1)
    cycles = _cycles(plan, state, job, stretch)
    if cycles == 0 or log.shape[0] > 0:
        return now
    row, every = of.HEADER + job * of.JOB_ROW, plan[stretch + of.SAVE_EVERY]
    trained, stalled = times(step_time(plan, state, job, stretch), every), times(get(plan, stretch + of.STALL), every)
    training, service = plus(trained, stalled), get(plan, row + of.SAVE)
    stops = service
    if plan[row + of.ASYNCHRONOUS]:
        stops = get(plan, row + of.PAUSE)
        written = state[own + its.STEP] == step_of(plan, state, job, its.WRITING) and not before(training, service)
        if not written or before(plus(now, training), get(state, of.STORE)):
            return now
    elif before(now, get(state, of.STORE)):
        return now
    offset, horizon = get(state, own + its.OFFSET), get(state, own + its.REST)
    for clock in (its.STRIKE, its.FIND):
        strikes = plus(get(state, own + clock), offset)
        if before(strikes, horizon):
            horizon = strikes
    cycle = plus(training, stops)
    cycles = whole(minus(horizon, now), cycle, cycles)
    if cycles == 0:
        return now
    _save_over_and_over(plan, state, log, job, cycles, every, trained, stalled)
    add(state, own + its.CHECKPOINT_SAVE, times(stops, cycles))
    now = plus(now, times(cycle, cycles))
    if plan[row + of.ASYNCHRONOUS]:
        put(state, own + its.WRITTEN, plus(now, service))
        put(state, of.STORE, plus(now, service))
    return now


@inner(error_model="numpy")
def _cycles(plan, state, job, stretch):  # type: ignore[no-untyped-def]
    """How often a job may train and save before a boundary of another kind; 0 where that cannot be said beforehand."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    step, every, evaluate = state[own + its.STEP], plan[stretch + of.SAVE_EVERY], plan[stretch + of.EVALUATE_EVERY]
    if plan[of.JOBS] > 1 or plan[stretch + of.MEMORY_EVERY] > 0 or every == 0 or step % every > 0:
        return 0
    for number in range(plan[row + of.POOLS]):
        if state[plan[plan[row + of.POOL_AT] + number * of.POOL_ROW + of.OWN_POOL] + MISSING] > 0:
            return 0
    last = min(plan[stretch + of.ENDS_AT], plan[row + of.STEPS] - 1)
    if evaluate > 0:
        last = min(last, (step // evaluate + 1) * evaluate)
    return (last - step) // every


@inner(error_model="numpy")
def _save_over_and_over(plan, state, log, job, cycles, every, trained, stalled):  # type: ignore[no-untyped-def]
    """Books so many times training and a save; the store is left with the checkpoints that it keeps."""
    own, asynchronous = of.STATE_HEADER + job * of.JOB_STATE, plan[of.HEADER + job * of.JOB_ROW + of.ASYNCHRONOUS]
    skipped = max(0, cycles - plan[of.HEADER + job * of.JOB_ROW + of.KEEP] - 1)  # they would be pushed out again
    state[own + its.SAVES] += skipped
    add(state, own + its.PRODUCTIVE, times(trained, skipped))
    add(state, own + its.DATA_LOADING, times(stalled, skipped))
    state[own + its.STEP] += skipped * every
    for _ in range(skipped, cycles):
        if asynchronous:
            make_durable(plan, state, log, job, (0, 0))
        add(state, own + its.PRODUCTIVE, trained)
        add(state, own + its.DATA_LOADING, stalled)
        state[own + its.STEP] += every
        mark(plan, state, job, its.WRITING)
        if not asynchronous:
            make_durable(plan, state, log, job, (0, 0))


@inner(error_model="numpy")
def train_until(plan, state, job, step):  # type: ignore[no-untyped-def]
    """Books the steps of this piece up to `step` as trained; their time."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    stretch, steps = stretch_of(plan, state, job, state[own + its.STEP] + 1), step - state[own + its.STEP]
    trained, stalled = times(step_time(plan, state, job, stretch), steps), times(get(plan, stretch + of.STALL), steps)
    add(state, own + its.PRODUCTIVE, trained)
    add(state, own + its.DATA_LOADING, stalled)
    state[own + its.STEP] = step
    return plus(trained, stalled)


@inner(error_model="numpy")
def steps_done(plan, state, job, now):  # type: ignore[no-untyped-def]
    """Whole steps done by now."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    step = state[own + its.STEP]
    if state[own + its.PHASE] != its.TRAINING:
        return step
    stretch = stretch_of(plan, state, job, step + 1)
    length = plus(step_time(plan, state, job, stretch), get(plan, stretch + of.STALL))
    return step + whole(minus(now, get(state, own + its.FROM)), length, state[own + its.TARGET] - step)


@inner(error_model="numpy")
def charge(plan, state, job, duration):  # type: ignore[no-untyped-def]
    """Adds a duration to what the source of the failure before cost, if there was one."""
    cause = state[of.STATE_HEADER + job * of.JOB_STATE + its.CAUSE]
    if cause >= 0:
        source = plan[of.HEADER + job * of.JOB_ROW + of.SOURCE_AT] + cause * of.SOURCE_ROW
        add(state, plan[source + of.OWN_ROW] + COST, duration)


@inner(error_model="numpy")
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
