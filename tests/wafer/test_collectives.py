"""Reduces on a line: sums are right, and Luczynski's formula holds over its range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.wafer.collectives import (
    SHAPES,
    Line,
    all_reduce_cycles,
    broadcast_cycles,
    parents,
    reduce,
    reduce_closed_form,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SHAPES), st.integers(1, 40), st.integers(1, 20))
def test_the_root_gets_the_sum(shape: str, p: int, words: int) -> None:
    vectors = np.random.default_rng(p).integers(-8, 8, (p, words)).astype(np.float32)  # exact in any order
    total, cycles = reduce(shape, vectors, Line())
    assert np.array_equal(total, vectors.sum(axis=0))
    assert cycles >= words * (p > 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("p", [16, 64, 256, 512])
@pytest.mark.parametrize("words", [256, 1024, 4096])
def test_the_published_model_within_4_percent(shape: str, p: int, words: int) -> None:
    # "within 4 % of hardware" is said of vectors that fill the line; a few words on a short line are not its range.
    _, cycles = reduce(shape, np.ones((p, words), np.float32), Line(ramp=2, hop=1))
    assert reduce_closed_form(shape, p, words, Line(ramp=2, hop=1)) == pytest.approx(cycles, rel=0.04)


def test_a_chain_of_three_by_hand() -> None:
    # Two words, ramp 2, hop 1. PE 2's words are ready at 0: at PE 1 from 2 + 2 + 1 = 5, added 5..6 and 6..7.
    # PE 1's words at 6 and 7 reach PE 0 at 11 and 12 and are added by 12 and 13.
    assert reduce("chain", np.ones((3, 2), np.float32), Line(ramp=2, hop=1))[1] == 13


@pytest.mark.parametrize("p", [2, 3, 17, 64])
def test_every_shape_is_a_tree_to_the_root(p: int) -> None:
    for shape in SHAPES:
        up = parents(shape, p)
        assert up[0] == -1 and all(0 <= up[i] < i for i in range(1, p))


def test_orderings() -> None:
    # Long vectors favour the chain, single words the tree and the two-phase reduce.
    def cycles(words: int) -> dict[str, int]:
        return {shape: reduce(shape, np.ones((512, words), np.float32), Line())[1] for shape in SHAPES}

    long, short = cycles(8192), cycles(1)
    assert min(long, key=long.__getitem__) == "chain"
    assert short["tree"] < short["chain"] and short["two-phase"] < short["chain"]


def test_all_reduce_is_a_reduce_and_a_broadcast() -> None:
    assert broadcast_cycles(10, 5, Line(ramp=2, hop=1)) == 5 + 9 + 4
    assert all_reduce_cycles("chain", 1, 5, Line()) == 0
    line = Line()
    assert all_reduce_cycles("tree", 8, 4, line) == reduce_closed_form("tree", 8, 4, line) + broadcast_cycles(
        8, 4, line
    )
