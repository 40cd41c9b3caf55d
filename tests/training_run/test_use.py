"""What chips do in each part of a run's time: compute, wait, or belong to somebody else."""

import numpy as np
import pytest

from wafersim.training_run.plan import Loss
from wafersim.training_run.use import COMPUTES, WAITS, use_of


def test_every_part_of_the_time_is_counted_once() -> None:
    assert sorted((*COMPUTES, *WAITS, Loss.WAITING)) == sorted(Loss)


def test_steps_in_vain_are_paid_as_others_are_and_waits_are_idle() -> None:
    losses = [0.0] * len(Loss)
    for loss, seconds in {
        Loss.PRODUCTIVE: 100.0,
        Loss.WASTED_PROGRESS: 7.0,
        Loss.CHECKPOINT_SAVE: 5.0,
        Loss.RECOVERY: 3.0,
    }.items():
        losses[loss] = seconds
    losses[Loss.WAITING] = 1000.0  # before it had its systems
    use = use_of(losses, 16, spares=8)
    assert (use.count, use.spares, use.busy_s, use.idle_s, use.elapsed_s) == (16, 8, 107.0, 8.0, 115.0)


def test_columns_of_runs() -> None:
    losses = np.arange(2.0 * len(Loss)).reshape(len(Loss), 2)
    use = use_of(losses, 8)
    assert np.asarray(use.elapsed_s) == pytest.approx(losses[: Loss.WAITING].sum(axis=0))
