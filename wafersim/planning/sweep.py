"""Run the grid of an experiment's sweep; a point that cannot run stays, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.sweep import EVERYTHING, Point
from wafersim.metrics.prediction import Prediction
from wafersim.simulation import GpuSimulated, Simulated, scaling_efficiency, simulate_step
from wafersim.strategies.steps import Engine
from wafersim.workload.model import Model, load_model


@dataclass(frozen=True)
class PointResult:
    """One point of the grid: what was varied, and the prediction or why there is none."""

    point: Point
    simulated: Simulated | GpuSimulated | None
    infeasible: str | None

    def to_json(self) -> dict[str, Any]:
        """The point's entry in the JSON output."""
        varied = {"varied": _flat(self.point.overrides)} if self.point.overrides else {}
        if self.simulated is None:
            experiment = self.point.experiment
            return {
                "kind": "gpu" if experiment.system.on_gpus else "wafer",
                "model": experiment.model_name,
                "n_systems": experiment.system.count,
                "infeasible": self.infeasible,
                **varied,
            }
        published = beside_published(self.simulated.prediction, self.point.experiment)
        return {**self.simulated.prediction.to_json(), **varied, **({"published": published} if published else {})}


def _flat(overrides: dict[str, Any]) -> dict[str, Any]:
    """What was varied, without what is said of a point elsewhere."""
    several = overrides.get(EVERYTHING, {})
    rest = {name: value for name, value in overrides.items() if name != EVERYTHING}
    if "model" in several:  # the others go with it
        several = {name: value for name, value in several.items() if name in ("model", "system.systems", "system.gpus")}
    return {**{k: v for k, v in several.items() if not k.startswith(("published", "strategy"))}, **rest}


def beside_published(prediction: Prediction, experiment: Experiment) -> dict[str, Any] | None:
    """What is published of a job with what is predicted of it; None where the experiment states nothing."""
    asked = experiment.published
    if asked is None:
        return None
    if asked.metric == "hardware_tflops_per_gpu":
        model = load_model(experiment.model)
        flops = megatron_flops(model, prediction.sequence_length, prediction.batch)
        predicted = flops / prediction.step_time_s / prediction.n_systems / 1e12
    else:
        predicted = float(getattr(prediction, asked.metric))
    return {**asked.model_dump(), "predicted": predicted, "error": predicted / asked.value - 1.0}


def megatron_flops(model: Model, sequence: int, batch: int) -> float:
    """FLOPs of a step with full recompute, 96 B s l h^2 (1 + s / 6h + V / 16lh) (Narayanan et al. 2021, equation 3)."""
    h, layers = model.d_model, model.layers
    return 96.0 * batch * sequence * layers * h * h * (1 + sequence / (6 * h) + model.vocab / (16 * layers * h))


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
    if isinstance(simulated, GpuSimulated):
        return PointResult(point, simulated, None)
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
