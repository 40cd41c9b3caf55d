"""How far a question lies from the runs that a scaling law was fitted to: told, and refused where it is too far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import Any

from wafersim.errors import WafersimError
from wafersim.numbers import amount

FARTHEST = 100.0  # times the largest or smallest run: as far as refits on smaller runs alone were held to larger ones
WORDS = {
    "parameters": ("model size", "parameters"),
    "tokens": ("training", "tokens"),
    "flops": ("compute", "FLOPs"),
    "tokens_per_parameter": ("ratio", "tokens a parameter"),
    "epochs": ("repeats", "epochs"),
}
EXACT = 1.05  # times: a ratio of 20.03 is one of 20


@dataclass(frozen=True)
class Beyond:
    """One measure of a question that lies outside of what was fitted, `low` to `high`."""

    measure: str
    value: float
    low: float
    high: float

    @property
    def times(self) -> float:
        """The factor by which it is above the largest or below the smallest that was fitted."""
        return self.value / self.high if self.value > self.high else self.low / self.value

    def __str__(self) -> str:
        name, end = WORDS[self.measure][0], "largest" if self.value > self.high else "smallest"
        side = "times the" if self.value > self.high else "times below the"
        fitted = said(self.measure, self.high if self.value > self.high else self.low)
        return (
            f"{name} of {said(self.measure, self.value)}, {_factor(self.times)} {side} {end} that was fitted ({fitted})"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the sentence that they make."""
        return {**vars(self), "times": self.times, "text": str(self)}


def said(measure: str, value: float) -> str:
    """`7.3 B parameters`, `5.8e23 FLOPs`."""
    unit = WORDS[measure][1]
    if measure == "flops" or not 1e-3 < value < 1e18:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa}e{int(exponent)} {unit}"
    return amount(value, unit) if value < 9_999.5 else f"{amount(value)} {unit}"


def _factor(times: float) -> str:
    return f"{times:,.1f}" if times < 99.5 else amount(times) if times < 1e18 else f"{times:.0e}"


@dataclass(frozen=True)
class Reach:
    """What a law's runs span in each measure, and, where not 100 times either end, how far beyond it still answers."""

    fitted: Mapping[str, tuple[float, float]]
    limits: Mapping[str, tuple[float, float]]

    def beyond(self, law: str, asked: Mapping[str, float]) -> tuple[Beyond, ...]:
        """Every measure outside of the fitted range, the farthest first.

        WafersimError where one lies beyond the limits of the law, in one line.
        """
        outside = []
        for measure, value in asked.items():
            low, high = self.fitted[measure]
            if low / EXACT <= value <= high * EXACT:
                continue
            one = Beyond(measure, value, low, high)
            least, most = self.limits.get(measure, (low / FARTHEST, high * FARTHEST))
            if not least <= value <= most:
                ends = f"{said(measure, least)} to {said(measure, most)}"
                raise WafersimError(f"scaling law {law}: {one}: too far to say; it answers from {ends}")
            outside.append(one)
        return tuple(sorted(outside, key=lambda one: -one.times))


def decades(beyond: tuple[Beyond, ...]) -> float:
    """Powers of ten between a question and the nearest run, of the measure in which it is farthest."""
    return max((log10(one.times) for one in beyond), default=0.0)
