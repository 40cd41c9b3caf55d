"""A published run that is both a row and a shipped experiment has one prediction: `validate` and `run` say the same."""

import pytest

from wafersim.evidence.judge import validate
from wafersim.inputs.loader import load_experiment
from wafersim.planning.results import run

BOTH = [("opt175b", "opt175b_992a100"), ("neox20b", "gpt_neox20b_96a100")]


@pytest.mark.parametrize(("row", "experiment"), BOTH)
def test_validate_and_run_predict_the_same(row: str, experiment: str) -> None:
    (judged,) = validate(["gpu"], row).rows
    beside = run(load_experiment(experiment)).points[0].to_json()["published"]
    assert judged.published == beside["value"]
    assert judged.predicted == pytest.approx(beside["predicted"], rel=1e-12)
    assert judged.range_low is None  # one job, nothing left open
