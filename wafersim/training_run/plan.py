"""What a whole training run does, as both of its engines read it: steps, saves, sources of failures, recovery, maintenance.

All durations are whole ticks of 1 ps (`timeline.clock`) in Python's unbounded integers, so a run may take longer than int64
holds. What chance decides is given by its mean in seconds and drawn by `training_run.draws`. docs/whole_runs.md tells, rule by
rule, what happens; the reference (`processes`, SimPy) and the compiled twin (`compiled`) are written from that page and agree
event for event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

SaveMode = Literal["blocking", "asynchronous"]


class Strikes(IntEnum):
    """What a failure does to a job."""

    STOP = 0  # it crashes or hangs: all since the last checkpoint is lost
    CORRUPT = 1  # it computes on wrongly and is found out later
    SPIKE = 2  # the loss diverges: back to a checkpoint some steps earlier


class Loss(IntEnum):
    """Where the time of a run goes, in the terms of ml-goodput-measurement where it has one; they add up to the tick."""

    PRODUCTIVE = 0
    DATA_LOADING = 1
    INITIALIZATION = 2  # the first start: compile, weights, devices, workers
    PROGRAM_STARTUP = 3  # every later start
    CHECKPOINT_SAVE = 4
    CHECKPOINT_RESTORE = 5
    WASTED_PROGRESS = 6  # steps, and parts of steps, saves and evaluations, that were done in vain
    RECOVERY = 7  # noticing, diagnosing, waiting for a unit or for the queue
    EVALUATION = 8
    MAINTENANCE = 9
    WAITING = 10  # for systems, before the job begins


class Event(IntEnum):
    """What the log of a run tells, each with the time at which it happens."""

    BEGIN = 0  # the job has its systems
    STARTED = 1  # the program runs, from a step
    SAVE = 2  # training stops for a save
    SAVED = 3  # training goes on
    DURABLE = 4  # a checkpoint is complete in the store
    KEPT = 5  # a checkpoint is complete in memory
    EVALUATED = 6
    FAILED = 7
    CORRUPTED = 8
    FOUND = 9  # a corruption is found
    DOWN_ENDS = 10  # the job may start again
    START_FAILED = 11
    MAINTENANCE = 12
    EXPANDS = 13  # it stops for a unit that has come back
    DONE = 14


@dataclass(frozen=True)
class Stretch:
    """Steps one after the other that are alike. `step_ticks[m]` is a step's time with m units missing, m up to what may be
    missing; `stall_ticks` of each step waits for input. A save or an evaluation falls due when the number of steps done in the
    whole job is a multiple of its `..._every` (0: never)."""

    steps: int
    step_ticks: tuple[int, ...]
    stall_ticks: int = 0
    save_every: int = 0
    memory_every: int = 0
    evaluate_every: int = 0

    @property
    def whole_ticks(self) -> int:
        """Of a step with all units there, its wait for input included."""
        return self.step_ticks[0] + self.stall_ticks


@dataclass(frozen=True)
class Wait:
    """A duration that chance decides: log-normal of this mean in seconds and sigma of the logarithm; sigma 0 is fixed."""

    mean_s: float
    sigma: float = 0.0


@dataclass(frozen=True)
class Source:
    """What fails, how often, and what it does. Clocks run while the job's systems work, not while it is down.

    `units` fail independently, each after `mean_s` seconds of work in the mean; `shape` is Weibull's k of the gaps of one unit
    (1: exponential, and the units are then drawn as one clock). `removed`: a unit that failed does not come back, as a bad node
    that is found and returned. `burst_share` of the failures take `burst_units` units of the pool at once instead of `takes`.
    """

    cause: str
    strikes: Strikes
    units: int
    mean_s: float
    shape: float = 1.0
    removed: bool = False
    detection: Wait = Wait(0.0)  # until the job is stopped and the reason known
    repair: Wait = Wait(
        0.0
    )  # until a unit that was taken is back; in place, with the job waiting, where there is no pool
    latency_s: float = 0.0  # mean of the exponential time of work until a corruption is found
    back_steps: int = 0  # of a spike: how many steps before it a checkpoint has to be
    pool: int = -1  # whose unit it takes out of the job; -1: nobody's
    takes: int = 1
    burst_share: float = 0.0
    burst_units: int = 1
    loses_memory: float = 0.0  # share of the failures that lose what is saved in memory


@dataclass(frozen=True)
class Pool:
    """Units of which a job needs all but `may_miss`, and spares that stand by."""

    spares: int
    may_miss: int = 0


@dataclass(frozen=True)
class Saving:
    """How checkpoints are written and read. Times of the store are those of its service; other jobs may be in front."""

    mode: SaveMode = "blocking"
    save_ticks: int = 0
    pause_ticks: int = 0  # of an asynchronous save, until training goes on
    restore_ticks: int = 0
    memory_ticks: int = 0  # of a save in memory; training stops
    memory_restore_ticks: int = 0
    keep: int = 2  # checkpoints in the store, the newest ones; at most 4096


@dataclass(frozen=True)
class JobRun:
    """One job. `initial_ticks` is its first start; every later one takes `restart_ticks` and a restore."""

    name: str
    stretches: tuple[Stretch, ...]
    needs: int = 1  # systems that it holds from beginning to end
    initial_ticks: int = 0
    restart_ticks: int = 0
    restart_fails: float = 0.0  # share of starts after a failure that fail at their end and are tried again
    swap_ticks: int = 0  # until a spare is in place
    evaluate_ticks: int = 0
    maintenance_every_ticks: int = 0  # from one to the next, of the calendar; 0: none
    maintenance_ticks: int = 0
    saving: Saving = Saving()
    pools: tuple[Pool, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def steps(self) -> int:
        """Of the whole job."""
        return sum(stretch.steps for stretch in self.stretches)

    def saving_every(self, steps: Sequence[int]) -> JobRun:
        """The same job with a save to the store after so many steps of each stretch; 0: none."""
        stretches = (replace(stretch, save_every=each) for stretch, each in zip(self.stretches, steps, strict=True))
        return replace(self, stretches=tuple(stretches))


@dataclass(frozen=True)
class RunPlan:
    """Jobs that wait in order for the systems they need and write to one store, which serves one after the other."""

    jobs: tuple[JobRun, ...]
    systems: int = 1
    backfill: bool = True  # a job that fits begins before an earlier one that does not

    def with_job(self, number: int, job: JobRun) -> RunPlan:
        """The same plan with another job in the place of that number."""
        return replace(self, jobs=(*self.jobs[:number], job, *self.jobs[number + 1 :]))


@dataclass(frozen=True)
class Logged:
    """An event: job by number, steps done in it, source by number (-1: none)."""

    ticks: int
    job: int
    event: Event
    step: int
    source: int = -1


@dataclass(frozen=True)
class JobOutcome:
    """What became of one job, in ticks: its end, the time that went into each `Loss`, and the time that each source cost."""

    end_ticks: int
    losses: tuple[int, ...]  # by Loss; they add up to the end
    by_source: tuple[int, ...]  # wasted, restore, start-up and recovery that each source caused
    failures: tuple[int, ...]  # by source
    starts: int
    saves: int


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    jobs: tuple[JobOutcome, ...]
    log: tuple[Logged, ...] = field(default=(), compare=False)

    @property
    def end_ticks(self) -> int:
        """When the last job is done."""
        return max(job.end_ticks for job in self.jobs)
