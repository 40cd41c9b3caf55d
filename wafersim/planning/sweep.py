"""Run the grid of an experiment's sweep; a point that cannot run stays, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.experiment import SystemSpec
from wafersim.inputs.machine import load_any, numbers
from wafersim.inputs.sweep import EVERYTHING, Point
from wafersim.planning.published import beside_published, published_run
from wafersim.shown import Shown
from wafersim.simulation import (
    Simulated,
    Started,
    attempted,
    jobs_of,
    simulate_run,
    start_together,
    step_seconds,
)
from wafersim.strategies.job import Job
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.steps import Engine

MOST_SINGLES = 10_000
BESIDE_A_MODEL = ("model", "system.systems", "system.gpus", "training.sequence_length")


@dataclass(frozen=True)
class PointResult(Shown):
    """One point of the grid: what was varied, and the prediction or why there is none.

    `scaling_efficiency` is the rate per system over that of one healthy system; None where one cannot do the job.
    """

    point: Point
    simulated: Simulated | None
    infeasible: str | None
    scaling_efficiency: float | None = None
    memory: Mapping[str, object] | None = None  # of a point that does not fit

    def light(self) -> PointResult:
        """The same without the tasks of its step, which are simulated again if asked for."""
        return replace(self, simulated=None if self.simulated is None else self.simulated.light())

    @property
    def varied(self) -> dict[str, Any]:
        """What the sweep varied, by path."""
        return flat(self.point.overrides)

    def timeline(self) -> dict[str, npt.NDArray[Any]]:
        """The tasks of its step as columns; docs/howto/trace.md names them. Raises WafersimError of a point that cannot run."""
        if self.simulated is None:
            raise WafersimError(f"a point that cannot run has no timeline: {self.infeasible}")
        return self.simulated.periodic.timeline.columns()

    def to_json(self) -> dict[str, Any]:
        """The point's entry in the JSON output."""
        varied = {"varied": self.varied} if self.point.overrides else {}
        experiment = self.point.experiment
        if self.simulated is None:
            return {
                "kind": strategy_of(experiment.strategy.kind).words.kind,
                "model": experiment.model_name,
                "n_systems": experiment.system.count,
                "infeasible": self.infeasible,
                **({} if self.memory is None else {"memory": dict(self.memory)}),
                **varied,
                **experiment.imported,
            }
        published = beside_published(self.simulated, experiment, self.scaling_efficiency)
        run = published_run(self.simulated, experiment)
        return {
            **self.simulated.prediction.to_json(),
            "scaling_efficiency": self.scaling_efficiency,
            **varied,
            **({"published": published} if published else {}),
            **({"published_run": run} if run else {}),
            **experiment.imported,
        }


def flat(overrides: dict[str, Any]) -> dict[str, Any]:
    """What was varied, without what is said of a point elsewhere."""
    several = overrides.get(EVERYTHING, {})
    rest = {name: value for name, value in overrides.items() if name != EVERYTHING}
    if "model" in several:  # the others go with it, but for what makes two points of one model
        several = {name: value for name, value in several.items() if name in BESIDE_A_MODEL}
    return {**{k: v for k, v in several.items() if not k.startswith(("published", "strategy"))}, **rest}


def run_points(
    points: Sequence[Point],
    progress: Callable[[Point], None] = lambda _: None,
    engine: Engine = "auto",
    asked: int | None = None,
) -> list[PointResult]:
    """Every point in order; `progress` is called after each. Only the point that is told of keeps the tasks of its step.

    That is the one in the place `asked`, else the largest.
    """
    results: list[PointResult] = []
    told = asked  # or the place of the largest so far
    for place, point in enumerate(points):
        found = run_point(point, engine=engine)
        results.append(found)
        progress(point)
        if found.simulated is None:
            continue
        small: int | None = place
        if asked is None and (told is None or _size_of(found) > _size_of(results[told])):
            told, small = place, told
        if small is not None and small != told:
            results[small] = results[small].light()
    return results


def run_point(
    point: Point,
    singles: Singles | None = None,
    engine: Engine = "auto",
    told: bool = True,
    started: Started | Exception | None = None,
) -> PointResult:
    """One point; unless `told` without its interval and what was assumed. What is `started` of it, not `told`, is finished."""
    try:
        if isinstance(started, Exception):
            raise started
        simulated = started.finished() if started else simulate_run(jobs_of(point.experiment), engine, told)
    except Infeasible as reason:
        return PointResult(point, None, str(reason), memory=reason.memory)
    return PointResult(point, simulated, None, (singles or SINGLES).efficiency(simulated))


def start_points(points: Sequence[Point]) -> list[Started | Exception]:
    """Points that `run_point` finishes one by one: of their steps those of one shape are solved as one."""
    runs = [attempted(jobs_of, point.experiment) for point in points]
    started = iter(start_together([jobs for jobs in runs if not isinstance(jobs, Exception)]))
    return [jobs if isinstance(jobs, Exception) else next(started) for jobs in runs]


class Singles:
    """Sequences a second of single systems: many points share theirs, and those of one system find them for the others."""

    def __init__(self) -> None:
        self._rates: dict[Job, float | None] = {}

    def efficiency(self, simulated: Simulated) -> float | None:
        """Throughput per system over one healthy system's under the same batch rule, jitter included."""
        job, prediction = simulated.job, simulated.prediction
        if not strategy_of(job.kind).scales_from_one:
            return None
        alone = job.alone()
        if alone == replace(job, training=replace(job.training, grain=0)):
            self._note(alone, job.training.batch / prediction.step_time_s)
            return 1.0
        single = self._rate(alone)
        return None if single is None else prediction.samples_per_s / prediction.n_systems / single

    def _rate(self, job: Job) -> float | None:
        if job not in self._rates:
            try:
                self._note(job, job.training.batch / step_seconds(job))
            except Infeasible:
                self._note(job, None)
        return self._rates[job]

    def _note(self, job: Job, rate: float | None) -> None:
        if len(self._rates) >= MOST_SINGLES:
            self._rates.clear()
        self._rates[job] = rate


SINGLES = Singles()  # of this process: a job is all of what its rate follows from


def largest(results: Sequence[PointResult]) -> PointResult | None:
    """The point that is told of: the largest model as it was trained, or on most systems; of these the machine as it is."""
    return max((result for result in results if result.simulated is not None), key=_size_of, default=None)


def largest_place(points: Sequence[Point], rows: Sequence[Mapping[str, Any]]) -> int | None:
    """The place of the same point, of rows as they are written down; None where none ran."""
    ran = [place for place, row in enumerate(rows) if "infeasible" not in row]
    sizes = {place: _size(points[place], rows[place]["parameters"], rows[place]["n_systems"]) for place in ran}
    return max(ran, key=lambda place: sizes[place], default=None)


def _size_of(result: PointResult) -> tuple[int, bool, int, int]:
    assert result.simulated is not None
    return _size(result.point, result.simulated.prediction.parameters, result.simulated.prediction.n_systems)


def _size(point: Point, parameters: int, n_systems: int) -> tuple[int, bool, int, int]:
    system = point.experiment.system
    return parameters, system.systems == "published", n_systems, -_replaced(system)


def _replaced(system: SystemSpec) -> int:
    """How many numbers of a machine an experiment makes others than the profile has."""
    if not system.overrides:
        return 0
    machines = (
        load_any(system.profile, system.software, overrides)
        for overrides in (system.overrides, dict[str, float | str]())
    )
    changed, usual = ({path: number.value for path, number, _ in numbers(machine)} for machine in machines)
    return sum(changed[path] != usual.get(path) for path in changed)
