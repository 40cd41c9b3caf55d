"""From where the time of a run goes to what its chips do meanwhile: compute, or wait for something."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.metrics.footprint import Number, Use
from wafersim.training_run.plan import Loss

COMPUTES = (Loss.PRODUCTIVE, Loss.WASTED_PROGRESS, Loss.EVALUATION)
WAITS = (
    Loss.DATA_LOADING, Loss.INITIALIZATION, Loss.PROGRAM_STARTUP, Loss.CHECKPOINT_SAVE, Loss.CHECKPOINT_RESTORE, Loss.RECOVERY,
    Loss.MAINTENANCE,
)  # fmt: skip
"""Where chips wait for hosts, stores or people they draw idle power: that of Llama 3's 16,384 GPUs fell by tens of megawatts
while they waited for a checkpoint or for the job to end (arXiv 2407.21783, P022)."""


def use_of(losses_s: Sequence[Number], count: int, spares: int = 0) -> Use:
    """What a job of `count` wafers or GPUs, with `spares` standing by, makes of the seconds that went into each `Loss`.

    Seconds by number of the loss; each may be a column with an entry a run. Before a job begins it holds nothing: `WAITING`
    is left out.
    """
    return Use(count, sum(losses_s[loss] for loss in COMPUTES), sum(losses_s[loss] for loss in WAITS), spares)
