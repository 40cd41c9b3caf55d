"""JSON holds plain values and nothing that JSON does not know."""

import json
from pathlib import Path

import numpy as np
import pytest

from wafersim.report.json_output import dumps


def test_numpy_and_paths_become_plain_values() -> None:
    value = {
        "a": np.int64(3),
        "b": np.float32(0.5),
        "c": np.bool_(True),
        "d": Path("x/y"),
        "e": np.arange(3),
        "f": (1, None),
    }
    assert json.loads(dumps(value)) == {"a": 3, "b": 0.5, "c": True, "d": "x/y", "e": [0, 1, 2], "f": [1, None]}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), np.float32("nan"), np.array([np.inf])])
def test_what_json_does_not_know_is_refused(number: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps({"points": [number]})


def test_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="set has no JSON form"):
        dumps({1, 2})
