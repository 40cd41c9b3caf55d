"""Intervals widen for the reasons they should, and probabilities follow from them."""

from math import exp, log

import numpy as np
import pytest

from wafersim.inputs.fit import Fit, FitConstant, Ratios
from wafersim.metrics.interval import Z80, Uncertainty, probability_less, t_quantile, uncertainty

ORIGIN = (log(1e9), 0.0)


def constant(name: str, error: float) -> FitConstant:
    return FitConstant(name=name, kind="calibrated", value=1.0, standard_error=error, sets=(f"machine: values.{name}",))


FIT = Fit(
    set="wafer",
    date="2026-01-01",
    rows=("a", "b"),
    constants=(constant("x", 0.1), constant("y", 0.2)),
    correlations=((1.0, 0.5), (0.5, 1.0)),
    spread={"known": 0.05},
    transfer=0.3,
    widening={"known": 0.02},
    features=("parameters", "systems"),
    behind={"known": ((log(1e9), 0.0), (log(8e9), log(2.0)))},
)


def of(e: dict[str, float], features=ORIGIN, group: str = "known", fit: Fit = FIT) -> Uncertainty:
    return uncertainty((fit,), {f"machine: values.{name}": value for name, value in e.items()}, group, features)


def test_the_width_by_hand() -> None:
    # Var = e1^2 s1^2 + e2^2 s2^2 + 2 e1 e2 r s1 s2 = 0.01 + 0.01 + 2 x 1 x 0.5 x 0.5 x 0.1 x 0.2 = 0.03; with the spread 0.0325.
    found = of({"x": 1.0, "y": 0.5})
    assert found.constants == pytest.approx(0.03**0.5)
    assert found.sigma == pytest.approx(0.0325**0.5)
    low, high = found.bounds(10.0)
    assert log(high / 10) == pytest.approx(log(10 / low)) == pytest.approx(Z80 * 0.0325**0.5)


def test_80_percent_of_draws_fall_inside() -> None:
    found = of({"x": 1.0})
    draws = np.exp(np.random.default_rng(1).normal(0, found.sigma, 20_000))
    low, high = found.bounds(1.0)
    assert np.mean((low < draws) & (draws < high)) == pytest.approx(0.80, abs=0.01)


def test_farther_is_wider_and_a_stranger_is_widest() -> None:
    near, far = of({}), of({}, features=(log(1e12), log(64.0)))
    assert near.distance == 0 and far.sigma > near.sigma
    # Nearest row: 8e9 parameters on 2; 4.83 and 3.47 e-folds away.
    assert far.distance == pytest.approx(0.02 * (log(125) ** 2 + log(32) ** 2) ** 0.5)
    stranger = of({}, group="unknown")
    assert stranger.transfer == 0.3 and stranger.sigma > near.sigma
    assert str(stranger.outside[0]) == "no measured run of unknown"


def test_what_lies_outside_is_said_with_what_was_measured() -> None:
    assert of({}).outside == ()
    (far,) = of({}, features=(log(1e12), 0.0)).outside
    assert (far.measure, far.value, far.low, far.high) == ("parameters", *map(pytest.approx, (1e12, 1e9, 8e9)))
    assert str(far) == "1.00e+12 parameters (measured: 1.00e+09 to 8.00e+09)"
    (many,) = of({}, features=(log(2e9), log(16.0))).outside
    assert str(many) == "16 systems (measured: 1 to 2)"


def test_inflation_multiplies_what_the_rows_say() -> None:
    doubled = FIT.model_copy(update={"inflation": 2.0})
    assert of({"x": 1.0}, fit=doubled).sigma == pytest.approx(2 * of({"x": 1.0}).sigma)


@pytest.mark.parametrize(
    ("degrees", "tabled"), [(1, 3.078), (2, 1.886), (3, 1.638), (4, 1.533), (7, 1.415), (10, 1.372), (30, 1.310)]
)
def test_widths_of_few_families_are_those_of_the_tables_of_t(degrees: int, tabled: float) -> None:
    assert t_quantile(degrees) == pytest.approx(tabled, abs=6e-4)


def test_families_and_few_of_them_widen_and_so_does_what_no_row_has() -> None:
    fit = FIT.model_copy(update={"between": {"known": 0.12}, "degrees": {"known": 7}, "beyond": {"systems": 0.1}})
    found = of({}, fit=fit)
    assert found.spread == pytest.approx(0.13)  # 0.05 and 0.12 at a right angle
    assert found.half_width == pytest.approx(1.4149 * 0.13, rel=1e-4)
    # Two systems are the most that a row has: 16 are ln 8 beyond; fewer parameters than any row have no width of their own.
    far = of({}, features=(log(1e9), log(16.0)), fit=fit)
    widened = (far.distance**2 - (0.02 * log(16)) ** 2) ** 0.5  # the nearest row is ln 16 away
    assert widened == pytest.approx(0.1 * log(8))
    assert of({}, features=(log(1e8), 0.0), fit=fit).distance == pytest.approx(0.02 * log(10))


def test_every_group_has_its_own_families_and_a_stranger_those_of_the_stacks_that_were_left_out() -> None:
    fit = FIT.model_copy(
        update={
            "spread": {"known": 0.03, "noisy": 0.03},
            "between": {"known": 0.04, "noisy": 0.16},
            "degrees": {"known": 10, "noisy": 25},
            "transfer_degrees": 2,
        }
    )
    known, stranger = of({}, fit=fit), of({}, group="unknown", fit=fit)
    assert known.half_width == pytest.approx(t_quantile(10) * 0.05)  # 3, 4, 5
    # The worst spread of families among those known (3 and 16 %), and 30 % besides; three stacks leave two degrees of freedom.
    assert stranger.half_width == pytest.approx(1.8856 * (0.03**2 + 0.16**2 + 0.3**2) ** 0.5, rel=1e-3)


def test_a_device_without_rows_widens_a_known_stack_and_more_so_an_unknown_one() -> None:
    fit = FIT.model_copy(update={"devices": ("seen",), "new_device": 0.4})
    seen = uncertainty((fit,), {}, "known", ORIGIN, device="seen")
    new = uncertainty((fit,), {}, "known", ORIGIN, device="new")
    both = uncertainty((fit,), {}, "unknown", ORIGIN, device="new")
    assert (seen.transfer, new.transfer, both.transfer) == (0.0, 0.4, pytest.approx(0.5))  # 3, 4, 5
    assert [str(one) for one in both.outside[:2]] == ["no measured run of unknown", "no measured run on new"]
    assert seen.outside == ()


def test_equal_predictions_are_a_toss_and_shared_constants_cancel() -> None:
    one = of({"x": 1.0, "y": 1.0})
    assert probability_less((1.0, one), (1.0, one), [FIT]) == pytest.approx(0.5)
    alike = probability_less((1.0, one), (1.1, one), [FIT])
    other = Uncertainty(one.constants, one.spread, 0.0, 0.0, {}, ())
    apart = probability_less((1.0, one), (1.1, other), [FIT])
    assert alike > apart > 0.5  # what both lean on cannot make them differ
    # ln 1.1 over 0.05 sqrt 2 is 1.348 standard deviations. A t of three degrees has its 90th percentile at 1.638 where a normal
    # has 1.282, so it is asked at 1.723; tables give 0.90 at 1.638 and 0.95 at 2.353.
    assert 0.905 < alike < 0.911


def test_probabilities_have_the_80_percent_of_the_interval_and_heavier_tails() -> None:
    one = Uncertainty(0.0, 0.1, 0.0, 0.0, {}, ())
    sure = Uncertainty(0.0, 0.0, 0.0, 0.0, {}, ())
    low, high = one.bounds(1.0)
    assert probability_less((1.0, one), (high, sure), []) == pytest.approx(0.9)
    assert probability_less((1.0, one), (low, sure), []) == pytest.approx(0.1)
    assert 0.95 < probability_less((1.0, one), (exp(0.2), sure), []) < 0.96  # a normal would say 0.977


def test_what_one_row_has_set_adds_its_own_spread() -> None:
    found = uncertainty((FIT,), {}, "known", ORIGIN, extra=0.12)
    assert found.spread == pytest.approx(0.13)  # 5, 12, 13


def test_a_stranger_has_the_worst_spread_and_the_worst_widening_of_those_that_are_known() -> None:
    fit = FIT.model_copy(
        update={"spread": {"known": 0.05, "worse": 0.2, "best": 0.01}, "widening": {"known": 0.02, "worse": 0.5}}
    )
    # The nearest of all rows is one e-fold away.
    found = of({}, features=(log(1e9), -1.0), group="unknown", fit=fit)
    assert (found.spread, found.distance) == (0.2, pytest.approx(0.5))
    known = of({}, features=(log(1e9), -1.0), fit=fit)
    assert (known.spread, known.distance) == (0.05, pytest.approx(0.02))


def test_a_constant_that_sets_two_numbers_has_the_elasticity_of_both() -> None:
    both = FitConstant(
        name="x", kind="calibrated", value=1.0, standard_error=0.1, sets=("a: values.x", "b: values.x"),
    )  # fmt: skip
    fit = FIT.model_copy(update={"constants": (both, constant("y", 0.2))})
    found = uncertainty((fit,), {"a: values.x": 0.25, "b: values.x": 0.5}, "known", ORIGIN)
    assert found.loadings == {"wafer.x": 0.75}
    assert found.constants == pytest.approx(0.075)


def test_inflation_makes_a_comparison_less_sure_too() -> None:
    # Only the first leans on x, whose error of 10 % counts three times as much ...
    doubtful = FIT.model_copy(update={"inflation": 3.0})
    one, other = Uncertainty(0.1, 0.0, 0.0, 0.0, {"wafer.x": 1.0}), Uncertainty(0.0, 0.0, 0.0, 0.0, {})
    # ... so that what lies 0.3 away is what lay 0.1 away.
    assert probability_less((1.0, one), (exp(0.3), other), [doubtful]) == pytest.approx(
        probability_less((1.0, one), (exp(0.1), other), [FIT])
    )


def test_two_fits_add_their_variances() -> None:
    gpu = FIT.model_copy(update={"set": "collective", "constants": (constant("z", 0.4),), "correlations": ((1.0,),)})
    found = uncertainty((FIT, gpu), {"machine: values.x": 3.0, "machine: values.z": 1.0}, "known", ORIGIN)
    assert found.constants == pytest.approx(0.5)  # 0.3 and 0.4


SPEED_UPS = FIT.model_copy(
    update={
        "beyond": {"systems": 0.5},
        "ratios": Ratios(
            feature="systems",
            features=("parameters", "systems"),
            spread=0.12,
            beyond={"parameters": 0.1, "systems": 0.2},
            behind={"known": ((log(2e9), log(2.0)), (log(8e9), log(16.0)))},
        ),
    }
)


def test_measured_ratios_say_how_sure_many_systems_are_and_up_to_how_many() -> None:
    one = of({}, features=(log(8e9), 0.0), fit=SPEED_UPS)
    assert (one.distance, one.spread, one.outside) == (0.0, 0.05, ())
    # On 16 a ratio's spread comes in, and no distance from the rows of one system: 5, 12, 13.
    many = of({}, features=(log(8e9), log(16.0)), fit=SPEED_UPS)
    assert (many.distance, many.outside) == (0.0, ())
    assert many.spread == pytest.approx(0.13)
    more = of({}, features=(log(8e9), log(192.0)), fit=SPEED_UPS)
    assert more.distance == pytest.approx(0.2 * log(12))
    assert [str(way) for way in more.outside] == ["192 systems (measured: 1 to 16)"]
    # Ratios were measured from 2e9 parameters; 1e9, which a rate has, lies below.
    small = of({}, features=(log(1e9), log(4.0)), fit=SPEED_UPS)
    assert small.distance == pytest.approx(0.1 * log(2))
    assert [str(way) for way in small.outside] == [
        "1.00e+09 parameters on several systems (measured: 2.00e+09 to 8.00e+09)"
    ]


def test_a_group_without_measured_ratios_has_only_its_rows_of_few() -> None:
    stranger = of({}, features=(log(8e9), log(16.0)), group="unknown", fit=SPEED_UPS)
    assert "16 systems (measured: 1 to 2)" in map(str, stranger.outside)
    assert stranger.spread == 0.05
