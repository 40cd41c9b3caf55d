"""How a product is laid over a grid, on grids small enough to try every split by hand."""

import pytest

from wafersim.wafer.mapping import Grid, best_mapping


def cycles(tokens: int, hidden: int, outputs: int, grid: Grid, density: float = 1.0) -> float:
    return best_mapping(tokens, hidden, outputs, density, grid).cycles


def test_one_pe_has_no_partial_sums_to_pass_on() -> None:
    # 100 tokens in 25 groups of 4: a weight takes 1 + 25 cycles, which is less than 100 partial sums would take to leave.
    # There is nobody to take them: 3 outputs x 2 features x 26 and 1 + 1 of fill.
    found = best_mapping(100, 2, 3, 1.0, Grid(1, 1, 4, 1.0, 1.0))
    assert (found.cycles, found.bound) == (3 * 2 * 26 + 2, "compute")


def test_partial_sums_that_take_longer_than_the_work_bind() -> None:
    # A column of 4 PEs, a cycle a weight whatever the tokens; 3 tokens, 8 features, 10 outputs. Features over all of them: 2
    # weights, but 3 partial sums: 10 x 3 and 1 + 4 of fill. Two replicas of 2: 2 tokens, 4 weights, 10 x 4. Tokens over them: 8.
    found = best_mapping(3, 8, 10, 1.0, Grid(4, 1, 4, 1.0, 0.0))
    assert (found.cycles, found.bound) == (35, "reduce link")
    assert (found.replicas, found.hidden_axis, found.tokens_per_pe, found.hidden_per_pe) == (1, 4, 3, 2)
    # With one token less they take no longer than the work.
    assert best_mapping(2, 8, 10, 1.0, Grid(4, 1, 4, 1.0, 0.0)).bound == "compute"


@pytest.mark.parametrize("density", [1.0, 0.5, 0.25])
def test_a_weight_that_is_zero_is_neither_issued_nor_multiplied(density: float) -> None:
    # One PE, 4 outputs x 8 features, each 20 cycles to issue and 2 groups of 1: 704 without zeros; 2 of fill.
    assert cycles(8, 8, 4, Grid(1, 1, 4, 20.0, 1.0), density) == 704 * density + 2


def test_a_wave_fills_both_axes() -> None:
    # 3 x 3 PEs, 3 tokens, 3 features, one each: 1 output of 10 + 1 cycles (3 of reduction would take less), 3 + 3 of fill.
    assert cycles(3, 3, 1, Grid(3, 3, 4, 10.0, 1.0)) == 11 + 6
