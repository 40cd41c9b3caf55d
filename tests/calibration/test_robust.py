"""The one robust fit, on sums that a pencil can do."""

from dataclasses import replace
from math import e, sqrt
from typing import Literal

import numpy as np
import pytest

from wafersim.calibration.robust import (
    Floats,
    Loss,
    Prior,
    Problem,
    covariance,
    leave_out,
    standard_errors,
    widening,
    without_each,
)

VALUES = np.array([0.0, 0.0, 0.0, 0.0, 10.0])  # the last one is wrong


def mean_of(loss: Loss, prior: Prior | None = None, weights: float = 1.0) -> Problem:
    return Problem(lambda x: VALUES - x, np.array([2.0]), loss, weights, prior)


def test_losses() -> None:
    # 2 (sqrt(1 + 3) - 1) = 2 with slope 1 / sqrt(4); ln(1 + e - 1) = 1 with slope 1 / e.
    assert Loss("soft_l1", 1.0).rho(np.array([3.0])) == pytest.approx([2.0])
    assert Loss("soft_l1", 2.0).slope(np.array([sqrt(12.0)])) == pytest.approx([0.5])
    assert Loss("cauchy", 1.0).rho(np.array([e - 1.0])) == pytest.approx([1.0])
    assert Loss("cauchy", 1.0).slope(np.array([sqrt(e - 1.0)])) == pytest.approx([1.0 / e])


@pytest.mark.parametrize("shape", ["soft_l1", "cauchy"])
def test_the_cost_is_the_sum_of_the_losses(shape) -> None:
    loss = Loss(shape, 2.0)
    # At x = 2 four residuals are one scale, one is four: z = 1 and 16.
    assert mean_of(loss).cost(np.array([2.0])) == pytest.approx(0.5 * loss.rho(np.array([1.0, 1, 1, 1, 16])).sum())


@pytest.mark.parametrize(("shape", "most"), [("soft_l1", 0.03), ("cauchy", 0.001)])
def test_an_outlier_does_not_set_the_mean(shape, most: float) -> None:
    # Least squares would say 2. Soft-L1: 4 x / s = 1 where x << s = 0.1; Cauchy: 4 x / s^2 = 1 / 10.
    assert 0.0 < mean_of(Loss(shape, 0.1)).solve().x[0] < most


def test_of_wide_loss_it_is_least_squares_with_a_prior() -> None:
    # Residuals in units of the scale weigh 1 / 1e4^2 each: five of them against a width of 1e4 / sqrt(5) weigh the same.
    loss = Loss("cauchy", 1e4)
    prior = Prior(np.array([4.0]), np.array([1e4 / sqrt(5.0)]))
    assert mean_of(loss, prior).solve().x == pytest.approx([3.0], rel=1e-3)  # between the mean 2 and 4


def test_weights_count_rows_several_times() -> None:
    loss = Loss("cauchy", 1.0)
    assert mean_of(loss, weights=2.0).cost(np.array([1.0])) == pytest.approx(4.0 * mean_of(loss).cost(np.array([1.0])))


def test_covariance() -> None:
    # Four rows of one standard deviation and a prior of width 1 are five looks at the number.
    assert covariance(np.ones((4, 1)), np.ones(1)) == pytest.approx(np.array([[0.2]]))
    # Rows that tell only the sum leave the difference as it was known: variance 2.
    known = covariance(np.full((100, 2), 1e3), np.ones(2))
    assert known[0, 0] + known[1, 1] - 2 * known[0, 1] == pytest.approx(2.0)
    assert standard_errors(known) == pytest.approx([sqrt(0.5)] * 2, rel=1e-3)


def test_parts_are_left_out_one_after_the_other() -> None:
    rows = [1.0, 2.0, 30.0, 40.0]
    parts = {"low": np.array([True, True, False, False]), "first": np.array([True, False, False, False])}
    found = {out.name: (out.kept, out.found) for out in leave_out(rows, parts, lambda kept: sum(kept) / len(kept))}
    assert found == {"low": ([30.0, 40.0], 35.0), "first": ([2.0, 30.0, 40.0], 24.0)}


def test_widening() -> None:
    # (3^2 + 4^2 - 5) / (1^2 + 3^2) = 2
    assert widening([3.0, -4.0], [2.0, 3.0], [1.0, 3.0]) == pytest.approx(sqrt(2.0))
    assert widening([1.0], [2.0], [1.0]) == 0.0  # no more than is known of it
    assert widening([], [], []) == 0.0


def test_what_is_known_beforehand_counts_as_a_row_of_that_width() -> None:
    # Without rows the covariance is the square of the widths; a row that knows a parameter as well halves it.
    assert covariance(np.zeros((1, 2)), np.array([0.5, 3.0])) == pytest.approx(np.diag([0.25, 9.0]))
    assert covariance(np.array([[2.0, 0.0]]), np.array([0.5, 3.0])) == pytest.approx(np.diag([0.125, 9.0]))


def test_a_solution_has_the_jacobian_of_the_rows_alone() -> None:
    pytest.importorskip("scipy")
    prior = Prior(np.array([1.0]), np.array([0.5]))
    assert mean_of(Loss("soft_l1", 2.0), prior).solve().jacobian.shape == (5, 1)
    assert mean_of(Loss("soft_l1", 2.0)).solve().jacobian.shape == (5, 1)


def test_one_step_without_a_part_is_a_refit_where_the_problem_is_linear() -> None:
    rng = np.random.default_rng(3)
    jacobian, y, counts, widths = (
        rng.normal(0, 1, (12, 3)),
        rng.normal(0, 1, 12),
        rng.uniform(1, 4, 12),
        np.full(3, 2.0),
    )

    def solved(keep: np.ndarray) -> np.ndarray:
        a = np.concatenate([np.sqrt(counts[keep])[:, None] * jacobian[keep], np.diag(1 / widths)])
        return np.linalg.lstsq(a, -np.concatenate([np.sqrt(counts[keep]) * y[keep], np.zeros(3)]), rcond=None)[0]

    everything = np.full(12, True)
    residuals = y + jacobian @ solved(everything)  # at the solution; the prior's centre is where y was taken
    # The prior pulls to a centre that is away from the solution: its gradient must vanish with that of the rows.
    part = np.arange(12) < 4
    found = without_each(residuals, jacobian, counts, widths, {"four": part})["four"]
    assert found == pytest.approx((y + jacobian @ solved(~part))[part])
    assert np.abs(found).mean() > np.abs(residuals[part]).mean()  # rows left out fit worse


@pytest.mark.parametrize("shape", ["soft_l1", "cauchy"])
def test_the_slope_of_what_is_handed_over_is_its_difference_quotient(shape: Literal["soft_l1", "cauchy"]) -> None:
    loss, residuals, step = Loss(shape, 0.03), np.array([-0.4, -0.03, 1e-9, 0.002, 0.05, 1.0]), 1e-7
    quotient = (loss.handed(residuals + step) - loss.handed(residuals - step)) / (2 * step)
    assert loss.steepness(residuals) == pytest.approx(quotient, rel=1e-4)


def test_slopes_that_are_given_lead_to_the_same_minimum() -> None:
    targets = np.array([1.0, 2.0, 9.0])  # the last one is off and counts little
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    prior = Prior(np.zeros(2), np.full(2, 10.0))

    def residuals(x: Floats) -> Floats:
        return np.asarray(matrix @ x - targets)

    plain = Problem(residuals, np.zeros(2), Loss("cauchy", 1.0), 1.0, prior)
    given = replace(plain, slopes=lambda x: matrix)
    assert given.solve().x == pytest.approx(plain.solve().x, rel=1e-5)
