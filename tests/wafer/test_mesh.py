"""SUMMA, Cannon and the interleaved mesh GEMM: they compute the product; closed forms equal the simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.errors import Infeasible
from wafersim.wafer.mesh import DATAFLOWS, KernelCode, Mesh, closed_form, ring, simulate

TILE = st.integers(1, 5)
CODES = st.builds(
    KernelCode,
    sync=st.integers(0, 200),
    per_k=st.integers(0, 40),
    per_vector=st.integers(0, 20),
    per_element=st.integers(1, 3),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DATAFLOWS), st.integers(1, 7), TILE, TILE, TILE, CODES, st.integers(1, 3), st.booleans())
def test_product_and_closed_form(
    dataflow: str, p: int, m: int, k: int, n: int, code: KernelCode, hop: int, half: bool
) -> None:
    rng = np.random.default_rng(p * 1000 + m * 100 + k * 10 + n)
    a = rng.standard_normal((p * m, p * k)).astype(np.float16)
    b = rng.standard_normal((p * k, p * n)).astype(np.float16)
    mesh = Mesh(hop=hop)
    product, cycles, busy = simulate(dataflow, a, b, p, code, mesh, "fp16" if half else "fp32")
    exact = a.astype(np.float64) @ b.astype(np.float64)
    unit = 2.0**-11 if half else 2.0**-24
    bound = (p * k + 1) * unit * (np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))) * 1.1 + 1e-7
    assert np.all(np.abs(product - exact) <= bound)
    assert cycles == closed_form(dataflow, p, m, k, n, code, mesh)
    assert np.all(busy == p * code.step(m, k, n))


def test_uneven_matrices_are_padded() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((7, 5)).astype(np.float16), rng.standard_normal((5, 9)).astype(np.float16)
    for dataflow in DATAFLOWS:
        product, *_ = simulate(dataflow, a, b, 3, KernelCode(1, 1, 1, 1), Mesh())
        assert product == pytest.approx(a.astype(np.float64) @ b.astype(np.float64), abs=1e-2)


@given(st.integers(1, 100))
def test_ring_neighbours_are_at_most_two_places_apart(p: int) -> None:
    place = np.argsort(ring(p))
    assert sorted(ring(p).tolist()) == list(range(p))
    assert np.abs(place - np.roll(place, 1)).max() <= 2


def test_one_pe_is_a_serial_loop() -> None:
    code = KernelCode(sync=10, per_k=3, per_vector=2, per_element=1)
    # 10 + 4 x (3 + 2 x (2 + 3 x 1))
    assert all(closed_form(d, 1, 3, 4, 2, code, Mesh()) == 62 for d in DATAFLOWS)


def test_the_long_wire_of_cannon_shows_where_tiles_are_small() -> None:
    code = KernelCode(sync=0, per_k=0, per_vector=0, per_element=0.25)
    small = {d: closed_form(d, 720, 8, 8, 8, code, Mesh()) for d in DATAFLOWS}
    assert small["interleaved"] < 0.5 * small["cannon"]


def test_a_wave_of_broadcasts_by_hand() -> None:
    # Two by two, one word a tile, work 10, hop 1: a step is 10 + 1; the wave goes to the far side and back: 22 + 2.
    assert closed_form("summa", 2, 1, 1, 1, KernelCode(0, 0, 0, 10), Mesh()) == 24


def test_the_step_of_summa_does_not_depend_on_the_grid() -> None:
    # Measured on WSE-2, tile 4: 915.7 cycles a step on 32 x 32, 910.3 on 750 x 750.
    code = KernelCode(sync=407, per_k=0, per_vector=23.61, per_element=2, sharing=2.647e-4)
    small, large = (closed_form("summa", p, 4, 4, 4, code, Mesh(), 4) / p for p in (32, 750))
    assert large == pytest.approx(small, rel=0.01)


def test_tiles_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Infeasible, match="tiles 100 x 100 x 100 need 100000 bytes"):
        simulate(
            "cannon",
            np.ones((100, 100), np.float16),
            np.ones((100, 100), np.float16),
            1,
            KernelCode(0, 0, 0, 1),
            Mesh(),
        )
