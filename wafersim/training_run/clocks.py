"""Clocks of failures: when, on a job's clock of work, each of its sources strikes next.

A source of shape 1 is one clock, however many units it has; any other has a clock for each unit. A strike sets the clock that
struck anew, or takes the unit away if it is `removed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from wafersim.training_run.dice import Dice
from wafersim.training_run.draws import Stream
from wafersim.training_run.plan import Source


@dataclass(frozen=True, order=True)
class Strike:
    """The earliest of several is the least: by ticks of work, then source, then unit (0 for all exponential ones)."""

    at: int
    source: int
    unit: int


class Clocks:
    """All clocks of one job, and how many `failures` each source has had."""

    def __init__(self, sources: Sequence[Source], dice: Dice) -> None:
        self.failures = [0] * len(sources)
        self._sources, self._dice = sources, dice
        self._left = [source.units for source in sources]
        self._strikes: list[Strike] = []  # a heap
        for number, source in enumerate(sources):
            if source.shape == 1.0:
                self._set_all(number, 0)
            else:
                for unit in range(source.units):
                    self._set_unit(number, unit, 0, counter=unit)

    @property
    def earliest(self) -> Strike | None:
        """What strikes next, if anything can."""
        return self._strikes[0] if self._strikes else None

    def strike(self) -> int:
        """The earliest happens, and its clock is set anew; how many failures its source had before."""
        strike = heappop(self._strikes)
        number, source = strike.source, self._sources[strike.source]
        before = self.failures[number]
        self.failures[number] += 1
        self._left[number] -= source.removed
        if source.shape == 1.0:
            self._set_all(number, strike.at)
        elif not source.removed:
            self._set_unit(number, strike.unit, strike.at, counter=source.units + before)
        return before

    def _set_all(self, number: int, worked: int) -> None:
        """The units that are left fail together, as one clock that is as many times faster."""
        if self._left[number] > 0:
            mean_s = self._sources[number].mean_s / self._left[number]
            gap = self._dice.gap(number, Stream.GAP, self.failures[number], mean_s)
            heappush(self._strikes, Strike(worked + gap, number, 0))

    def _set_unit(self, number: int, unit: int, worked: int, counter: int) -> None:
        source = self._sources[number]
        gap = self._dice.gap(number, Stream.GAP, counter, source.mean_s, source.shape)
        heappush(self._strikes, Strike(worked + gap, number, unit))
