"""The neighbourhood of a point: a small grid of simulated points around it, for a page with dials that has no simulator.

Chips, two numbers of the machine and the batch go from a quarter to four times what they are, in powers of two, as far as the
point runs there. Every point of the grid is simulated, choices and all, without its interval; between them a value is
interpolated linearly in logarithms, and nothing is said beyond them or beside a corner that cannot run. How dense the grid is
follows from the work of the point itself, never from a clock, so that the same point has the same neighbourhood everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import log, prod, sqrt

from wafersim.errors import WafersimError
from wafersim.inputs.machine import numbers, scaled
from wafersim.metrics.prediction import Prediction
from wafersim.planning.dials import Corner, Held, Neighbourhood, Turned
from wafersim.planning.sweep import PointResult
from wafersim.simulation import Simulated, jobs_of, simulate_run
from wafersim.strategies.job import Job, grained
from wafersim.strategies.registry import strategy_of

FARTHEST = 4  # powers of two on each side, where the other side has fewer
BUDGET = 2.0  # CPU seconds of a neighbourhood
# Seconds of a point and of each task of its steps; measured 2026-11-26, 18 shipped experiments.
FIXED, EACH_TASK = 4e-3, 0.9e-6
# Times as long where a split is searched, where a micro-batch is chosen; likewise.
SEARCHED, CHOSEN = (5.0, 10.0), (2.0, 2.0)
DENSITIES = (  # values of chips, first and second number of the machine, batch: the first that the budget holds
    (5, 5, 5, 5), (5, 5, 3, 5), (5, 3, 3, 5), (5, 3, 3, 3), (3, 3, 3, 3), (3, 3, 1, 3), (3, 1, 1, 3), (3, 1, 1, 1),
)  # fmt: skip


def neighbourhood(result: PointResult) -> Neighbourhood:
    """Of a point that runs. The tokens of its run stay what they are; a batch that is stated for one chip goes with the chips."""
    assert result.simulated is not None, "a point that cannot run has no neighbourhood"
    return _Search(jobs_of(result.point.experiment), result.simulated).found


class _Search:
    """The points around one, each simulated once: a setting is a factor by dial, in the order of the dials."""

    def __init__(self, jobs: Sequence[Job], simulated: Simulated) -> None:
        self._jobs, self._simulated = jobs, simulated
        self._last = jobs[-1]
        self._words = strategy_of(self._last.kind).words
        there = {path for path, _, _ in numbers(self._last.machine)}
        self._machine = [
            replace(dial, paths=tuple(path for path in dial.paths if path in there)) for dial in self._words.dials
        ]
        self._known = {(1.0,) * (2 + len(self._machine)): _corner(simulated.prediction)}

    @cached_property
    def found(self) -> Neighbourhood:
        """Dials as far as the point runs along each, then every point of their grid."""
        dense = self._density
        found = [self._along(axis, most) for axis, most in enumerate(dense)]
        kept = [axis for axis, along in enumerate(found) if len(along.factors) > 1]
        grid = product(*(along.factors if axis in kept else (1.0,) for axis, along in enumerate(found)))
        fixed = self._fixed([(axis, along) for axis, along in enumerate(found) if axis not in kept], dense)
        tokens = sum(job.training.tokens for job in self._jobs)
        dials = tuple(self._dial(axis, found[axis]) for axis in kept)
        whole = Neighbourhood(dials, tuple(map(self._point, grid)), tokens, tuple(fixed))
        return replace(whole, held=self._held(whole, kept))

    def _held(self, found: Neighbourhood, axes: Sequence[int]) -> Held:
        """Each is one more simulation."""
        setting, offs, refused = [dial.values[dial.at] for dial in found.dials], list[float](), 0
        for place, (axis, dial) in enumerate(zip(axes, found.dials, strict=True)):
            for near in dial.values[max(0, dial.at - 1) : dial.at + 2]:
                value = sqrt(near * dial.values[dial.at])
                value = float(round(value)) if self._counts(axis) else value
                if value in dial.values:  # the point itself, or nothing whole lies between
                    continue
                between = [value if at == place else each for at, each in enumerate(setting)]
                reading = found.at(between).values["step_time_s"]
                simulated = self._point(self._one(axis, value / self._now(axis))).step_time_s
                if simulated is None or reading is None:
                    refused += 1
                else:
                    offs.append(abs(reading / simulated - 1))
        return Held(len(offs), max(offs, default=0.0), refused)

    def _one(self, axis: int, factor: float) -> tuple[float, ...]:
        """The setting of one dial, all else as it is."""
        return tuple(factor if each == axis else 1.0 for each in range(2 + len(self._machine)))

    @property
    def _density(self) -> tuple[int, ...]:
        spec = self._last.strategy
        searched, chosen = getattr(spec, "searched", False), spec.micro_batch == "auto"
        of_point, of_task = SEARCHED if searched else CHOSEN if chosen else (1.0, 1.0)
        tasks = len(self._simulated.periodic.ends[-1])
        each = (of_point * FIXED + of_task * EACH_TASK * tasks) * len(self._shapes)
        return next((one for one in DENSITIES if prod(one) * each <= BUDGET), (1,) * len(DENSITIES[0]))

    def _along(self, axis: int, most: int) -> _Along:
        """Up to `most` powers of two around 1 at which the point runs, all else as it is."""
        found, ends = [1.0], dict[float, str | None]()
        last = {0.5: 1.0, 2.0: 1.0}
        while len(found) < most and len(ends) < len(last):
            # The side that has fewer is next; of equals the larger.
            side = min((each for each in last if each not in ends), key=lambda each: (abs(log(last[each])), -each))
            factor = last[side] * side
            value = self._now(axis) * factor
            if abs(log(factor, 2)) > FARTHEST or (self._counts(axis) and value < 1):
                ends[side] = None
                continue
            if self._counts(axis) and value != round(value):
                ends[side] = f"{self._turned(axis).said(value)}: no whole number"
                continue
            corner = self._point(self._one(axis, factor))
            if corner.infeasible is not None:
                ends[side] = f"{self._turned(axis).said(value)}: {corner.infeasible}"
                continue
            last[side] = factor
            found.append(factor)
        return _Along(tuple(sorted(found)), ends.get(0.5), ends.get(2.0))

    def _point(self, setting: tuple[float, ...]) -> Corner:
        if setting not in self._known:
            try:
                self._known[setting] = _corner(simulate_run(self._changed(setting), told=False).prediction)
            except WafersimError as reason:
                self._known[setting] = Corner(infeasible=str(reason))
        return self._known[setting]

    def _changed(self, setting: tuple[float, ...]) -> tuple[Job, ...]:
        """The jobs of the run at a setting. Raises WafersimError where chips or sequences are no whole number."""
        chips, *machine, batch = setting
        factors = {
            path: factor
            for dial, factor in zip(self._machine, machine, strict=True)
            if factor != 1.0
            for path in dial.paths
        }
        changed = []
        for job in self._jobs:
            training = job.training
            each = batch * chips if training.per_system else batch
            counts = _whole(job.count * chips, self._words.many), _whole(training.batch * each, "sequences")
            changed.append(
                replace(
                    job, count=counts[0], training=replace(training, batch=counts[1]),
                    machine=scaled(job.machine, factors) if factors else job.machine,
                )
            )  # fmt: skip
        return grained(changed)

    def _dial(self, axis: int, along: _Along) -> Turned:
        values = tuple(self._now(axis) * each for each in along.factors)
        return replace(
            self._turned(axis), values=values, at=along.factors.index(1.0), below=along.below, above=along.above
        )

    def _turned(self, axis: int) -> Turned:
        """A dial before its values."""
        words, several = self._words, " of the last phase" if len(self._jobs) > 1 else ""
        key, label, one, many = "chips", words.many[0].upper() + words.many[1:], words.one, words.many
        if 0 < axis <= len(self._machine):
            dial = self._machine[axis - 1]
            key, label, one, many = dial.key, dial.label, "", ""
        elif axis:
            each = f" a {words.one}" if self._last.training.per_system else ""
            key, label, one, many = "batch", f"Batch{several}", f"sequence{each}", f"sequences{each}"
        return Turned(key, label, (), 0, one, many, None, None)

    def _fixed(self, axes: Sequence[tuple[int, _Along]], dense: Sequence[int]) -> Iterator[str]:
        """What has no dial: what stops it on both sides, or that the budget of points is spent."""
        for axis, along in axes:
            reasons = [reason for reason in (along.below, along.above) if reason is not None]
            if dense[axis] > 1:
                yield f"No dial for {self._standing(axis)}: {'; '.join(reasons)}"
        too_many = [self._standing(axis) for axis, _ in axes if dense[axis] == 1]
        if too_many:
            tasks, shapes = len(self._simulated.periodic.ends[-1]), len(self._shapes)
            several = f" and {shapes} kinds of step" if shapes > 1 else ""
            work = f"with {tasks:,} tasks a step{several}, more points take too long to simulate"
            yield f"No dial for {', '.join(too_many)}: {work}"

    def _standing(self, axis: int) -> str:
        dial = self._turned(axis)
        return f"{dial.label} ({dial.said(self._now(axis))})"

    @property
    def _shapes(self) -> set[tuple[int, int, int]]:
        """Steps of the run that are simulated apart."""
        return {(job.count, job.training.batch, job.workload.sequence_length) for job in self._jobs}

    def _counts(self, axis: int) -> bool:
        return axis in (0, 1 + len(self._machine))

    def _now(self, axis: int) -> float:
        job = self._last
        if axis == 0:
            return job.count
        if axis <= len(self._machine):
            path = self._machine[axis - 1].paths[0]
            return next(number.value for each, number, _ in numbers(job.machine) if each == path)
        return job.training.batch / (job.count if job.training.per_system else 1)


@dataclass(frozen=True)
class _Along:
    """Factors at which a point runs along a dial, and why no more of them on each side."""

    factors: tuple[float, ...]
    below: str | None
    above: str | None


def _corner(prediction: Prediction) -> Corner:
    return Corner(prediction.step_time_s, prediction.tokens_per_s, prediction.days_to_train, prediction.bill.cost_usd)


def _whole(value: float, what: str) -> int:
    if value < 1 or abs(value - round(value)) > 1e-9 * value:  # a factor that is no power of two may round
        raise WafersimError(f"{value:g} {what} are no whole number of them")
    return round(value)
