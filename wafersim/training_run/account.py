"""Where the time of one job goes: every tick belongs to one `Loss`, and what a failure costs to its source."""

from __future__ import annotations

from dataclasses import dataclass

from wafersim.training_run.plan import Loss


@dataclass(frozen=True)
class Trained:
    """Steps first + 1 to first + steps, done one after the other at one pace; they count until they are rolled back."""

    first: int
    steps: int
    step_ticks: int
    stall_ticks: int


class Account:
    """The books of one job, in ticks."""

    def __init__(self, sources: int) -> None:
        self._spent = [0] * len(Loss)
        self._trained: list[Trained] = []
        self.by_source = [0] * sources

    def spend(self, loss: Loss, ticks: int, source: int | None = None) -> None:
        """Time that went into `loss`, because of a source if one is given."""
        self._spent[loss] += ticks
        if source is not None:
            self.by_source[source] += ticks

    def train(self, trained: Trained) -> None:
        """Steps that count unless they are rolled back."""
        if trained.steps:
            self._trained.append(trained)

    def roll_back(self, step: int, source: int) -> None:
        """All that was trained after `step` was in vain; `step` is a boundary, so what was done at one pace is so whole."""
        while self._trained and self._trained[-1].first >= step:
            vain = self._trained.pop()
            self.spend(Loss.WASTED_PROGRESS, vain.steps * (vain.step_ticks + vain.stall_ticks), source)

    @property
    def losses(self) -> tuple[int, ...]:
        """By `Loss`."""
        losses = list(self._spent)
        losses[Loss.PRODUCTIVE] += sum(each.steps * each.step_ticks for each in self._trained)
        losses[Loss.DATA_LOADING] += sum(each.steps * each.stall_ticks for each in self._trained)
        return tuple(losses)
