"""Saves and maintenance in compiled code: how they begin at a boundary (docs/whole_runs.md, rules 4, 5 and 10)."""

from __future__ import annotations

from wafersim.compiled import inner
from wafersim.training_run import compiled_state as its
from wafersim.training_run import lowered as of
from wafersim.training_run.compiled_state import lose, newest_stored, note, piece, served, step_of
from wafersim.training_run.instants import get, plus, put

# Stages of a boundary in the order of rule 4; after the last step, of rule 7.
KEEP, SAVE, EVALUATE, EXPAND, REST = range(5)
PAUSE, LAST_FIND, LAST_SAVE, END = 5, 6, 7, 8


@inner(error_model="numpy")
def save(plan, state, log, job, now):  # type: ignore[no-untyped-def]
    """A save that is due at a boundary (rule 5)."""
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    if not plan[row + of.ASYNCHRONOUS]:
        blocking_save(plan, state, log, job, now, EVALUATE)
        return
    note(state, log, job, now, its.SAVE, state[own + its.STEP], -1)
    if step_of(plan, state, job, its.WRITING) >= 0:
        await_write(plan, state, job, now, PAUSE)
    else:
        piece(state, job, its.PAUSING, now, plus(now, get(plan, row + of.PAUSE)))


@inner(error_model="numpy")
def blocking_save(plan, state, log, job, now, stage):  # type: ignore[no-untyped-def]
    row, own = of.HEADER + job * of.JOB_ROW, of.STATE_HEADER + job * of.JOB_STATE
    note(state, log, job, now, its.SAVE, state[own + its.STEP], -1)
    state[own + its.STAGE] = stage
    piece(state, job, its.SAVING, now, served(state, now, get(plan, row + of.SAVE)))


@inner(error_model="numpy")
def await_write(plan, state, job, now, stage):  # type: ignore[no-untyped-def]
    own = of.STATE_HEADER + job * of.JOB_STATE
    state[own + its.STAGE] = stage
    piece(state, job, its.AWAITING, now, get(state, own + its.WRITTEN))


@inner(error_model="numpy")
def rest(plan, state, log, job, now):  # type: ignore[no-untyped-def]
    """Maintenance at a boundary: after a write under way, and a save unless the store holds this step (rule 10)."""
    if step_of(plan, state, job, its.WRITING) >= 0:
        await_write(plan, state, job, now, REST)
    elif newest_stored(plan, state, job) != state[of.STATE_HEADER + job * of.JOB_STATE + its.STEP]:
        blocking_save(plan, state, log, job, now, REST)
    else:
        put(state, of.STATE_HEADER + job * of.JOB_STATE + its.STOPPED, now)
        begin_rest(plan, state, log, job, now, its.RESTING)


@inner(error_model="numpy")
def begin_rest(plan, state, log, job, now, phase):  # type: ignore[no-untyped-def]
    own = of.STATE_HEADER + job * of.JOB_STATE
    note(state, log, job, now, its.MAINTENANCE, state[own + its.STEP], -1)
    lose(plan, state, job, its.IN_MEMORY)
    piece(state, job, phase, now, plus(now, get(plan, of.HEADER + job * of.JOB_ROW + of.MAINTAIN)))
