"""The best interval between a job's saves: what stops the job, made of its sources, put into the closed forms of `intervals`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wafersim.training_run.draws import TICKS
from wafersim.training_run.intervals import (
    Save,
    Stops,
    best_interval_s,
    recovery_with_failed_starts,
    slowdown,
    waste,
)
from wafersim.training_run.plan import JobRun, Source, Stretch, Strikes
from wafersim.training_run.renewal import expected_failures


@dataclass(frozen=True)
class Interval:
    """The best interval between saves to the store: seconds of training, and steps of each stretch.

    `save` and `stops` are what it was found from; `memory_waste` is what saves in memory and the failures after which they are
    read cost beside, whatever the interval.
    """

    seconds: float
    steps: tuple[int, ...]
    save: Save
    stops: Stops
    memory_waste: float = 0.0

    def waste(self, factor: float = 1.0) -> float:
        """Share of the time that goes into saves, failures and what they undo, at so many times the best interval."""
        return self.waste_at(factor * self.seconds)

    def waste_at(self, interval_s: float) -> float:
        """The same at any interval."""
        return 1 - (1 - waste(interval_s, self.save, self.stops)) * (1 - self.memory_waste)


def best_interval(job: JobRun) -> Interval | None:
    """The interval of the least waste; None where nothing stops the job, which then needs no saves.

    Exact for failures that are exponential, with repairs that take their mean and spares that are there; Weibull sources and
    units that are removed count with their mean rate over the run, and the wait for a store that is busy with other jobs' or
    dropped writes is left out. With saves in memory the store serves the failures that lose them, to first order.
    """
    stops = stops_of(job, in_memory=False)
    if math.isinf(stops.mtbf_s):
        return None
    save = save_of(job)
    seconds = best_interval_s(save, stops.mtbf_s)
    lengths = [step_seconds(job, stretch) for stretch in job.stretches]
    steps = tuple(_whole_steps(seconds, length, job.steps, save, stops) for length in lengths)
    return Interval(max(seconds, min(lengths)), steps, save, stops, _memory_waste(job))


def save_of(job: JobRun) -> Save:
    """A save to the store with nobody in front."""
    saving = job.saving
    if saving.mode == "blocking":
        return Save(saving.save_ticks / TICKS)
    return Save(saving.pause_ticks / TICKS, saving.save_ticks / TICKS)


def step_seconds(job: JobRun, stretch: Stretch) -> float:
    """From a step to the next with all units there: step, stall, and the step's part of evaluations and saves in memory."""
    ticks = float(stretch.whole_ticks)
    if stretch.evaluate_every:
        ticks += job.evaluate_ticks / stretch.evaluate_every
    if stretch.memory_every:
        ticks += job.saving.memory_ticks / stretch.memory_every
    return ticks / TICKS


def stops_of(job: JobRun, in_memory: bool) -> Stops:
    """What stops a job and sends it back to the memory (of jobs that save there) or to the store: rates added, means weighted.

    A spike goes back some steps further and a corruption is found later: both lose work as a longer recovery would. So the
    store is taken to keep a checkpoint from before it.
    """
    rate = down = further = 0.0
    work, step = _work(job)
    for source in job.sources:
        share = _share(job, source, in_memory)
        failures = expected_failures(source, work)
        if share == 0 or failures == 0:
            continue
        gap = work / failures
        late = source.latency_s if source.strikes is Strikes.CORRUPT else 0.0
        often = share / (gap + late)
        rate += often
        down += often * down_seconds(job, source)
        further += often * (late + source.back_steps * step)
    if rate == 0:
        return Stops(math.inf)
    restore = job.saving.memory_restore_ticks if in_memory else job.saving.restore_ticks
    recovery = recovery_with_failed_starts((job.restart_ticks + restore) / TICKS, job.restart_fails, 1 / rate)
    return Stops(1 / rate, down / rate, recovery + further / rate)


def down_seconds(job: JobRun, source: Source) -> float:
    """Mean time for which a job is down after a failure, as long as spares last: detection, and a swap or a repair."""
    if source.pool < 0:
        return source.detection.mean_s + source.repair.mean_s
    pool = job.pools[source.pool]
    if pool.spares >= source.takes:
        return source.detection.mean_s + job.swap_ticks / TICKS
    if source.takes - pool.spares <= pool.may_miss:
        return source.detection.mean_s
    return source.detection.mean_s + source.repair.mean_s


def _work(job: JobRun) -> tuple[float, float]:
    """(seconds of all steps, seconds of the step that a failure strikes in the mean)."""
    lengths = [(stretch.steps, step_seconds(job, stretch)) for stretch in job.stretches]
    whole = sum(steps * each for steps, each in lengths)
    return whole, sum(steps * each * each for steps, each in lengths) / whole


def _share(job: JobRun, source: Source, in_memory: bool) -> float:
    """Share of a source's failures after which the memory, or else the store, is read."""
    if not any(stretch.memory_every for stretch in job.stretches):
        return 0.0 if in_memory else 1.0
    lost = source.loses_memory if source.strikes is Strikes.STOP else 1.0  # a roll-back goes behind what is in memory
    return 1 - lost if in_memory else lost


def _memory_waste(job: JobRun) -> float:
    """Waste of saves in memory and of the failures that leave them whole, with the steps of the first stretch that makes them."""
    stretch = next((stretch for stretch in job.stretches if stretch.memory_every), None)
    if stretch is None:
        return 0.0
    between = stretch.memory_every * stretch.whole_ticks / TICKS
    return waste(between, Save(job.saving.memory_ticks / TICKS), stops_of(job, in_memory=True))


def _whole_steps(seconds: float, length: float, most: int, save: Save, stops: Stops) -> int:
    """The better of the whole numbers of steps about an interval, from 1 up to all steps of the job."""
    below = min(most, max(1, math.floor(seconds / length)))
    return min((below, min(most, below + 1)), key=lambda steps: slowdown(steps * length, save, stops))
