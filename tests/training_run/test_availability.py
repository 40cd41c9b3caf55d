"""Spares, shrunk jobs, slow systems and waits in closed form against published numbers and textbook cases."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from wafersim.training_run.availability import (
    availability,
    availability_for,
    enough_up,
    expected_rate,
    expected_slowest,
    waiting_for_units,
)
from wafersim.training_run.queueing import erlang_loss, mean_wait

DAY = 86400.0


@pytest.mark.parametrize(
    "rate, needed, units, published",
    [
        (2.34, 48, 48, 0.8939), (6.50, 48, 48, 0.7327), (6.50, 48, 52, 0.999977),  # O212
        (2.34, 16, 16, 0.9633), (2.34, 16, 17, 0.999276), (6.50, 16, 16, 0.9015), (6.50, 16, 17, 0.994682),  # O213
    ],
)  # fmt: skip
def test_k_of_n(rate: float, needed: int, units: int, published: float) -> None:
    """`rate` in 1,000 unit-days, repairs of a day; the printed digits."""
    digits = len(str(published)) - 2
    assert round(enough_up(needed, units, availability(1000 * DAY / rate, DAY)), digits) == published


def test_four_spares_of_a_good_cluster_are_hardly_ever_too_few() -> None:
    assert enough_up(48, 52, availability(1000 / 2.34, 1)) > 0.999999  # O212


def test_google_s_hot_cubes() -> None:
    assert availability_for(0.95, 130, 144) == pytest.approx(0.9347, abs=5e-5)  # O214


@given(st.integers(1, 300), st.data(), st.floats(0, 1))
def test_k_of_n_is_the_binomial(units: int, data: st.DataObject, available: float) -> None:
    needed = data.draw(st.integers(0, units))
    assert enough_up(needed, units, available) == pytest.approx(
        binom.sf(needed - 1, units, available), rel=1e-8, abs=1e-12
    )


def test_a_job_that_shrinks_linearly_runs_at_the_rate_of_what_is_up() -> None:
    assert expected_rate([float(k) for k in range(17)], 0.9) == pytest.approx(16 * 0.9)  # O217
    # One that needs all of three systems runs only while they are up.
    assert expected_rate([0, 0, 0, 1], 0.9) == pytest.approx(0.9**3)


def test_the_slowest_of_many() -> None:
    assert expected_slowest(1, 10, 1) == 11
    assert expected_slowest(3, 10, 1) == pytest.approx(10 + 1 + 1 / 2 + 1 / 3)  # O218
    assert expected_slowest(100_000, 0, 1) == pytest.approx(math.log(100_000) + 0.5772157, abs=1e-5)


def test_waits_at_a_store() -> None:
    assert mean_wait(0.5, 1.0) == 0.5  # O215: M/D/1, half a service at half load
    assert mean_wait(0.5, 1.0, 1.0) == 1.0  # M/M/1
    assert math.isinf(mean_wait(1.0, 1.0))


def test_erlang_s_table() -> None:
    # Erlang B of textbooks: 5 servers and 3 erlangs lose 11.005 %, 10 and 5 lose 1.8385 %.
    assert erlang_loss(5, 3.0) == pytest.approx(0.11005, abs=5e-6)
    assert erlang_loss(10, 5.0) == pytest.approx(0.018385, abs=5e-7)


def test_without_spares_a_job_waits_for_each_repair() -> None:
    # 16 systems, 2 failures in 1,000 days of one: a day of repair for each 31.25 days of work.
    assert waiting_for_units(16, 0, 500 * DAY, DAY) == pytest.approx(1 / 32.25)
    waits = [waiting_for_units(16, spares, 500 * DAY, DAY) for spares in range(4)]
    assert waits == sorted(waits, reverse=True)
