"""A run keeps the tasks of one step, the one that is told of: a sweep of many large points would not fit in memory."""

import pytest

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.sweep import expand
from wafersim.planning.sweep import PointResult, largest, run_points


@pytest.fixture(scope="module", params=[[2, 4, 1], [4, 1, 2], [1, 2, 4]])
def results(request: pytest.FixtureRequest) -> list[PointResult]:
    fields = {
        "name": "kept", "model": "cerebras-gpt-111m", "system": {"profile": "cs2", "systems": 1},
        "training": {"batch_per_system": 8, "sequence_length": 128}, "sweep": {"system.systems": [*request.param, 500]},
    }  # fmt: skip
    return run_points(expand(Experiment.model_validate(fields)))


def kept(result: PointResult) -> bool:
    """Whether its step is there without another simulation."""
    return "periodic" in vars(result.simulated)


def test_the_largest_point_alone_keeps_its_step(results: list[PointResult]) -> None:
    told = largest(results)
    assert told is not None and told.point.experiment.system.count == 4  # 500 are too many
    assert [result for result in results if result.simulated and kept(result)] == [told]


def test_the_others_simulate_theirs_again_when_asked(results: list[PointResult]) -> None:
    smallest = next(result.simulated for result in results if result.point.experiment.system.count == 1)
    assert smallest is not None
    assert float(smallest.periodic.step_ticks) == smallest.prediction.step_time_s * 10**12
    assert smallest.prediction.engine.steps == smallest.periodic.steps_simulated
