"""What lies outside of the runs of a fit is told with its factor, and refused where it is too far."""

import pytest

from wafersim.errors import WafersimError
from wafersim.planning.scaling_range import Beyond, Reach, decades

REACH = Reach({"parameters": (1e8, 1e10), "flops": (1e18, 1e22), "epochs": (1.0, 16.0)}, {"epochs": (1.0, 16.0)})


def test_inside_nothing_is_said() -> None:
    assert REACH.beyond("law", {"parameters": 1e9, "flops": 1e22, "epochs": 4.0}) == ()


def test_the_farthest_measure_comes_first() -> None:
    found = REACH.beyond("law", {"parameters": 2e10, "flops": 3e23})
    assert [(one.measure, one.times) for one in found] == [
        ("flops", pytest.approx(30.0)),
        ("parameters", pytest.approx(2.0)),
    ]
    assert str(found[0]) == "compute of 3.0e23 FLOPs, 30.0 times the largest that was fitted (1.0e22 FLOPs)"


def test_below_the_smallest_run() -> None:
    (found,) = REACH.beyond("law", {"parameters": 2e7})
    assert (
        str(found) == "model size of 20 M parameters, 5.0 times below the smallest that was fitted (100 M parameters)"
    )


@pytest.mark.parametrize("asked", [{"flops": 1.01e24}, {"flops": 0.99e16}, {"epochs": 17.0}])
def test_too_far_is_refused_in_one_line(asked: dict[str, float]) -> None:
    with pytest.raises(WafersimError, match=r"scaling law law: .* too far to say; it answers from") as refused:
        REACH.beyond("law", asked)
    assert "\n" not in str(refused.value)


def test_distance_is_that_of_the_farthest_measure() -> None:
    assert decades(()) == 0.0
    assert decades((Beyond("flops", 1e24, 1e18, 1e22), Beyond("parameters", 2e10, 1e8, 1e10))) == pytest.approx(2.0)
