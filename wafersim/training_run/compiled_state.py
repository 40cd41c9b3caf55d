"""What the compiled twin remembers of a job: where it is, its account, and its checkpoints; and the log and the store."""

from __future__ import annotations

from wafersim.compiled import inner
from wafersim.training_run import lowered as of
from wafersim.training_run.instants import add, before, get, plus, put
from wafersim.training_run.plan import Event, Loss, Strikes

# Columns of a job's row in the state: numbers,
PHASE, STAGE, STEP, TARGET, STRETCH, CAUSE, AFTER_FAILURE, ONCE_STARTED, TRIES = range(9)
FROM_MEMORY, PENDING, PENDING_FAILURE, PENDING_STEP, STORED, OLDEST, NEXT, STRUCK, STRUCK_FAILURE, STARTS, SAVES = (
    range(9, 20)
)
# instants: what happens next of all, the piece of work under way from and to, calendar less work, the next failure and the
# finding of a corruption in work time, the end of a write under way, the next maintenance, and when work stopped,
DUE, FROM, TO, OFFSET, STRIKE, FIND, WRITTEN, REST, STOPPED = range(20, 38, 2)
# and the account, in the order of `Loss`.
PRODUCTIVE, DATA_LOADING, INITIALIZATION, STARTUP, CHECKPOINT_SAVE, CHECKPOINT_RESTORE = range(38, 50, 2)
WASTED, RECOVERY, EVALUATION, MAINTAINED, WAITING = range(50, 60, 2)
assert WAITING + 2 == of.JOB_STATE
assert (WAITING - PRODUCTIVE) // 2 == Loss.WAITING
# Columns of a checkpoint: its step (-1: none), and the account of training up to it.
OF_STEP, TRAINED, STALLED = 0, 1, 3
IN_MEMORY, WRITING = (
    0,
    1,
)  # rows of a job's checkpoints after those in the store, which are a ring in order of their steps

# Values of PHASE: the piece of work under way; from RESTING on the clock of work stands still.
FIRST_START, LATER_START, RESTORING, TRAINING, KEEPING, AWAITING, PAUSING, SAVING, EVALUATING = range(9)
RESTING, DOWN, DOWN_RESTING, QUEUED, OVER = range(9, 14)

# Plain integers, which numba takes in less time than members of an enumeration.
BEGIN, STARTED, SAVE, SAVED, DURABLE, KEPT, EVALUATED, FAILED, CORRUPTED, FOUND = (
    int(event) for event in list(Event)[:10]
)
DOWN_ENDS, START_FAILED, MAINTENANCE, EXPANDS, DONE = (int(event) for event in list(Event)[10:])
CORRUPT, SPIKE = int(Strikes.CORRUPT), int(Strikes.SPIKE)


@inner(error_model="numpy")
def note(state, log, job, instant, event, step, source):  # type: ignore[no-untyped-def]
    """Writes an event to the log, or only counts it where the log is full."""
    entry = state[of.LOGGED]
    state[of.LOGGED] += 1
    if entry < log.shape[0]:
        log[entry, 0], log[entry, 1], log[entry, 2] = instant[0], instant[1], job
        log[entry, 3], log[entry, 4], log[entry, 5] = event, step, source


@inner(error_model="numpy")
def piece(state, job, phase, now, end):  # type: ignore[no-untyped-def]
    """A piece of work, or of standing still, begins now."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    state[own + PHASE] = phase
    put(state, own + FROM, now)
    put(state, own + TO, end)


@inner(error_model="numpy")
def set_due(state, job):  # type: ignore[no-untyped-def]
    """Sets what happens next of all: the end of the piece, or in work a failure, or the finding of a corruption."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    due = get(state, own + TO)
    if state[own + PHASE] < RESTING:
        for clock in (STRIKE, FIND):
            strikes = plus(get(state, own + clock), get(state, own + OFFSET))
            if before(strikes, due):
                due = strikes
    put(state, own + DUE, due)


@inner(error_model="numpy")
def served(state, now, service):  # type: ignore[no-untyped-def]
    """When the store has served a request that is made now; one of no length waits for nobody."""
    if service[0] == 0 and service[1] == 0:
        return now
    if before(get(state, of.STORE), now):
        put(state, of.STORE, now)
    add(state, of.STORE, service)
    return get(state, of.STORE)


@inner(error_model="numpy")
def row_of(plan, job, which):  # type: ignore[no-untyped-def]
    """The row of the checkpoint in memory, or of the write under way."""
    row = of.HEADER + job * of.JOB_ROW
    return plan[row + of.OWN_CHECKPOINTS] + (plan[row + of.KEEP] + which) * of.CHECKPOINT


@inner(error_model="numpy")
def mark(plan, state, job, which):  # type: ignore[no-untyped-def]
    """A checkpoint of the job as it is now, in memory or to be written."""
    own, row = of.STATE_HEADER + job * of.JOB_STATE, row_of(plan, job, which)
    state[row + OF_STEP] = state[own + STEP]
    put(state, row + TRAINED, get(state, own + PRODUCTIVE))
    put(state, row + STALLED, get(state, own + DATA_LOADING))


@inner(error_model="numpy")
def lose(plan, state, job, which):  # type: ignore[no-untyped-def]
    """No checkpoint in memory, or no write under way, any more."""
    state[row_of(plan, job, which) + OF_STEP] = -1


@inner(error_model="numpy")
def step_of(plan, state, job, which):  # type: ignore[no-untyped-def]
    """Step of the checkpoint in memory, or of the write under way; -1 without one."""
    return state[row_of(plan, job, which) + OF_STEP]


@inner(error_model="numpy")
def newest_row(plan, state, job):  # type: ignore[no-untyped-def]
    """Row of the newest checkpoint in the store, which must hold one."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    place = (state[own + OLDEST] + state[own + STORED] - 1) % plan[row + of.KEEP]
    return plan[row + of.OWN_CHECKPOINTS] + place * of.CHECKPOINT


@inner(error_model="numpy")
def newest_stored(plan, state, job):  # type: ignore[no-untyped-def]
    """Step of the newest checkpoint in the store; 0 without one."""
    if state[of.STATE_HEADER + job * of.JOB_STATE + STORED] == 0:
        return 0
    return state[newest_row(plan, state, job) + OF_STEP]


@inner(error_model="numpy")
def make_durable(plan, state, log, job, now):  # type: ignore[no-untyped-def]
    """What was written becomes the newest in the store; one of the same step, or one too many, makes room for it."""
    own, keep = of.STATE_HEADER + job * of.JOB_STATE, plan[of.HEADER + job * of.JOB_ROW + of.KEEP]
    written = row_of(plan, job, WRITING)
    step = state[written + OF_STEP]
    note(state, log, job, now, DURABLE, step, -1)
    if state[own + STORED] == 0 or newest_stored(plan, state, job) != step:
        if state[own + STORED] == keep:
            state[own + OLDEST] = (state[own + OLDEST] + 1) % keep
        else:
            state[own + STORED] += 1
    newest = newest_row(plan, state, job)
    for column in range(of.CHECKPOINT):
        state[newest + column] = state[written + column]
    state[written + OF_STEP] = -1
    state[own + SAVES] += 1


@inner(error_model="numpy")
def complete_write(plan, state, log, job, now):  # type: ignore[no-untyped-def]
    """An asynchronous write that is complete by now becomes durable, before anything else that happens now."""
    written = get(state, of.STATE_HEADER + job * of.JOB_STATE + WRITTEN)
    if step_of(plan, state, job, WRITING) >= 0 and not before(now, written):
        make_durable(plan, state, log, job, written)


@inner(error_model="numpy")
def drop_later(plan, state, job, step):  # type: ignore[no-untyped-def]
    """Checkpoints later than a step are dropped, in the store and in memory."""
    own = of.STATE_HEADER + job * of.JOB_STATE
    while state[own + STORED] > 0 and newest_stored(plan, state, job) > step:
        state[own + STORED] -= 1
    if step_of(plan, state, job, IN_MEMORY) > step:
        lose(plan, state, job, IN_MEMORY)
