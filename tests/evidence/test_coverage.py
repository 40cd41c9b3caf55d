"""Coverage by group on sums that a pencil can do, and the floor that it is held to."""

from math import log

import pytest

from wafersim.evidence.coverage import Coverage, by_group, coverage_of, interval_of
from wafersim.evidence.floors import badly_covered
from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.gpu import left_out_by_stack
from wafersim.inputs.fit import LeftOut, load_fit


def row(error: float, half_width: float = 0.1) -> LeftOut:
    return LeftOut(error=error, half_width=half_width)


def test_a_family_counts_once_however_many_rows_it_has() -> None:
    # Nine rows of one family lie inside, one of two others.
    judged = [("a", row(0.01))] * 9 + [("b", row(-0.2)), ("c", row(0.05, 0.2))]
    found = coverage_of(judged)
    assert found == Coverage(11, 3, 10, pytest.approx(2 / 3), pytest.approx(1.2 / 11))
    assert coverage_of([]) is None and by_group({"none": []}) == {}


def test_the_interval_of_a_row_is_around_its_whole_range() -> None:
    judged = ValidatedRow("x", "test", "", 2.0, 1.0, "s", low=1.0, high=4.0)
    found = interval_of(judged)
    assert found is not None and (found.error, found.half_width) == (pytest.approx(log(2)), pytest.approx(log(2)))
    assert interval_of(ValidatedRow("x", "test", "", 2.0, 1.0, "s")) is None


@pytest.mark.parametrize(("times", "broken"), [(0.4, 5), (1.0, 0), (20.0, 9)])
def test_intervals_that_are_too_narrow_or_far_too_wide_break_a_floor(times: float, broken: int) -> None:
    """Nine groups have eight rows or more."""
    groups = {
        group: [(family, row(one.error, times * one.half_width)) for family, one in rows]
        for group, rows in left_out_by_stack(load_fit("gpu")).items()
    }
    assert (
        len(badly_covered(by_group(groups), 0.70, 0.97)) >= broken
        if broken
        else not badly_covered(by_group(groups), 0.70, 0.97)
    )
