"""What the parts of a run's time are called, and their colours, once: the terms of ml-goodput-measurement where it has one."""

from __future__ import annotations

from dataclasses import dataclass

from wafersim.strategies import palette
from wafersim.training_run.plan import Loss


@dataclass(frozen=True)
class LossWords:
    """`key` in JSON, `label` in tables and legends; what shares a colour with another is hatched."""

    key: str
    label: str
    colour: str
    hatched: bool = False


WORDS = {
    Loss.PRODUCTIVE: LossWords("productive", "steps that count", palette.BLUE),
    Loss.DATA_LOADING: LossWords("data_loading", "waits for input", palette.SKY),
    Loss.INITIALIZATION: LossWords("initialization", "first start", palette.VIOLET, hatched=True),
    Loss.PROGRAM_STARTUP: LossWords("program_startup", "later starts", palette.VIOLET),
    Loss.CHECKPOINT_SAVE: LossWords("checkpoint_save", "saves", palette.WHEAT),
    Loss.CHECKPOINT_RESTORE: LossWords("checkpoint_restore", "restores", palette.ORANGE),
    Loss.WASTED_PROGRESS: LossWords("wasted_progress", "steps in vain", palette.RED),
    Loss.RECOVERY: LossWords("recovery", "down time (noticing, repair, queue)", palette.WINE),
    Loss.EVALUATION: LossWords("evaluation", "evaluations", palette.GREEN),
    Loss.MAINTENANCE: LossWords("maintenance", "maintenance", palette.SILVER),
    Loss.WAITING: LossWords("waiting", "waiting for systems", palette.SILVER, hatched=True),
}
