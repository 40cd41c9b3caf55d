"""`--set` reaches into a sweep, whose keys are paths themselves."""

import pytest

from wafersim.errors import InputFaults
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand


@pytest.mark.parametrize("option", ["sweep.system.systems=[1, 2, 4]", "sweep={system.systems: [1, 2, 4]}"])
def test_a_sweep_may_be_set(option: str) -> None:
    points = expand(load_experiment("hello_111m", [option]))
    assert [point.experiment.system.systems for point in points] == [1, 2, 4]


def test_what_is_set_there_joins_what_is_swept_already() -> None:
    experiment = load_experiment("andromeda16", ["sweep.system.systems=[16]"])
    assert {point.experiment.system.systems for point in expand(experiment)} == {16}
    assert len({point.experiment.model for point in expand(experiment)}) == 7


def test_a_wrong_value_is_the_fault_of_the_option() -> None:
    with pytest.raises(InputFaults, match=r"^--set sweep\.system\.systems"):
        load_experiment("hello_111m", ["sweep.system.systems=[1, many]"])
