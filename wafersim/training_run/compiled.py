"""The compiled twin of the reference: the same events as a loop over arrays, written from docs/whole_runs.md.

`run_compiled` does one run with its log; `run_many` thousands, on all cores, with the same bits whatever their number: every
run has random numbers of its own. The cores are those of threads, which leave Python alone while they run machine code.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wafersim.compiled import inner, njit
from wafersim.errors import WafersimError
from wafersim.training_run import compiled_state as its
from wafersim.training_run import lowered as of
from wafersim.training_run.bounds import checked, within
from wafersim.training_run.compiled_clocks import COST, FAILED
from wafersim.training_run.compiled_job import begin_job, job_event
from wafersim.training_run.draws import TICKS
from wafersim.training_run.factors import Factors, checked_factors, rows_of, scale, scale_odds
from wafersim.training_run.instants import NEVER, before, get, put
from wafersim.training_run.lowered import Floats, Ints, Lowered, lowered
from wafersim.training_run.plan import Event, JobOutcome, Logged, Loss, Outcome, RunPlan

MOST_EVENTS = 2_000_000  # of a run; a month of hourly saves has about 2,000
STUCK = "failures or maintenance leave it hardly a step between two starts; save more often, fail less often, or start faster"
YEAR = 365.25 * 86_400.0  # seconds
ENDLESS_S = 9e18  # seconds that no run lasts
BLOCK = 50  # runs: of so many a tenth may pass that number, and are then as long as they have lasted
FIRST_LOG = 4096  # entries; a longer log is made in a second pass
LOSSES = len(Loss)
MOST_RUNS = 10_000_000  # times jobs and sources: about 1 GB of results


@dataclass(frozen=True)
class Outcomes:
    """What became of many runs of a plan with J jobs and S sources (job by job); times in seconds.

    Of the `unfinished`, which had 2,000,000 events and were given up, times and counts are those until then: they last longer.
    """

    end_s: Floats  # (runs, J)
    losses_s: Floats  # (runs, J, len(Loss)); they add up to the end
    by_source_s: Floats  # (runs, S)
    failures: Ints  # (runs, S)
    starts: Ints  # (runs, J)
    saves: Ints  # (runs, J)
    unfinished: NDArray[np.bool_]  # (runs,)


def run_compiled(plan: RunPlan, seed: int, run: int = 0, log: bool = True) -> Outcome:
    """What becomes of run number `run` of a plan, exactly; with its events, in order of time, job and happening.

    `WafersimError` where a bound of `bounds` or 2,000,000 events are passed.
    """
    arrays = lowered(checked(plan))
    events = np.zeros((FIRST_LOG if log else 0, 6), np.int64)
    factors = checked_factors(None, 1, len(arrays.source_rows))
    state = _simulated(arrays, factors, seed, run, _room(arrays, 1), events)
    count = int(state[of.LOGGED])
    if log and count > FIRST_LOG:
        events = np.zeros((count, 6), np.int64)
        _simulated(arrays, factors, seed, run, _room(arrays, 1), events)
    outcomes = tuple(_outcome(arrays, state, job) for job in range(len(plan.jobs)))
    return Outcome(outcomes, _logged(events[:count]))


def run_many(
    plan: RunPlan, seed: int, runs: int, factors: Factors | None = None, threads: int | None = None,
    longest_s: float = ENDLESS_S,
) -> Outcomes:  # fmt: skip
    """What becomes of runs 0 to `runs` - 1, run i of the plan scaled by row i of the factors; on all cores, or so many.

    A run that is not over after `longest_s` or 2,000,000 events is given up. `WafersimError` where these are more than a tenth
    of some 50 runs: such a job does not get on at all.
    """
    prepared = Prepared.of(plan, seed, runs, factors, longest_s)
    room, blocks = _room(prepared.arrays, runs), prepared.blocks
    workers = max(1, min(threads or len(os.sched_getaffinity(0)), blocks))
    parts = min(4 * workers, blocks)
    edges = [min(runs, blocks * number // parts * BLOCK) for number in range(parts + 1)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda first, last: prepared.fill(room, first, last), edges[:-1], edges[1:]))
    return _outcomes(room)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Runs 0 to `runs` - 1 of a plan as arrays; a block of them can be simulated alone, with the bits that it has among all."""

    arrays: Lowered
    factors: Factors  # rows of runs
    seed: int
    runs: int
    longest_s: float

    @classmethod
    def of(cls, plan: RunPlan, seed: int, runs: int, factors: Factors | None, longest_s: float = ENDLESS_S) -> Prepared:
        """`WafersimError` where a bound is passed."""
        arrays = lowered(checked(plan))
        within("runs", runs, 1, MOST_RUNS // (len(plan.jobs) + len(arrays.source_rows)))
        return cls(arrays, checked_factors(factors, runs, len(arrays.source_rows)), seed, runs, longest_s)

    @property
    def blocks(self) -> int:
        """Of so many runs each, but for the last."""
        return -(-self.runs // BLOCK)

    def block(self, number: int) -> Room:
        """The rows of one block; `WafersimError` as of `run_many`."""
        first, last = number * BLOCK, min(self.runs, (number + 1) * BLOCK)
        room = _room(self.arrays, last - first)
        self._simulate(room, first, last)
        return room

    def fill(self, room: Room, first: int, last: int) -> None:
        """Simulate whole blocks into their rows of a room for all runs."""
        self._simulate(tuple(column[first:last] for column in room), first, last)

    def _simulate(self, rows: Room, first: int, last: int) -> None:
        no_log = np.zeros((0, 6), np.int64)
        factors = rows_of(self.factors, slice(first, last))
        _simulated(self.arrays, factors, self.seed, first, rows, no_log, self.longest_s)


def joined(blocks: Sequence[Room]) -> Outcomes:
    """What becomes of all runs, of their blocks in order: as `run_many` has it, to the layout in memory."""
    return _outcomes(tuple(np.concatenate(column) for column in zip(*blocks, strict=True)))


Room = tuple[
    NDArray[Any], ...
]  # seconds by loss and in all, starts and saves (both by job); costs, failures (by source); whether a run was given up


def _outcomes(room: Room) -> Outcomes:
    seconds, counts, costs, failures, unfinished = room
    ends, losses = seconds[:, :, LOSSES], seconds[:, :, :LOSSES]
    return Outcomes(ends, losses, costs, failures, counts[:, :, 0], counts[:, :, 1], unfinished)


def _room(arrays: Lowered, runs: int) -> Room:
    jobs, sources = int(arrays.plan[of.JOBS]), len(arrays.source_rows)
    by_job = np.zeros((runs, jobs, LOSSES + 1)), np.zeros((runs, jobs, 2), np.int64)
    by_source = np.zeros((runs, sources)), np.zeros((runs, sources), np.int64)
    return *by_job, *by_source, np.zeros(runs, np.bool_)


def _simulated(
    arrays: Lowered, factors: Factors, seed: int, first: int, room: Room, log: Ints, longest_s: float = ENDLESS_S
) -> Ints:
    """Fills the rows of runs from number `first` on, and the log; the state after the last of them."""
    state, plan, odds = np.zeros(arrays.size, np.int64), arrays.plan.copy(), arrays.odds.copy()
    kinds = {of.STEP_KIND: factors.step, of.SAVING_KIND: factors.saving, of.STARTUP_KIND: factors.startup}
    by_kind = np.stack([kinds[kind] for kind in range(len(kinds))], axis=1)
    stuck = _runs(
        arrays.plan, arrays.odds, plan, odds, arrays.source_rows, arrays.scaled_at, arrays.scaled_ticks,
        by_kind, factors.rate, factors.recovery, state, log, seed, first, longest_s, *room,
    )  # fmt: skip
    if stuck >= 0:
        raise WafersimError(
            f"run {stuck} has more than {MOST_EVENTS:,} events and is given up: {STUCK}"
            if longest_s == ENDLESS_S
            else f"run {stuck} is not over after {longest_s / YEAR:,.0f} years and is given up: {STUCK}"
        )
    return state


def _outcome(arrays: Lowered, state: Ints, job: int) -> JobOutcome:
    own = of.STATE_HEADER + job * of.JOB_STATE
    source = int(arrays.plan[of.HEADER + job * of.JOB_ROW + of.SOURCE_AT])
    count = int(arrays.plan[of.HEADER + job * of.JOB_ROW + of.SOURCES])
    sources = [int(arrays.plan[source + number * of.SOURCE_ROW + of.OWN_ROW]) for number in range(count)]
    losses = tuple(_ticks(state, own + its.PRODUCTIVE + 2 * loss) for loss in range(LOSSES))
    costs = tuple(_ticks(state, at + COST) for at in sources)
    failures = tuple(int(state[at + FAILED]) for at in sources)
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
    by_kind, rate, recovery, state, log, seed, first, longest_s, seconds, counts, costs, failures, unfinished,
):  # fmt: skip
    """Runs from number `first` on, which begins a block, into their rows of the results.

    -1, or the number of a run that does not end, where more than a tenth of its block do not.
    """
    stuck, runs = 0, seconds.shape[0]
    for run in range(runs):
        if run % BLOCK == 0:
            stuck = 0
        scale(exact, plan, scaled_at, scaled_ticks, by_kind[run])
        scale_odds(exact_odds, odds, source_rows, rate[run], recovery[run])
        unfinished[run] = not _one_run(plan, odds, state, log, seed, first + run, longest_s)
        if unfinished[run]:
            stuck += 1
            if 10 * stuck > min(BLOCK, runs - run // BLOCK * BLOCK):
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


@inner(error_model="numpy")
def _seconds(state, place):  # type: ignore[no-untyped-def]
    return state[place] + state[place + 1] * 1e-12


@inner(error_model="numpy")
def _one_run(plan, odds, state, log, seed, run, longest_s):  # type: ignore[no-untyped-def]
    """One run from the beginning to the last `DONE`; False if it has too many events or takes too long."""
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
            if now[0] > longest_s:
                return False
            job_event(plan, odds, state, log, chosen)
            changed = changed or state[of.STATE_HEADER + chosen * of.JOB_STATE + its.PHASE] == its.OVER
    return False


@inner(error_model="numpy")
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
