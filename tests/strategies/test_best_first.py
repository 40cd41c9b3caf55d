"""The best of many candidates without measuring them all."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafersim.strategies.best_first import best_first, best_of, refined


def measured(bounds: list[float], values: list[float], **how: float) -> list[int]:
    """Which candidates are measured, in order."""
    found = best_first(bounds, values.__getitem__, **how)
    assert found == {index: values[index] for index in found}
    return list(found)


@pytest.mark.parametrize(
    ("bounds", "values", "expected"),
    [
        ([3, 1, 2], [5, 4, 6], [1, 2, 0]),  # 4 is found first, and both other bounds lie below it
        ([3, 1, 2], [5, 2.5, 6], [1, 2]),  # no candidate with a bound of 3 can beat 2.5
        ([4, 2], [4, 4], [1, 0]),  # a bound of 4 may be as good as 4
        ([1, 1, 1], [9, 8, 7], [0, 1, 2]),  # equal bounds as they come
        ([1, 2], [inf, 3], [0, 1]),  # what fails beats nothing
        ([], [], []),
    ],
)
def test_in_the_order_of_the_bound_until_none_can_be_better(
    bounds: list[float], values: list[float], expected: list[int]
) -> None:
    assert measured(bounds, values) == expected


def test_the_two_best_need_a_bound_above_the_second() -> None:
    # 5 and 4 are found; 4.5 may still be better than 5, but 6 is not.
    assert measured([1, 2, 4.5, 6], [5, 4, 9, 10], keep=2) == [0, 1, 2]


def test_what_is_known_has_to_be_beaten() -> None:
    assert measured([1, 3], [7, 3], known=2) == [0]
    assert measured([3, 4], [7, 4], known=2) == []


def test_it_gives_up_after_so_many() -> None:
    assert measured([1, 2, 3], [9, 9, 9], most=2) == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12), st.integers(1, 4))
def test_the_best_are_those_of_measuring_everything(drawn: list[tuple[int, int]], keep: int) -> None:
    bounds, values = [low for low, _ in drawn], [low + above for low, above in drawn]
    found = best_first(bounds, values.__getitem__, keep)
    assert sorted(found.values())[:keep] == sorted(values)[:keep]


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4), max_size=8),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_groups_that_are_opened_late_lose_nothing(
    drawn: list[list[tuple[int, int]]], at_a_time: int, keep: int
) -> None:
    # A group's bound is no more than its members'; one that is empty has any.
    members = [(group, low, low + above) for group, some in enumerate(drawn) for low, above in some]
    bounds = np.array([min((low for low, _ in some), default=3) for some in drawn], float)

    def opened(groups):
        of = [index for group in groups for index, member in enumerate(members) if member[0] == group]
        return np.array([members[index][1] for index in of], float), np.array(of, int)

    found = best_of(refined(bounds, at_a_time, opened), lambda index: members[index][2], keep)
    assert sorted(found.values())[:keep] == sorted(value for _, _, value in members)[:keep]
