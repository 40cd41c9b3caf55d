"""The AXPY dataflow computes the product, counts cycles, and its closed form is exact."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.errors import Infeasible
from wafersim.wafer.mapping import Grid, best_mapping
from wafersim.wafer.weight_streaming import PE, closed_form, simulate, simulate_cycles

SMALL = st.integers(1, 10)
PES = st.builds(
    PE,
    simd_width=st.sampled_from([1, 2, 4, 8]),
    issue=st.integers(0, 8),
    group=st.integers(0, 3),
    hop=st.integers(1, 3),
    words_per_partial=st.integers(1, 2),
    queue=st.integers(1, 9),
)


@settings(max_examples=300, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL, SMALL, PES)
def test_the_closed_form_equals_the_simulation(t: int, k: int, n: int, rows: int, columns: int, pe: PE) -> None:
    assert simulate_cycles(t, k, n, rows, columns, pe).cycles == closed_form(t, k, n, rows, columns, pe)


@settings(max_examples=200, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL, SMALL, PES)
def test_rows_are_shifted_copies_of_the_first(t: int, k: int, n: int, rows: int, columns: int, pe: PE) -> None:
    whole = simulate_cycles(t, k, n, rows, columns, pe)
    assert simulate_cycles(t, k, n, rows, columns, pe, one_row=True).cycles == whole.cycles


def test_two_outputs_on_two_columns_by_hand() -> None:
    # issue 3 + 1 group of 2 = 5 a weight, two weights an output, one token: AXPYs of column 0 end at 10 and 20 (row 0).
    # Reduces (1 cycle): column 0 at 10..11, column 1 at 11..12; then 20..21 and 21..22. Row 1 lags by a hop: 23.
    pe = PE(simd_width=4, issue=3, group=2, hop=1)
    assert simulate_cycles(1, 2, 2, 2, 2, pe).cycles == 23


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 20), st.integers(1, 20), SMALL, st.integers(1, 5), st.integers(1, 5), st.floats(0, 1), st.booleans()
)
def test_it_computes_the_product(
    tokens: int, hidden: int, outputs: int, rows: int, columns: int, density: float, half: bool
) -> None:
    rng = np.random.default_rng(tokens * 1000 + hidden * 10 + outputs)
    x = rng.standard_normal((tokens, hidden)).astype(np.float16)
    w = (rng.standard_normal((hidden, outputs)) * (rng.random((hidden, outputs)) < density)).astype(np.float16)
    product = simulate(x, w, rows, columns, PE(), "fp16" if half else "fp32").product
    assert product is not None
    exact = x.astype(np.float64) @ w.astype(np.float64)
    # Every addition of at most hidden + columns rounds by half a unit of the running sum, bounded by the sum of magnitudes.
    unit = 2.0**-11 if half else 2.0**-24
    bound = (hidden + columns + 1) * unit * (np.abs(x.astype(np.float64)) @ np.abs(w.astype(np.float64))) * 1.1 + 1e-7
    assert np.all(np.abs(product - exact) <= bound)


def test_zeros_neither_travel_nor_work() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((8, 64)).astype(np.float16)
    dense = rng.standard_normal((64, 16)).astype(np.float16)
    dense[dense == 0] = 1
    half = dense.copy()
    half[::2] = 0  # every column of four PEs loses half of its weights
    full, sparse = (simulate(x, w, 2, 4, PE()) for w in (dense, half))
    assert sparse.busy.sum() * 2 == full.busy.sum()
    assert sparse.cycles == pytest.approx(full.cycles / 2, rel=0.05)
    # Density 1.0 takes as long as the dense product.
    assert full.cycles == simulate_cycles(4, 16, 16, 2, 4, PE()).cycles


def test_one_pe_is_a_serial_loop() -> None:
    pe = PE()
    assert simulate_cycles(7, 5, 3, 1, 1, pe).cycles == 3 * 5 * (pe.issue + pe.group * 2) + 7


@settings(max_examples=200, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL, SMALL, PES)
def test_nothing_beats_peak_or_the_links(t: int, k: int, n: int, rows: int, columns: int, pe: PE) -> None:
    if pe.group == 0:
        return  # a vector operation of no cost is no machine
    cycles = closed_form(t, k, n, rows, columns, pe)
    assert cycles >= t * k * n / pe.simd_width
    assert cycles >= n * t * pe.words_per_partial
    assert cycles >= n * k  # a wavelet a cycle down every column


@settings(max_examples=200, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL, SMALL, PES)
def test_a_wider_unit_never_slows(t: int, k: int, n: int, rows: int, columns: int, pe: PE) -> None:
    wide = PE(pe.simd_width * 2, pe.issue, pe.group, pe.hop, pe.words_per_partial, pe.queue)
    assert closed_form(t, k, n, rows, columns, wide) <= closed_form(t, k, n, rows, columns, pe)


def test_a_tile_that_does_not_fit_is_refused_with_its_bytes() -> None:
    with pytest.raises(Infeasible, match="needs 51200 bytes of a PE's 48000"):
        simulate(np.ones((100, 250), np.float16), np.ones((250, 1), np.float16), 1, 1, PE())


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 300), st.integers(1, 50))
def test_the_mapping_is_the_simulated_dataflow_at_its_best_split(tokens: int, hidden: int, outputs: int) -> None:
    grid = Grid(12, 16, 4, 21, 2)
    best = best_mapping(tokens, hidden, outputs, 1.0, grid)
    # The split covers the problem, and no split that we try by hand is faster.
    assert best.tokens_per_pe * best.token_axis * best.replicas >= tokens
    assert best.hidden_per_pe * best.hidden_axis >= hidden
    pe = PE(simd_width=4, issue=21, group=2)
    simulated = simulate_cycles(best.tokens_per_pe, best.hidden_per_pe, outputs, best.token_axis, best.hidden_axis, pe)
    assert best.cycles == pytest.approx(simulated.cycles, abs=best.tokens_per_pe + 30)
    for token_axis, hidden_axis in ((12, 16), (16, 12)):
        plain = outputs * max(ceil(hidden / hidden_axis) * (21 + 2 * ceil(ceil(tokens / token_axis) / 4)), 1)
        assert best.cycles <= max(plain, outputs * ceil(tokens / token_axis)) + token_axis + hidden_axis
