"""What chance decides for one job of one run: `draws`, asked by source, stream and counter, with durations in ticks."""

from __future__ import annotations

from dataclasses import dataclass

from wafersim.training_run import draws
from wafersim.training_run.draws import STREAMS, Stream
from wafersim.training_run.plan import Wait


@dataclass(frozen=True)
class Dice:
    """Every answer is a pure function of its place, so the order of asking is nothing."""

    seed: int
    run: int
    job: int

    def uniform(self, source: int, stream: Stream, counter: int) -> float:
        """Within (0, 1)."""
        return float(draws.uniform(*self._key(source, stream, counter)))

    def gap(self, source: int, stream: Stream, counter: int, mean_s: float, shape: float = 1.0) -> int:
        """Ticks of work until something strikes."""
        return draws.instant(draws.gap(mean_s, shape, *self._key(source, stream, counter)))

    def wait(self, source: int, stream: Stream, counter: int, wait: Wait) -> int:
        """Ticks of a detection or a repair."""
        return draws.instant(draws.wait(wait.mean_s, wait.sigma, *self._key(source, stream, counter)))

    def _key(self, source: int, stream: Stream, counter: int) -> tuple[int, int, int, int, int]:
        return self.seed, self.run, self.job, source * STREAMS + stream, counter
