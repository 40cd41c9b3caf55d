"""The compiled twin of the reference: the same events as a loop over arrays, written from docs/whole_runs.md.

`run_compiled` does one run with its log; `run_many` thousands, on all cores, with the same bits whatever their number: every
run has random numbers of its own. The cores are those of threads, which leave Python alone while they run machine code.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from wafersim.compiled import njit
from wafersim.errors import WafersimError
from wafersim.training_run import compiled_state as its
from wafersim.training_run import lowered as of
from wafersim.training_run.bounds import checked
from wafersim.training_run.compiled_clocks import COST, FAILED
from wafersim.training_run.compiled_job import begin_job, job_event
from wafersim.training_run.draws import TICKS
from wafersim.training_run.factors import Factors, checked_factors, scale, scale_odds
from wafersim.training_run.instants import NEVER, before, get, put
from wafersim.training_run.lowered import Floats, Ints, Lowered, lowered
from wafersim.training_run.plan import Event, JobOutcome, Logged, Loss, Outcome, RunPlan

MOST_EVENTS = 2_000_000  # of a run; a month of hourly saves has about 2,000
FIRST_LOG = 4096  # entries; a longer log is made in a second pass
LOSSES = len(Loss)


@dataclass(frozen=True)
class Outcomes:
    """What became of many runs of a plan with J jobs and S sources (job by job); times in seconds."""

    end_s: Floats  # (runs, J)
    losses_s: Floats  # (runs, J, len(Loss)); they add up to the end
    by_source_s: Floats  # (runs, S)
    failures: Ints  # (runs, S)
    starts: Ints  # (runs, J)
    saves: Ints  # (runs, J)


def run_compiled(plan: RunPlan, seed: int, run: int = 0, log: bool = True) -> Outcome:
    """What becomes of run number `run` of a plan, exactly; with its events, in order of time, job and happening.

    `WafersimError` where a bound of `bounds` or 2,000,000 events are passed.
    """
    arrays = lowered(checked(plan))
    state, events = np.zeros(arrays.size, np.int64), np.zeros((FIRST_LOG if log else 0, 6), np.int64)
    if not _one_run(arrays.plan, arrays.odds, state, events, seed, run):
        raise _endless(run)
    count = int(state[of.LOGGED])
    if log and count > FIRST_LOG:
        events = np.zeros((count, 6), np.int64)
        _one_run(arrays.plan, arrays.odds, state, events, seed, run)
    outcomes = tuple(_outcome(arrays, state, job) for job in range(len(plan.jobs)))
    return Outcome(outcomes, _logged(events[:count]))


def run_many(
    plan: RunPlan, seed: int, runs: int, factors: Factors | None = None, threads: int | None = None
) -> Outcomes:
    """What becomes of runs 0 to `runs` - 1, run i of the plan scaled by row i of the factors; on all cores, or so many."""
    arrays = lowered(checked(plan))
    jobs, sources = len(plan.jobs), len(arrays.source_rows)
    by_kind, rate, recovery = _columns(checked_factors(factors, runs, sources))
    seconds, costs = np.zeros((runs, jobs, LOSSES + 1)), np.zeros((runs, sources))
    counts, failures = np.zeros((runs, jobs, 2), np.int64), np.zeros((runs, sources), np.int64)

    def part(first: int, last: int) -> int:
        state, own_plan, own_odds = np.zeros(arrays.size, np.int64), arrays.plan.copy(), arrays.odds.copy()
        rows = slice(first, last)
        stuck: int = _runs(
            arrays.plan, arrays.odds, own_plan, own_odds, arrays.source_rows, arrays.scaled_at, arrays.scaled_ticks,
            by_kind[rows], rate[rows], recovery[rows], state, np.zeros((0, 6), np.int64), seed, first,
            seconds[rows], counts[rows], costs[rows], failures[rows],
        )  # fmt: skip
        return stuck

    workers = max(1, min(threads or len(os.sched_getaffinity(0)), runs))
    edges = [runs * number // (4 * workers) for number in range(4 * workers + 1)]
    with ThreadPoolExecutor(workers) as pool:
        stuck = [run for run in pool.map(part, edges[:-1], edges[1:]) if run >= 0]
    if stuck:
        raise _endless(stuck[0])
    return Outcomes(seconds[:, :, LOSSES], seconds[:, :, :LOSSES], costs, failures, counts[:, :, 0], counts[:, :, 1])


def _columns(factors: Factors) -> tuple[Floats, Floats, Floats]:
    """(runs, 3) by kind of duration, and the factors of the sources."""
    kinds = {of.STEP_KIND: factors.step, of.SAVING_KIND: factors.saving, of.STARTUP_KIND: factors.startup}
    return np.stack([kinds[kind] for kind in range(len(kinds))], axis=1), factors.rate, factors.recovery


def _endless(run: int) -> WafersimError:
    return WafersimError(
        f"run {run} has more than {MOST_EVENTS:,} events and is given up: failures or maintenance leave it hardly a step "
        "between two starts; save more often, fail less often, or start faster"
    )


def _outcome(arrays: Lowered, state: Ints, job: int) -> JobOutcome:
    own = of.STATE_HEADER + job * of.JOB_STATE
    source = int(arrays.plan[of.HEADER + job * of.JOB_ROW + of.SOURCE_AT])
    count = int(arrays.plan[of.HEADER + job * of.JOB_ROW + of.SOURCES])
    sources = [int(arrays.plan[source + number * of.SOURCE_ROW + of.OWN_ROW]) for number in range(count)]
    losses = tuple(_ticks(state, own + its.PRODUCTIVE + 2 * loss) for loss in range(LOSSES))
    costs, failures = (
        tuple(_ticks(state, at + COST) for at in sources),
        tuple(int(state[at + FAILED]) for at in sources),
    )
    end = _ticks(state, own + its.FROM)
    return JobOutcome(end, losses, costs, failures, int(state[own + its.STARTS]), int(state[own + its.SAVES]))


def _ticks(state: Ints, place: int) -> int:
    return int(state[place]) * TICKS + int(state[place + 1])


def _logged(rows: Ints) -> tuple[Logged, ...]:
    order = np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))  # stable: things of a job stay as they happened
    return tuple(Logged(s * TICKS + p, job, Event(event), *rest) for s, p, job, event, *rest in rows[order].tolist())


@njit(error_model="numpy", nogil=True)
def _runs(  # type: ignore[no-untyped-def]
    exact, exact_odds, plan, odds, source_rows, scaled_at, scaled_ticks,
    by_kind, rate, recovery, state, log, seed, first, seconds, counts, costs, failures,
):  # fmt: skip
    """Runs from number `first` on into their rows of the results; -1, or the number of a run that does not end."""
    for run in range(seconds.shape[0]):
        scale(exact, plan, scaled_at, scaled_ticks, by_kind[run])
        scale_odds(exact_odds, odds, source_rows, rate[run], recovery[run])
        if not _one_run(plan, odds, state, log, seed, first + run):
            return first + run
        for job in range(plan[of.JOBS]):
            own = of.STATE_HEADER + job * of.JOB_STATE
            for loss in range(LOSSES):
                seconds[run, job, loss] = _seconds(state, own + its.PRODUCTIVE + 2 * loss)
            seconds[run, job, LOSSES] = _seconds(state, own + its.FROM)
            counts[run, job, 0], counts[run, job, 1] = state[own + its.STARTS], state[own + its.SAVES]
        for source in range(source_rows.shape[0]):
            costs[run, source] = _seconds(state, source_rows[source, 0] + COST)
            failures[run, source] = state[source_rows[source, 0] + FAILED]
    return -1


@njit(error_model="numpy")
def _seconds(state, place):  # type: ignore[no-untyped-def]
    return state[place] + state[place + 1] * 1e-12


@njit(error_model="numpy", nogil=True)
def _one_run(plan, odds, state, log, seed, run):  # type: ignore[no-untyped-def]
    """One run from the beginning to the last `DONE`; False if it has too many events."""
    jobs = plan[of.JOBS]
    for place in range(of.STATE_HEADER + jobs * of.JOB_STATE):
        state[place] = 0
    state[of.SEED], state[of.RUN], state[of.FREE] = seed, run, plan[of.SYSTEMS]
    for job in range(jobs):
        own = of.STATE_HEADER + job * of.JOB_STATE
        state[own + its.PHASE] = its.QUEUED
        put(state, own + its.DUE, NEVER)
    now, changed = (0, 0), True  # systems were freed, or the run begins
    for _ in range(MOST_EVENTS):
        chosen, due = jobs, NEVER  # no number of a job, but an integer as they are: numba compiles anew for a constant
        for job in range(jobs):
            instant = get(state, of.STATE_HEADER + job * of.JOB_STATE + its.DUE)
            if before(instant, due):
                chosen, due = job, instant
        if changed and (chosen == jobs or before(now, due)):
            _begin(plan, odds, state, log, now)
            changed = False
        elif chosen == jobs:
            return True
        else:
            now = due
            job_event(plan, odds, state, log, chosen)
            changed = changed or state[of.STATE_HEADER + chosen * of.JOB_STATE + its.PHASE] == its.OVER
    return False


@njit(error_model="numpy")
def _begin(plan, odds, state, log, now):  # type: ignore[no-untyped-def]
    """Jobs that wait begin as far as systems are free (rule 1)."""
    for job in range(plan[of.JOBS]):
        if state[of.STATE_HEADER + job * of.JOB_STATE + its.PHASE] != its.QUEUED:
            continue
        needs = plan[of.HEADER + job * of.JOB_ROW + of.NEEDS]
        if needs <= state[of.FREE]:
            state[of.FREE] -= needs
            begin_job(plan, odds, state, log, job, now)
        elif not plan[of.BACKFILL]:
            return
