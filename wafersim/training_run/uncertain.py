"""What is not known of a run, as standard deviations of logarithms, and factors drawn from it for many runs.

Apart from chance: chance makes two runs of one plan differ, this makes the plan itself uncertain. Every factor is log-normal with
its median at 1. Rates of machines share the site's, since installations differ as a whole (a spike of the loss is the model's
own), and all recoveries move together: who notices one late notices all late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wafersim.inputs.fit import Z80
from wafersim.training_run.factors import Factors

FURTHEST = 100.0  # a factor lies between this and its inverse


@dataclass(frozen=True)
class Uncertain:
    """Of a job: `step` is the half-width of the 80 % interval of its step time's logarithm, the others are standard deviations;
    `site`, `rate` and `recovery` are by source."""

    step: float
    site: tuple[float, ...]
    rate: tuple[float, ...]
    recovery: tuple[float, ...]
    saving: float
    startup: float

    def drawn(self, seed: int, runs: int) -> Factors:
        """Factors for each run, in columns; the same for the same seed, in any order of asking."""
        generator = np.random.Generator(np.random.Philox(seed))
        sources = len(self.rate)
        normal = generator.standard_normal((runs, 5 + sources))
        site = np.asarray(self.site) * normal[:, 3:4]
        return Factors(
            step=_factor(self.step / Z80 * normal[:, 0]),
            rate=_factor(site + np.asarray(self.rate) * normal[:, 5:]),
            recovery=_factor(np.asarray(self.recovery) * normal[:, 4:5]),
            saving=_factor(self.saving * normal[:, 1]),
            startup=_factor(self.startup * normal[:, 2]),
        )


def _factor(logarithm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of its logarithm, which is cut where nothing is meant any more."""
    return np.clip(np.exp(logarithm), 1.0 / FURTHEST, FURTHEST)
