"""The neighbourhood of a point: a small grid of simulated points around it, for a page with dials that has no simulator.

Chips, two numbers of the machine and the batch go from a quarter to four times what they are, in powers of two, as far as the
point runs there. Every point of the grid is simulated, choices and all, without its interval; between them a value is
interpolated linearly in logarithms, and nothing is said beyond them or beside a corner that cannot run. How dense the grid is
follows from the work of the point itself, never from a clock, so that the same point has the same neighbourhood everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import exp, gcd, log, prod
from typing import Any

from wafersim import quantity
from wafersim.errors import WafersimError
from wafersim.inputs.machine import numbers, scaled
from wafersim.metrics.prediction import Prediction
from wafersim.planning.sweep import PointResult
from wafersim.simulation import Simulated, jobs_of, simulate_run
from wafersim.strategies.job import Job
from wafersim.strategies.registry import strategy_of

MEASURES = ("step_time_s", "tokens_per_s", "days_to_train", "cost_usd")
"""What is told of a point, by field of a prediction."""
FARTHEST = 4  # powers of two on each side, where the other side has fewer
BUDGET = 2.0  # CPU seconds of a neighbourhood
FIXED, EACH_TASK = (
    4e-3,
    0.9e-6,
)  # s of a point and of each task of its steps; measured 2026-11-26, 18 shipped experiments
SEARCHED, CHOSEN = (
    (5.0, 10.0),
    (2.0, 2.0),
)  # times as long where a split is searched, where a micro-batch is chosen; likewise
DENSITIES = (  # values of chips, first and second number of the machine, batch: the first that the budget holds
    (5, 5, 5, 5), (5, 5, 3, 5), (5, 3, 3, 5), (5, 3, 3, 3), (3, 3, 3, 3), (3, 3, 1, 3), (3, 1, 1, 3), (3, 1, 1, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Turned:
    """What a dial changes: `values` rise by a factor of two, of which the point has `values[at]`.

    Counts are of `one` and `many`; both are empty of a bandwidth in bytes/s. `below` and `above` say why a dial goes no farther,
    None where nothing keeps it from that.
    """

    key: str
    label: str
    values: tuple[float, ...]
    at: int
    one: str
    many: str
    below: str | None
    above: str | None

    def said(self, value: float) -> str:
        """`16 systems`, `1,440 sequences`, `150 GB/s`."""
        count = f"{value:,.0f}" if value == round(value) else f"{value:g}"
        return f"{count} {self.one if value == 1 else self.many}" if self.many else told_bandwidth(value)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with those of `values` as people read them."""
        return {**vars(self), "values": list(self.values), "written": [self.said(value) for value in self.values]}


def told_bandwidth(value: float) -> str:
    """`150 GB/s`, with three digits."""
    return quantity.format(float(f"{value:.3g}"), "bandwidth")


@dataclass(frozen=True)
class Corner:
    """One simulated point, days and dollars of all its steps (None without a price); or why it cannot run."""

    step_time_s: float | None = None
    tokens_per_s: float | None = None
    days_to_train: float | None = None
    cost_usd: float | None = None
    infeasible: str | None = None


@dataclass(frozen=True)
class Reading:
    """What the dials say at a setting: `simulated` where it is a point of the grid, interpolated between points where not.

    `infeasible`: why nothing is said, with the setting of the corner that cannot run.
    """

    simulated: bool
    values: Mapping[str, float | None]
    infeasible: str | None = None


@dataclass(frozen=True)
class Neighbourhood:
    """Dials and the points of their grid, the last dial fastest; `fixed` says what has no dial, and why."""

    dials: tuple[Turned, ...]
    corners: tuple[Corner, ...]
    tokens: float  # of the whole run, which days and dollars are of
    fixed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Columns of plain values, null where a point cannot run; `reasons` are told once, `reason_of` points to them."""
        reasons = list(dict.fromkeys(corner.infeasible for corner in self.corners if corner.infeasible is not None))
        found = [None if corner.infeasible is None else reasons.index(corner.infeasible) for corner in self.corners]
        return {
            "dials": [dial.to_json() for dial in self.dials],
            "columns": {name: [getattr(corner, name) for corner in self.corners] for name in MEASURES},
            "reasons": reasons,
            "reason_of": found,
            "tokens": self.tokens,
            "fixed": list(self.fixed),
        }

    def at(self, setting: Sequence[float]) -> Reading:
        """What is said of a value of each dial, multilinear in logarithms. Raises ValueError beyond the grid."""
        around = [list(_around(dial, value)) for dial, value in zip(self.dials, setting, strict=True)]
        corners = list(product(*around))
        simulated = len(corners) == 1
        weights = [prod(weight for _, weight in corner) for corner in corners]
        found = [self.corner([place for place, _ in corner]) for corner in corners]
        for corner, one in zip(corners, found, strict=True):
            if one.infeasible is not None:
                where = self._said([place for place, _ in corner])
                return Reading(simulated, dict.fromkeys(MEASURES), f"{where}: {one.infeasible}")
        values = {name: _mean([getattr(one, name) for one in found], weights) for name in MEASURES}
        return Reading(simulated, values)

    def corner(self, places: Sequence[int]) -> Corner:
        """A point of the grid by its place on each dial."""
        index = 0
        for dial, place in zip(self.dials, places, strict=True):
            index = index * len(dial.values) + place
        return self.corners[index]

    def _said(self, places: Sequence[int]) -> str:
        return ", ".join(dial.said(dial.values[place]) for dial, place in zip(self.dials, places, strict=True))


def _around(dial: Turned, value: float) -> Iterator[tuple[int, float]]:
    """The one or two places of a dial on which a value stands, with their weights."""
    values = dial.values
    if value in values:
        yield values.index(value), 1.0
        return
    if not values[0] < value < values[-1]:
        raise ValueError(f"{dial.label}: {dial.said(values[0])} to {dial.said(values[-1])} (got {dial.said(value)})")
    upper = next(place for place, each in enumerate(values) if each > value)
    share = log(value / values[upper - 1]) / log(values[upper] / values[upper - 1])
    yield upper - 1, 1.0 - share
    yield upper, share


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    if len(values) == 1:
        return values[0]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return exp(sum(weight * log(value) for value, weight in zip(known, weights, strict=True)))


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
        return Neighbourhood(dials, tuple(map(self._point, grid)), tokens, tuple(fixed))

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
            corner = self._point(tuple(factor if each == axis else 1.0 for each in range(2 + len(self._machine))))
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

    def _changed(self, setting: tuple[float, ...]) -> list[Job]:
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
        return [_grained(job, changed) for job in changed]

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
    if value < 1 or value != round(value):
        raise WafersimError(f"{value:g} {what} are no whole number of them")
    return round(value)


def _grained(job: Job, run: Sequence[Job]) -> Job:
    """With what the batches of all phases on as many chips are multiples of."""
    grain = gcd(*(other.training.batch for other in run if other.count == job.count))
    return replace(job, training=replace(job.training, grain=grain)) if job.training.grain else job
