"""The weight gradient, GEMV, shift and the sparse product: results, hand arithmetic, closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wafer.test_weight_streaming import PES, SMALL
from wafersim.wafer.collectives import SHAPES, Line
from wafersim.wafer.lines import gemv, shift, sparse_product
from wafersim.wafer.measured_kernels import KernelShape, cycles
from wafersim.wafer.mesh import KernelCode
from wafersim.wafer.weight_gradient import gradient_closed_form, gradient_cycles, simulate_gradient
from wafersim.wafer.weight_streaming import PE, simulate


@settings(max_examples=300, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL, SMALL, PES)
def test_the_gradient_s_closed_form_equals_the_simulation(
    t: int, k: int, n: int, rows: int, columns: int, pe: PE
) -> None:
    assert gradient_cycles(t, k, n, rows, columns, pe).cycles == gradient_closed_form(t, k, n, rows, columns, pe)


def test_all_three_passes_compute() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((12, 10)).astype(np.float16), rng.standard_normal((10, 7)).astype(np.float16)
    dy = rng.standard_normal((12, 7)).astype(np.float16)
    forward = simulate(x, w, 3, 4, PE()).product
    dgrad = simulate(dy, np.ascontiguousarray(w.T), 3, 4, PE()).product
    wgrad = simulate_gradient(x, dy, 3, 4, PE()).product
    exact = [a.astype(np.float64) @ b.astype(np.float64) for a, b in ((x, w), (dy, w.T), (x.T, dy))]
    for ours, theirs in zip((forward, dgrad, wgrad), exact, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_two_gradient_columns_by_hand() -> None:
    # One PE, one token: 1 word in, 2 features x (3 + 2) = 10, 2 words out; the second column 10 later: 1 + 10 + 2 + 10.
    assert gradient_cycles(1, 2, 2, 1, 1, PE(simd_width=4, issue=3, group=2)).cycles == 23


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 20), st.integers(1, 6), st.sampled_from(SHAPES))
def test_gemv_computes(k: int, n: int, p: int, shape: str) -> None:
    rng = np.random.default_rng(k * 100 + n)
    x, w = rng.standard_normal(k).astype(np.float16), rng.standard_normal((k, n)).astype(np.float16)
    result, taken = gemv(x, w, p, KernelCode(10, 2, 1, 1), Line(), shape)
    assert result == pytest.approx(x.astype(np.float64) @ w.astype(np.float64), abs=1e-3)
    assert taken >= 10


def test_gemv_on_one_pe_is_its_local_product() -> None:
    # 10 + 3 x (2 + 4 x (1 + 1))
    ones = np.ones((3, 4), np.float16)
    assert gemv(ones[:, 0], ones, 1, KernelCode(10, 2, 1, 1), Line())[1] == 40


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(0, 25), st.integers(1, 8))
def test_shift_moves_and_its_closed_form(p: int, hops: int, elements: int) -> None:
    values = np.arange(p * elements, dtype=np.float32).reshape(p, elements)
    moved, taken = shift(values, hops, 59, 1)
    expected = np.zeros_like(values)
    if hops < p:
        expected[hops:] = values[: p - hops]
    assert np.array_equal(moved, expected)
    constants = {"setup": 0, "per_hop": 59, "per_element": 1, "both_roles": 0}
    assert taken == cycles("shift", KernelShape(p, elements, 1, 1, hops=hops), constants)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.floats(0, 1))
def test_the_sparse_product_computes_and_its_closed_form(rows: int, inner: int, columns: int, density: float) -> None:
    rng = np.random.default_rng(rows * 144 + inner * 12 + columns)
    a = (rng.standard_normal((rows, inner)) * (rng.random((rows, inner)) < density)).astype(np.float32)
    b = rng.standard_normal((inner, columns)).astype(np.float32)
    r, c = np.nonzero(a)
    product, taken = sparse_product(r, c, a[r, c], b, rows, 31, 2)
    assert product == pytest.approx(a.astype(np.float64) @ b, abs=1e-4)
    shape = KernelShape(1, rows, inner, columns, nonzeros=len(r))
    assert taken == cycles("spmm-coo", shape, {"setup": 0, "per_nonzero": 31, "per_element": 2})
