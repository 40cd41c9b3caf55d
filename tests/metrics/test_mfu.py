"""MFU counts the FLOPs that are done, by hand."""

import pytest

from tests.simulation.test_conservation import experiment
from wafersim.simulation import simulate

# Of 111M a token meets 10 blocks of 12 x 768^2 weights and 50,257 x 768 of logits, and 12 x 2,048 scores of 64 elements a block.
WEIGHTS = 10 * 12 * 768**2 + 50_257 * 768
ATTENTION = 12 * 10 * 12 * 2048 * 64
PEAK = 850e3 * 4 * 2 * 1.1e9


@pytest.mark.parametrize("density", [1.0, 0.25, 0.01])
def test_weights_that_are_zero_do_no_work(density: float) -> None:
    found = simulate(experiment(systems=1, training={"batch": 24, "density": density}))
    done = 24 * 2048 * (6 * WEIGHTS * density + ATTENTION)
    assert found.mfu == pytest.approx(done / (found.step_time_s * PEAK), rel=1e-6)
