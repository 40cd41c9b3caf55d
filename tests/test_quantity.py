"""Units at the door."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafersim import quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("1.2 Tb/s", "bandwidth", 150e9),  # bits
        ("1.2 TB/s", "bandwidth", 1.2e12),  # bytes
        ("48 KB", "size", 48_000),
        ("48 KiB", "size", 49_152),
        ("3 MiB", "size", 3_145_728),
        ("1.1 GHz", "frequency", 1.1e9),
        ("2us", "time", 2e-6),
        ("3 min", "time", 180),
        ("2 h", "time", 7_200),
        ("2 days", "time", 172_800),
        ("1 kWh", "energy", 3.6e6),
        ("1 MWh", "energy", 3.6e9),
        ("7.5 PF", "rate", 7.5e15),
        ("23 kW", "power", 23_000),
        ("12 %", "fraction", 0.12),
        ("300e9", "count", 3e11),
        (16, "count", 16),
    ],
)
def test_written_quantities_in_si_units(text: object, dimension: str, value: float) -> None:
    assert quantity.parse(text, dimension) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension", "problem"),
    [
        ("3 GB", "time", "GB is a unit of size, not of time"),
        ("150 gb/s", "bandwidth", "units are case-sensitive: "),
        ("150", "bandwidth", "needs a unit"),
        ("fast", "bandwidth", "must be a bandwidth"),
        (True, "count", "must be a count"),
        ("1e400", "count", "finite"),
    ],
)
def test_what_is_refused(text: object, dimension: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        quantity.parse(text, dimension)


@given(st.sampled_from(sorted(quantity.UNITS)), st.floats(1e-12, 1e18))
def test_formatting_and_parsing_are_inverse(dimension: str, value: float) -> None:
    assert math.isclose(quantity.parse(quantity.format(value, dimension), dimension), value, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("value", "dimension", "written"),
    [
        (-40e9, "size", "-40 GB"),
        (0.0, "size", "0 B"),
        (999.0, "bandwidth", "999 B/s"),
        (1e3, "bandwidth", "1 KB/s"),
        (7200.0, "time", "2 h"),
    ],
)
def test_the_largest_unit_that_keeps_a_value_at_least_one(value: float, dimension: str, written: str) -> None:
    assert quantity.format(value, dimension) == written
