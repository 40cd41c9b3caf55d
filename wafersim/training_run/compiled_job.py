"""What a job does next, compiled: pieces of work one after the other, cut off by failures (docs/whole_runs.md, rules 2 to 10).

Every function leaves the job in a piece of work, or of standing still, that lasts from FROM to TO; `job_event` is called when
the first of its end, a failure, and the finding of a corruption is due. `row` is the job's row in the plan, `own` in the state.
"""

from __future__ import annotations

from wafersim.compiled import inner
from wafersim.training_run import compiled_state as its
from wafersim.training_run import lowered as of
from wafersim.training_run.compiled_clocks import FAILED, next_source, rewind, wind
from wafersim.training_run.compiled_repair import down_until, fill, may_be_complete, replace_all
from wafersim.training_run.compiled_saving import (
    END,
    EVALUATE,
    EXPAND,
    KEEP,
    LAST_FIND,
    LAST_SAVE,
    PAUSE,
    REST,
    SAVE,
    await_write,
    begin_rest,
    blocking_save,
    rest,
    save,
)
from wafersim.training_run.compiled_state import (
    complete_write,
    drop_later,
    lose,
    make_durable,
    mark,
    newest_stored,
    note,
    piece,
    served,
    set_due,
    step_of,
)
from wafersim.training_run.compiled_training import (
    charge,
    cruise,
    next_boundary,
    roll_back,
    steps_done,
    stretch_of,
    train_until,
)
from wafersim.training_run.draws import STREAMS, Stream, gap, uniform
from wafersim.training_run.instants import NEVER, add, before, get, minus, plus, put, times, whole

MEMORY_DRAW, LATENCY_DRAW, RESTART_DRAW = int(Stream.MEMORY), int(Stream.LATENCY), int(Stream.RESTART)


@inner(error_model="numpy")
def begin_job(plan, odds, state, log, job, now):  # type: ignore[no-untyped-def]
    """A job that has its systems begins its first start (rules 1 and 2)."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    state[own + its.CAUSE] = state[own + its.PENDING] = -1
    lose(plan, state, job, its.IN_MEMORY)
    lose(plan, state, job, its.WRITING)
    put(state, own + its.WAITING, now)
    put(state, own + its.OFFSET, now)
    put(state, own + its.FIND, NEVER)
    put(state, own + its.REST, NEVER)
    every = get(plan, row + of.EVERY)
    if before((0, 0), every):
        put(state, own + its.REST, plus(now, every))
    wind(plan, odds, state, job)
    fill(plan, state, job)
    _set_strike(plan, state, job)
    note(state, log, job, now, its.BEGIN, 0, -1)
    _start(plan, state, job, now)
    set_due(state, job)


@inner(error_model="numpy")
def job_event(plan, odds, state, log, job):  # type: ignore[no-untyped-def]
    """Does what is due of a job at DUE: the end of its piece, or else a failure, or else the finding of a corruption.

    Nothing calls it from below, and little is nested: numba compiles what is called once more for every level above it.
    """
    own = of.STATE_HEADER + job * of.JOB_STATE
    now, failed, found = get(state, own + its.DUE), False, False
    complete_write(plan, state, log, job, now)
    if not before(now, get(state, own + its.TO)):
        stage = _piece_ends(plan, odds, state, log, job, now)
        if stage >= 0:
            found = _boundary(plan, state, log, job, now, stage)
    else:
        failed = not before(now, plus(get(state, own + its.STRIKE), get(state, own + its.OFFSET)))
        found = not failed
    if failed:
        failed = _strike(plan, odds, state, log, job, now)
    if found:
        drop_later(plan, state, job, state[own + its.PENDING_STEP])
    if failed or found:
        _goes_down(plan, odds, state, log, job, now, its.FOUND if found else its.FAILED)
    set_due(state, job)


@inner(error_model="numpy")
def _set_strike(plan, state, job):  # type: ignore[no-untyped-def]
    own = of.STATE_HEADER + job * of.JOB_STATE
    number, instant = next_source(plan, state, job)
    state[own + its.NEXT] = number
    put(state, own + its.STRIKE, instant)


@inner(error_model="numpy")
def _start(plan, state, job, now):  # type: ignore[no-untyped-def]
    """A first or later start begins, from STEP (rule 6)."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    replace_all(plan, state, job, now)
    if state[own + its.PENDING] >= 0 and state[own + its.STEP] <= state[own + its.PENDING_STEP]:
        _forget(state, job)
    kept = step_of(plan, state, job, its.IN_MEMORY)
    state[own + its.FROM_MEMORY] = kept > 0 and kept >= newest_stored(plan, state, job)
    if state[own + its.ONCE_STARTED]:
        piece(state, job, its.LATER_START, now, plus(now, get(plan, row + of.RESTART)))
    else:
        piece(state, job, its.FIRST_START, now, plus(now, get(plan, row + of.INITIAL)))


@inner(error_model="numpy")
def _forget(state, job):  # type: ignore[no-untyped-def]
    own = of.STATE_HEADER + job * of.JOB_STATE
    state[own + its.PENDING] = -1
    put(state, own + its.FIND, NEVER)


@inner(error_model="numpy")
def _piece_ends(plan, odds, state, log, job, now):  # type: ignore[no-untyped-def]
    """Books the piece that is over; the stage of a boundary to go on with, or -1 where the next piece has begun."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    phase = state[own + its.PHASE]
    length = minus(now, get(state, own + its.FROM))
    if phase == its.TRAINING:
        train_until(plan, state, job, state[own + its.TARGET])
        return KEEP
    if phase > its.EVALUATING:
        _stands_no_longer(plan, state, log, job, now, phase, length)
        return -1
    if phase > its.RESTORING:
        return _work_ends(plan, state, log, job, now, phase, length)
    return REST if _start_goes_on(plan, odds, state, log, job, now, phase, length) else -1


@inner(error_model="numpy")
def _start_goes_on(plan, odds, state, log, job, now, phase, length):  # type: ignore[no-untyped-def]
    """The end of a start-up or of a restore; whether the job is started."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    _book_start(plan, state, job, phase, length)
    step = state[own + its.STEP]
    if phase == its.LATER_START and step > 0:
        if state[own + its.FROM_MEMORY]:
            piece(state, job, its.RESTORING, now, plus(now, get(plan, row + of.MEMORY_RESTORE)))
        else:
            piece(state, job, its.RESTORING, now, served(state, now, get(plan, row + of.RESTORE)))
        return False
    if phase != its.FIRST_START and state[own + its.AFTER_FAILURE] and odds[job] > 0.0:
        stream = plan[row + of.SOURCES] * STREAMS + RESTART_DRAW
        drawn = uniform(state[of.SEED], state[of.RUN], job, stream, state[own + its.TRIES])
        state[own + its.TRIES] += 1
        if drawn < odds[job]:
            note(state, log, job, now, its.START_FAILED, step, -1)
            _start(plan, state, job, now)
            return False
    note(state, log, job, now, its.STARTED, step, -1)
    state[own + its.ONCE_STARTED] = 1
    state[own + its.AFTER_FAILURE] = 0
    state[own + its.CAUSE] = -1
    state[own + its.STARTS] += 1
    return True


@inner(error_model="numpy")
def _book_start(plan, state, job, phase, length):  # type: ignore[no-untyped-def]
    own = of.STATE_HEADER + job * of.JOB_STATE
    loss = its.CHECKPOINT_RESTORE
    if phase == its.FIRST_START:
        loss = its.INITIALIZATION
    elif phase == its.LATER_START:
        loss = its.STARTUP
    add(state, own + loss, length)
    charge(plan, state, job, length)


@inner(error_model="numpy")
def _work_ends(plan, state, log, job, now, phase, length):  # type: ignore[no-untyped-def]
    """The end of a save, a part of it, or an evaluation; the stage of the boundary to go on with, -1 for a pause."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    step, stage = state[own + its.STEP], state[own + its.STAGE]
    if phase == its.EVALUATING:
        add(state, own + its.EVALUATION, length)
        note(state, log, job, now, its.EVALUATED, step, -1)
        return stage
    add(state, own + its.CHECKPOINT_SAVE, length)
    if phase == its.KEEPING:
        mark(plan, state, job, its.IN_MEMORY)
        note(state, log, job, now, its.KEPT, step, -1)
        return SAVE
    if phase == its.AWAITING:
        if stage == PAUSE:
            piece(state, job, its.PAUSING, now, plus(now, get(plan, row + of.PAUSE)))
            return -1
        return stage
    mark(plan, state, job, its.WRITING)
    if phase == its.PAUSING:
        put(state, own + its.WRITTEN, served(state, now, get(plan, row + of.SAVE)))
        complete_write(plan, state, log, job, now)
        stage = EVALUATE
    else:
        make_durable(plan, state, log, job, now)
    note(state, log, job, now, its.SAVED, step, -1)
    return stage


@inner(error_model="numpy")
def _boundary(plan, state, log, job, now, stage):  # type: ignore[no-untyped-def]
    """What is due after a step, from a stage of rule 4 on; then training goes on. True if a corruption is found now."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    step = state[own + its.STEP]
    last = step == plan[row + of.STEPS]
    stretch = stretch_of(plan, state, job, max(step, 1))
    if stage == KEEP and not last and _falls_due(plan, stretch + of.MEMORY_EVERY, step):
        piece(state, job, its.KEEPING, now, plus(now, get(plan, row + of.MEMORY)))
    elif stage <= SAVE and not last and _falls_due(plan, stretch + of.SAVE_EVERY, step):
        save(plan, state, log, job, now)
    elif stage <= EVALUATE and _falls_due(plan, stretch + of.EVALUATE_EVERY, step):
        state[own + its.STAGE] = LAST_FIND if last else EXPAND
        piece(state, job, its.EVALUATING, now, plus(now, get(plan, row + of.EVALUATE)))
    elif last:
        return _last_step(plan, state, log, job, now, stage)
    elif stage <= EXPAND and _expands(plan, state, job, now):
        note(state, log, job, now, its.EXPANDS, step, -1)
        _start(plan, state, job, now)
    elif not before(now, get(state, own + its.REST)):
        rest(plan, state, log, job, now)
    else:
        _train(plan, state, log, job, now)
    return False


@inner(error_model="numpy")
def _train(plan, state, log, job, now):  # type: ignore[no-untyped-def]
    own = of.STATE_HEADER + job * of.JOB_STATE
    after = cruise(plan, state, log, job, now)
    if before(now, after):
        state[own + its.STAGE] = EVALUATE
        piece(state, job, its.AWAITING, after, after)  # a save is over, and nothing is cut off
    else:
        target, end = next_boundary(plan, state, job, now)
        state[own + its.TARGET] = target
        piece(state, job, its.TRAINING, now, end)


@inner(error_model="numpy")
def _falls_due(plan, place, step):  # type: ignore[no-untyped-def]
    return plan[place] > 0 and step % plan[place] == 0


@inner(error_model="numpy")
def _expands(plan, state, job, now):  # type: ignore[no-untyped-def]
    newest = max(newest_stored(plan, state, job), step_of(plan, state, job, its.IN_MEMORY))
    if newest != state[of.STATE_HEADER + job * of.JOB_STATE + its.STEP]:
        return False
    return may_be_complete(plan, state, job, now)


@inner(error_model="numpy")
def _last_step(plan, state, log, job, now, stage):  # type: ignore[no-untyped-def]
    """After the last step and its evaluation (rule 7); True if a corruption is found now."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    if stage <= LAST_FIND and state[own + its.PENDING] >= 0:
        piece(state, job, its.AWAITING, now, now)  # nothing is cut off
        return True
    if stage < LAST_SAVE and plan[row + of.LAST_SAVE] and step_of(plan, state, job, its.WRITING) >= 0:
        await_write(plan, state, job, now, LAST_SAVE)
    elif stage < END and plan[row + of.LAST_SAVE]:
        blocking_save(plan, state, log, job, now, END)
    else:
        note(state, log, job, now, its.DONE, state[own + its.STEP], -1)
        piece(state, job, its.OVER, now, NEVER)
        state[of.FREE] += plan[row + of.NEEDS]
    return False


@inner(error_model="numpy")
def _strike(plan, odds, state, log, job, now):  # type: ignore[no-untyped-def]
    """The source whose clock has run out fails (rule 8); True if the job goes down by it."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    number, at_work = state[own + its.NEXT], get(state, own + its.STRIKE)
    source = plan[of.HEADER + job * of.JOB_ROW + of.SOURCE_AT] + number * of.SOURCE_ROW
    failed, strikes = state[plan[source + of.OWN_ROW] + FAILED], plan[source + of.STRIKES]
    rewind(plan, odds, state, job, number, at_work)
    _set_strike(plan, state, job)
    step = steps_done(plan, state, job, now)
    if strikes != its.CORRUPT:
        state[own + its.STRUCK], state[own + its.STRUCK_FAILURE] = number, failed
        if strikes == its.SPIKE:
            drop_later(plan, state, job, step - plan[source + of.BACK])
        return True
    if state[own + its.PENDING] < 0:
        note(state, log, job, now, its.CORRUPTED, step, number)
        state[own + its.PENDING], state[own + its.PENDING_FAILURE], state[own + its.PENDING_STEP] = number, failed, step
        latency, stream = odds[plan[source + of.ODDS_AT] + of.LATENCY], number * STREAMS + LATENCY_DRAW
        hidden = gap(latency, 1.0, state[of.SEED], state[of.RUN], job, stream, failed)
        put(state, own + its.FIND, plus(at_work, hidden))
    return False


@inner(error_model="numpy")
def _goes_down(plan, odds, state, log, job, now, event):  # type: ignore[no-untyped-def]
    """Cuts off what the job is doing, and finds out how long it is down (rule 9), after what struck or was found."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    number, failed = state[own + its.STRUCK], state[own + its.STRUCK_FAILURE]
    if event == its.FOUND:
        number, failed = state[own + its.PENDING], state[own + its.PENDING_FAILURE]
        _forget(state, job)
    source = plan[of.HEADER + job * of.JOB_ROW + of.SOURCE_AT] + number * of.SOURCE_ROW
    done, phase = steps_done(plan, state, job, now), state[own + its.PHASE]
    note(state, log, job, now, event, done, number)
    cut = minus(now, get(state, own + its.FROM))
    if phase <= its.RESTORING:
        _book_start(plan, state, job, phase, cut)  # of the failure before
    state[own + its.CAUSE] = number
    if phase > its.RESTORING:
        if phase == its.TRAINING:
            cut = minus(cut, train_until(plan, state, job, done))
        add(state, own + its.WASTED, cut)
        charge(plan, state, job, cut)
    lose(plan, state, job, its.WRITING)
    drawn = uniform(state[of.SEED], state[of.RUN], job, number * STREAMS + MEMORY_DRAW, failed)
    if drawn < odds[plan[source + of.ODDS_AT] + of.LOSES_MEMORY]:
        lose(plan, state, job, its.IN_MEMORY)
    put(state, own + its.STOPPED, now)
    piece(state, job, its.DOWN, now, down_until(plan, odds, state, job, number, failed, now))


@inner(error_model="numpy")
def _stands_no_longer(plan, state, log, job, now, phase, length):  # type: ignore[no-untyped-def]
    """The end of a down or of a maintenance: the clock of work goes on, with a start."""
    own, rest = of.STATE_HEADER + job * of.JOB_STATE, get(state, of.STATE_HEADER + job * of.JOB_STATE + its.REST)
    if phase == its.DOWN:
        add(state, own + its.RECOVERY, length)
        charge(plan, state, job, length)
        if not before(now, rest):
            begin_rest(plan, state, log, job, now, its.DOWN_RESTING)
            return
    else:
        add(state, own + its.MAINTAINED, length)
        every = get(plan, of.HEADER + job * of.JOB_ROW + of.EVERY)
        passed = whole(minus(now, rest), every, 1 << 40)
        put(state, own + its.REST, plus(rest, times(every, passed + 1)))
    stood = minus(now, get(state, own + its.STOPPED))
    put(state, own + its.OFFSET, plus(get(state, own + its.OFFSET), stood))
    if phase != its.RESTING:
        roll_back(plan, state, job)
        state[own + its.AFTER_FAILURE] = 1
    note(state, log, job, now, its.DOWN_ENDS, state[own + its.STEP], -1)
    _start(plan, state, job, now)
