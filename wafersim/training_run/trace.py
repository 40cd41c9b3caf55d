"""One job of a run over time, read from the log of an `Outcome`: what it was doing, its progress, and what struck it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wafersim.training_run.plan import Event, JobRun, Logged, Loss

UNTIL = {
    Event.BEGIN: Loss.INITIALIZATION,
    Event.STARTED: Loss.PRODUCTIVE,
    Event.SAVE: Loss.CHECKPOINT_SAVE,
    Event.SAVED: Loss.PRODUCTIVE,
    Event.FAILED: Loss.RECOVERY,
    Event.FOUND: Loss.RECOVERY,
    Event.MAINTENANCE: Loss.MAINTENANCE,
    Event.DOWN_ENDS: Loss.PROGRAM_STARTUP,
    Event.EXPANDS: Loss.PROGRAM_STARTUP,
}
"""What a job does from an event on. Restores are part of later starts here, and steps in vain are steps."""
STRIKES = (Event.FAILED, Event.CORRUPTED, Event.FOUND)


@dataclass(frozen=True)
class Span:
    """Ticks in which a job does one thing."""

    start_ticks: int
    end_ticks: int
    loss: Loss


@dataclass(frozen=True)
class Strike:
    """A failure, or a corruption when it comes about and when it is found; `cause` is its source's."""

    ticks: int
    event: Event
    cause: str


@dataclass(frozen=True)
class Trace:
    """`progress` holds (ticks, steps done), straight between two of them; it falls where a start goes back to a checkpoint.

    `ideal` holds the same of a job that does nothing but steps, from the same beginning.
    """

    spans: tuple[Span, ...]
    progress: tuple[tuple[int, int], ...]
    strikes: tuple[Strike, ...]
    ideal: tuple[tuple[int, int], ...]

    @property
    def steps(self) -> int:
        """Of the whole job."""
        return self.ideal[-1][1]

    @property
    def end_ticks(self) -> int:
        """When the job is done."""
        return self.spans[-1].end_ticks

    def ticks(self, loss: Loss) -> int:
        """Spent on one thing."""
        return sum(span.end_ticks - span.start_ticks for span in self.spans if span.loss is loss)


def trace_of(job: JobRun, log: Sequence[Logged], number: int = 0) -> Trace:
    """The trace of the job of that number in its plan. Its spans follow each other without a gap from 0 to its end."""
    drawn = _Drawn()
    for entry in log:
        if entry.job != number:
            continue
        if entry.event in STRIKES:
            drawn.strikes.append(Strike(entry.ticks, entry.event, job.sources[entry.source].cause))
        if entry.event is Event.KEPT:
            drawn.ended(entry, job.saving.memory_ticks, Loss.CHECKPOINT_SAVE)
        elif entry.event is Event.EVALUATED:
            drawn.ended(entry, job.evaluate_ticks, Loss.EVALUATION)
        elif entry.event is Event.DONE:
            drawn.changes(entry, Loss.WAITING)
        elif entry.event in UNTIL:
            first = entry.event is Event.DOWN_ENDS and not drawn.started
            drawn.changes(entry, Loss.INITIALIZATION if first else UNTIL[entry.event])
    return Trace(tuple(drawn.spans), tuple(drawn.progress), tuple(drawn.strikes), tuple(_ideal(job)))


def _ideal(job: JobRun) -> list[tuple[int, int]]:
    points = [(0, 0)]
    for stretch in job.stretches:
        ticks, steps = points[-1]
        points.append((ticks + stretch.steps * stretch.step_ticks[0], steps + stretch.steps))
    return points


class _Drawn:
    """A trace that is being drawn."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.progress: list[tuple[int, int]] = [(0, 0)]
        self.strikes: list[Strike] = []
        self.doing = Loss.WAITING
        self.since = 0
        self.started = False

    def changes(self, entry: Logged, to: Loss) -> None:
        """From here on the job does something else."""
        self._until(entry.ticks, entry.step if self.doing is Loss.PRODUCTIVE else None)
        if to is Loss.PRODUCTIVE:
            self.started = True
            self.progress += [(entry.ticks, self.progress[-1][1]), (entry.ticks, entry.step)]
        self.doing = to

    def ended(self, entry: Logged, ticks: int, loss: Loss) -> None:
        """What is only logged at its end took so many ticks of what the job seemed to train."""
        self._until(entry.ticks - ticks, entry.step)
        self.doing = loss
        self._until(entry.ticks, None)
        self.progress.append((entry.ticks, entry.step))
        self.doing = Loss.PRODUCTIVE

    def _until(self, ticks: int, step: int | None) -> None:
        if ticks > self.since:
            self.spans.append(Span(self.since, ticks, self.doing))
        if step is not None:
            self.progress.append((ticks, step))
        self.since = ticks
