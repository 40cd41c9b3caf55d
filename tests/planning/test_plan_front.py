"""The search of a plan, held against measuring everything."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafersim.planning.front import best, front
from wafersim.planning.speculation import Forked, Measured

# Few different numbers, so that ties are drawn often; a value is its bound and more, or infinite where it does not meet a goal.
NUMBER = st.integers(0, 12).map(float)
MORE = st.one_of(st.just(0.0), NUMBER, st.just(inf))
ONE = st.tuples(NUMBER, MORE)
BOTH = st.tuples(NUMBER, MORE, NUMBER, MORE)


@given(st.lists(ONE, max_size=30))
def test_the_best_is_that_of_measuring_all(drawn: list[tuple[float, float]]) -> None:
    values = [bound + more for bound, more in drawn]
    found = best([bound for bound, _ in drawn], values.__getitem__)
    least = min(values, default=inf)
    assert found == (None if least == inf else values.index(least))


@given(st.lists(BOTH, max_size=30))
def test_the_front_is_that_of_measuring_all(drawn: list[tuple[float, float, float, float]]) -> None:
    values = [(a + b, c + d) for a, b, c, d in drawn]
    values = [(inf, inf) if inf in each else each for each in values]
    found = front([(a, c) for a, _, c, _ in drawn], values.__getitem__)
    undominated = {
        one
        for one in values
        if one[0] < inf and not any(other != one and other[0] <= one[0] and other[1] <= one[1] for other in values)
    }
    assert [values[place] for place in found] == sorted(undominated)
    assert all(values.index(values[place]) == place for place in found), "of equals the first"


def test_what_cannot_be_better_is_not_measured() -> None:
    """Three candidates whose bounds lie above the first one's value in both respects, or in the one that is asked for."""
    measured: list[int] = []

    def value(place: int) -> float:
        measured.append(place)
        return (1.5, 9.0, 9.0, 9.0)[place]

    assert best([1.0, 2.0, 3.0, 1.4], value) == 0
    assert measured == [0, 3]
    measured.clear()
    assert front(
        [(1.0, 1.0), (2.0, 2.0), (3.0, 1.5), (2.0, 0.5)], lambda place: (value(place), (1.5, 2, 2, 1.0)[place])
    ) == [0, 3]
    assert measured == [0, 3]


def test_each_is_measured_once() -> None:
    asked: list[int] = []
    measured = Measured(lambda place: asked.append(place) or place)  # type: ignore[func-returns-value]
    assert [measured(3), measured(1), measured(3)] == [3, 1, 3]
    assert (asked, len(measured), 3 in measured, 2 in measured) == ([3, 1], 2, True, False)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_measured_ahead_is_what_would_be_measured(workers: int) -> None:
    """By other processes where there are several; a fault comes up where it is asked for, or never."""

    def measure(place: int) -> int:
        return 10 // place

    measured = Measured(measure, Forked(measure, workers) if workers > 1 else None)
    measured.ahead([5, 0, 2])
    assert [measured(place) for place in (5, 2, 3)] == [2, 5, 3]
    with pytest.raises(ZeroDivisionError):
        measured(0)
    measured.ahead([0])
    measured.close()
    assert len(measured) == 3


def test_those_that_may_be_next_are_named_in_order() -> None:
    named: list[list[int]] = []
    values = [5.0, 1.0, 9.0, 4.0]
    best([3.0, 1.0, 8.0, 0.0], values.__getitem__, lambda places: named.append(list(places)))
    assert named == [[3, 1, 0, 2], [1, 0]], "not what lies above a value that is known"


@pytest.mark.parametrize("nothing", [[], [inf, inf]])
def test_nothing_that_meets_a_goal_is_no_answer(nothing: list[float]) -> None:
    assert best([0.0] * len(nothing), nothing.__getitem__) is None
    assert front([(0.0, 0.0)] * len(nothing), lambda place: (nothing[place], nothing[place])) == []
