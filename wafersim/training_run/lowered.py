"""A plan lowered to two arrays for compiled code: whole numbers with exact durations, and chances.

Both are rows one after the other: of the jobs, and of each job's stretches, step times, sources and pools. A row holds the
places at which other rows begin, here and in the state of a run. Few arrays, since numba takes long over many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wafersim.training_run.instants import pair
from wafersim.training_run.plan import JobRun, Pool, RunPlan, Source, Stretch

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# The plan begins with its header, then rows of the jobs.
JOBS, SYSTEMS, BACKFILL, HEADER = range(4)
# A job's row: numbers, places (`..._AT`, here; `OWN_...`, in the state), and durations of two places each.
NEEDS, STEPS, ASYNCHRONOUS, KEEP, LAST_SAVE, SOURCES, POOLS, STRETCH_AT, SOURCE_AT, POOL_AT, OWN_CHECKPOINTS = range(11)
INITIAL, RESTART, SWAP, EVALUATE, EVERY, MAINTAIN, SAVE, PAUSE, RESTORE, MEMORY, MEMORY_RESTORE, JOB_ROW = range(
    11, 35, 2
)
# A stretch's row, one of the step times (two places each), of a source, of a pool.
ENDS_AT, SAVE_EVERY, MEMORY_EVERY, EVALUATE_EVERY, STEP_AT, STALL, _, STRETCH_ROW = range(8)
STRIKES, UNITS, REMOVED, BACK, POOL, TAKES, BURST_UNITS, OWN_ROW, OWN_CLOCKS, ODDS_AT, SOURCE_ROW = range(11)
MAY_MISS, OWN_POOL, OWN_REPAIRS, SPARES, POOL_ROW = range(5)
# The chances: of a start to fail, by job; then rows of the sources.
MEAN, SHAPE, DETECTION, DETECTION_SIGMA, REPAIR, REPAIR_SIGMA, LATENCY, BURST_SHARE, LOSES_MEMORY, ODDS_ROW = range(10)

# The state of a run has a header, too, and then as many rows for jobs, sources and pools.
SEED, RUN, FREE, LOGGED, STORE, _, STATE_HEADER = range(7)
JOB_STATE, SOURCE_STATE, POOL_STATE, CHECKPOINT, CLOCK = 60, 6, 3, 5, 3  # widths of its rows
IN_REPAIR_AT_ONCE = 64  # units that one failure takes at most; the numbers of a repair's draws are 64 n + unit

STEP_KIND, SAVING_KIND, STARTUP_KIND = range(3)  # of durations that `factors` scale
SCALED = {INITIAL: STARTUP_KIND, RESTART: STARTUP_KIND} | dict.fromkeys(range(SAVE, JOB_ROW, 2), SAVING_KIND)


@dataclass(frozen=True)
class Lowered:
    """A plan in arrays."""

    plan: Ints
    odds: Floats
    size: int  # of the state of a run
    source_rows: Ints  # (sources, 2) where each source's row begins in the state and in `odds`, job by job
    scaled_at: Ints  # (durations that can be scaled, 2) where they are in the plan, and of which kind
    scaled_ticks: Floats  # the nearest doubles of their ticks


@dataclass
class _Rows:
    """Rows as they are written; `own` is the place in the state that is free next."""

    own: int
    ints: list[int] = field(default_factory=list)
    scaled: list[tuple[int, int, int]] = field(default_factory=list)

    def write(self, row: Iterable[int]) -> int:
        """Appends a row; its place."""
        at = len(self.ints)
        self.ints.extend(int(number) for number in row)
        return at

    def reserve(self, size: int) -> int:
        """Takes places in the state; the first of them."""
        at = self.own
        self.own += size
        return at


def lowered(plan: RunPlan) -> Lowered:
    """The arrays of a plan, which `bounds.checked` has let pass."""
    jobs, sources = plan.jobs, [source for job in plan.jobs for source in job.sources]
    rows = _Rows(STATE_HEADER + len(jobs) * JOB_STATE)
    rows.write([len(jobs), plan.systems, plan.backfill])
    rows.write([0] * (len(jobs) * JOB_ROW))
    odds_at, source_rows = len(jobs), []
    for number, job in enumerate(jobs):
        places, own = _parts(rows, job, odds_at)
        source_rows += [(at, odds_at + i * ODDS_ROW) for i, at in enumerate(own)]
        odds_at += len(job.sources) * ODDS_ROW
        at = HEADER + number * JOB_ROW
        durations = durations_of(job)
        rows.ints[at : at + JOB_ROW] = [*_numbers(job), *places, *(x for ticks in durations for x in pair(ticks))]
        rows.scaled += [(at + column, kind, durations[(column - INITIAL) // 2]) for column, kind in SCALED.items()]
    odds = [job.restart_fails for job in jobs] + [chance for source in sources for chance in _odds(source)]
    return Lowered(
        np.array(rows.ints, np.int64),
        np.array(odds, np.float64),
        rows.own,
        np.array(source_rows, np.int64).reshape(-1, 2),
        np.array([entry[:2] for entry in rows.scaled], np.int64),
        np.array([entry[2] for entry in rows.scaled], np.float64),
    )


def durations_of(job: JobRun) -> tuple[int, ...]:
    """Ticks in the order of the columns INITIAL ... MEMORY_RESTORE."""
    saving = job.saving
    own = job.initial_ticks, job.restart_ticks, job.swap_ticks, job.evaluate_ticks
    rests = job.maintenance_every_ticks, job.maintenance_ticks
    store = saving.save_ticks, saving.pause_ticks, saving.restore_ticks
    return *own, *rests, *store, saving.memory_ticks, saving.memory_restore_ticks


def _numbers(job: JobRun) -> list[int]:
    saves = any(stretch.save_every for stretch in job.stretches)
    kinds = [job.saving.mode == "asynchronous", job.saving.keep, saves]
    return [job.needs, job.steps, *kinds, len(job.sources), len(job.pools)]


def _parts(rows: _Rows, job: JobRun, odds_at: int) -> tuple[list[int], list[int]]:
    """Writes the rows of a job's parts; the places STRETCH_AT ... OWN_CHECKPOINTS, and its sources' rows in the state."""
    step_at = [_step_times(rows, stretch) for stretch in job.stretches]
    done = np.cumsum([stretch.steps for stretch in job.stretches]).tolist()
    first_stretch = len(rows.ints)
    for stretch, ends, at in zip(job.stretches, done, step_at, strict=True):
        every = [stretch.save_every, stretch.memory_every, stretch.evaluate_every]
        rows.write([ends, *every, at, *pair(stretch.stall_ticks)])
    pool_at = [_pool(rows, pool) for pool in job.pools]
    first_source, own = len(rows.ints), [rows.reserve(SOURCE_STATE) for _ in job.sources]
    for number, source in enumerate(job.sources):
        clocks = rows.reserve(source.units * CLOCK) if source.shape != 1.0 else -1
        pool = pool_at[source.pool] if source.pool >= 0 else -1
        taken = [pool, source.takes, source.burst_units]
        kind = [source.strikes, source.units, source.removed, source.back_steps]
        rows.write([*kind, *taken, own[number], clocks, odds_at + number * ODDS_ROW])
    checkpoints = rows.reserve((job.saving.keep + 2) * CHECKPOINT)  # one in memory, one being written
    return [first_stretch, first_source, pool_at[0] if pool_at else -1, checkpoints], own


def _step_times(rows: _Rows, stretch: Stretch) -> int:
    first = len(rows.ints)
    for ticks in stretch.step_ticks:
        rows.scaled.append((rows.write(pair(ticks)), STEP_KIND, ticks))
    return first


def _pool(rows: _Rows, pool: Pool) -> int:
    own = rows.reserve(POOL_STATE)
    repairs = rows.reserve(2 * (pool.spares + pool.may_miss + IN_REPAIR_AT_ONCE))
    return rows.write([pool.may_miss, own, repairs, pool.spares])


def _odds(source: Source) -> list[float]:
    waits = [source.detection.mean_s, source.detection.sigma, source.repair.mean_s, source.repair.sigma]
    return [source.mean_s, source.shape, *waits, source.latency_s, source.burst_share, source.loses_memory]
