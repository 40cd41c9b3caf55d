"""Variance components against what made the numbers, and against sums that a pencil can do."""

import numpy as np
import pytest

from wafersim.calibration.variance import Components, Scatter, components, together

WIDE = Scatter(0.05, 1.0)
NOTHING = np.zeros((0,))


def drawn(within: float, between: float, families: int, jobs: int, seed: int) -> Components:
    rng = np.random.default_rng(seed)
    names = [f"family {i}" for i in range(families) for _ in range(jobs)]
    effect = np.repeat(rng.normal(0, between, families), jobs)
    residuals = effect + rng.normal(0, within, families * jobs)
    return components(residuals, np.zeros((len(residuals), 0)), names, NOTHING, WIDE, WIDE)


def test_what_made_many_rows_is_found_again() -> None:
    found = drawn(within=0.03, between=0.12, families=40, jobs=4, seed=1)
    assert found.within == pytest.approx(0.03, rel=0.1)
    assert found.between == pytest.approx(0.12, rel=0.25)
    assert found.degrees == 39


def test_few_rows_leave_more_open_than_they_show() -> None:
    # Three jobs of three families that happen to agree: their own scatter would say 0.
    few = components(np.zeros(3), np.zeros((3, 0)), ["a", "b", "c"], NOTHING, WIDE, WIDE)
    assert few.within > 0.01 and few.between > 0.01
    many = components(np.zeros(60), np.zeros((60, 0)), [str(i % 20) for i in range(60)], NOTHING, WIDE, WIDE)
    assert many.within < few.within and many.between < few.between


def test_a_constant_that_the_rows_set_takes_its_part_of_the_residuals() -> None:
    # All rows 0.3 too high. As one constant of unknown size that is no scatter at all; without the constant it is.
    residuals, names = np.full(24, 0.3), [str(i % 8) for i in range(24)]
    one = np.ones((24, 1))
    explained = components(residuals, one, names, np.array([3.0]), WIDE, WIDE)
    unexplained = components(residuals, one, names, np.array([1e-6]), WIDE, WIDE)
    assert explained.within < 0.02 and explained.between < 0.05
    assert unexplained.between > 0.2


def test_the_covariance_of_a_mean_by_hand() -> None:
    # Four families of two: the mean's variance is (between^2 + within^2 / 2) / 4.
    rng = np.random.default_rng(2)
    names = [str(i // 2) for i in range(8)]
    found = components(rng.normal(0, 0.05, 8), np.ones((8, 1)), names, np.array([100.0]), WIDE, WIDE)
    assert found.covariance[0, 0] == pytest.approx((found.between**2 + found.within**2 / 2) / 4, rel=1e-4)


def test_what_two_sets_of_jobs_say_of_a_constant_counts_together_and_what_was_known_beforehand_once() -> None:
    # Known to 0.5 beforehand; alone the sets leave 0.3 and 0.4. Their own precisions are 1/0.09 - 4 and 1/0.16 - 4.
    parts = [Components(0.1, 0.1, np.array([[error**2]]), 5, 20) for error in (0.3, 0.4)]
    assert together(parts, np.array([0.5]))[0, 0] == pytest.approx(1 / (1 / 0.09 + 1 / 0.16 - 4))
    assert together(parts[:1], np.array([0.5]))[0, 0] == pytest.approx(0.09)


def test_many_rows_with_few_families_score_as_the_whole_matrix_says() -> None:
    # The likelihood is asked in the directions that families and constants move; here with all of n x n.
    rng = np.random.default_rng(5)
    names, jacobian, widths = [str(i % 4) for i in range(30)], rng.normal(0, 1, (30, 2)), np.array([0.1, 0.3])
    residuals = rng.normal(0, 0.1, 30)
    found = components(residuals, jacobian, names, widths, WIDE, WIDE)
    member = np.array([[float(name == each) for each in "0123"] for name in names])
    scores = np.zeros((41, 41))
    for i, w in enumerate(WIDE.grid):
        for j, b in enumerate(WIDE.grid):
            v = w**2 * np.eye(30) + b**2 * member @ member.T + (jacobian * widths**2) @ jacobian.T
            scores[i, j] = -0.5 * (np.linalg.slogdet(v)[1] + residuals @ np.linalg.solve(v, residuals))
    scores += WIDE.log_prior(WIDE.grid)[:, None] + WIDE.log_prior(WIDE.grid)[None, :]
    weights = np.exp(scores - scores.max())
    assert found.within**2 == pytest.approx(weights.sum(axis=1) @ WIDE.grid**2 / weights.sum())
    assert found.between**2 == pytest.approx(weights.sum(axis=0) @ WIDE.grid**2 / weights.sum())


def test_a_sum_of_two_variances_has_the_degrees_of_the_one_that_matters() -> None:
    alone = np.zeros((0, 0))
    assert Components(0.0, 0.1, alone, families=3, jobs=140).degrees_of_total == 2
    assert Components(0.1, 0.0, alone, families=3, jobs=140).degrees_of_total == 137
    # Equal variances: (1 + 1)^2 / (1 / 137 + 1 / 2) = 7.88.
    assert Components(0.1, 0.1, alone, families=3, jobs=140).degrees_of_total == 7
