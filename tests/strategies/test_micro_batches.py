"""Which numbers of micro-batches are planned and simulated before one of them is chosen."""

from typing import Any

import pytest

from wafersim.inputs.experiment import Experiment
from wafersim.simulation import job_of
from wafersim.strategies.weight_streaming.choice import Prospects, prospects
from wafersim.strategies.weight_streaming.periodic import run_to_period


def among(model: str, batch: int, **overrides: Any) -> Prospects:
    """What one CS-2 of Andromeda chooses among."""
    fields = {
        "name": "choice",
        "model": model,
        "system": {"profile": "andromeda", "systems": 1, "overrides": overrides},
        "training": {"sequence_length": 2048, "batch": batch},
    }
    return prospects(job_of(Experiment.model_validate(fields)))


def seconds(found: Prospects) -> list[float]:
    """Of a step in each number of micro-batches, few enough to be simulated whole."""
    return [float(run_to_period(found.on.plan(count)).step_ticks) / 1e12 for count in found.counts]


@pytest.mark.parametrize(("model", "batch"), [("cerebras-gpt-111m", 240), ("cerebras-gpt-590m", 90)])
def test_no_step_is_shorter_than_the_work_of_its_wafer(model: str, batch: int) -> None:
    found = among(model, batch)
    assert len(found.counts) == 2 and max(found.counts) <= 8
    for bound, step in zip(found.bounds, seconds(found), strict=True):
        assert 0.9 * step < bound / 1e12 <= step


def test_what_cannot_be_the_fastest_is_not_planned() -> None:
    found = among("cerebras-gpt-111m", 240)
    one, several = seconds(found)
    assert several > one and found.bounds[1] / 1e12 > one
    assert [plan.micro_batches for plan in found.first()] == [1] and found.rest() == ()
    assert found.choice().settings.micro_batches == 1


def test_what_may_be_the_fastest_is_planned() -> None:
    # The weights of 111M are streamed again for every micro-batch: over a slow link no work of the wafer's hides that.
    found = among("cerebras-gpt-111m", 240, **{"swarmx.link_bandwidth": "10 Gb/s"})
    one, several = seconds(found)
    assert found.bounds[1] / 1e12 < one
    assert [plan.micro_batches for plan in found.rest()] == [found.counts[1]]
    assert found.choice().settings.micro_batches == (1 if one <= several else found.counts[1])
