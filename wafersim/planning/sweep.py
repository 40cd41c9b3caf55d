"""Run the grid of an experiment's sweep; a point that cannot run stays, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wafersim.errors import Infeasible
from wafersim.simulation import Simulated, scaling_efficiency, simulate_step
from wafersim.spec.sweep import Point
from wafersim.strategies.steps import Engine


@dataclass(frozen=True)
class PointResult:
    """One point of the grid: what was varied, and the prediction or why there is none."""

    point: Point
    simulated: Simulated | None
    infeasible: str | None

    def to_json(self) -> dict[str, Any]:
        """The point's entry in the JSON output."""
        varied = {"varied": dict(self.point.overrides)} if self.point.overrides else {}
        if self.simulated is None:
            experiment = self.point.experiment
            return {
                "model": experiment.model,
                "n_systems": experiment.system.count,
                "infeasible": self.infeasible,
                **varied,
            }
        return {**self.simulated.prediction.to_json(), **varied}


def run_points(
    points: Sequence[Point], progress: Callable[[Point], None] = lambda _: None, engine: Engine = "auto"
) -> list[PointResult]:
    """Every point in order; `progress` is called after each."""
    results = []
    for point in points:
        results.append(_run(point, engine))
        progress(point)
    return results


def _run(point: Point, engine: Engine) -> PointResult:
    try:
        simulated = simulate_step(point.experiment, engine)
    except Infeasible as reason:
        return PointResult(point, None, str(reason))
    efficiency = scaling_efficiency(simulated.prediction, point.experiment)
    prediction = replace(simulated.prediction, scaling_efficiency=efficiency)
    return PointResult(point, replace(simulated, prediction=prediction), None)


def largest(results: Sequence[PointResult]) -> PointResult | None:
    """The point that figures and the critical circuit are shown of: the largest model on the most systems."""
    ran = [result for result in results if result.simulated is not None]
    return max(ran, key=_size, default=None)


def _size(result: PointResult) -> tuple[int, int]:
    assert result.simulated is not None
    return result.simulated.prediction.parameters, result.simulated.prediction.n_systems
