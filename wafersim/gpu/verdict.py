"""Whether a layout fits: the probability that its fullest GPU holds what it needs, and what would help where it does not.

What a GPU was seen to hold over what is predicted of it is log-normal about one. A layout fits, may not fit (it is simulated all
the same), or does not fit, which is said only of one that hardly any job of its kind could run.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import erf, exp, log, sqrt
from typing import Any, Literal

import numpy as np

from wafersim.errors import Infeasible
from wafersim.gpu.layout import RECOMPUTE, Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import MemoryUse, memory_of_one
from wafersim.inputs.fit import Z80

Words = Literal["fits", "may not fit", "does not fit"]

# Standard deviation of log(measured / predicted): a 1.28th of what holds 80 % of 64 measured peaks (46 of BLOOM's design study,
# 16 of b200_* in gpu_modern.csv, 2 of LLaMA2-7B), constants set without peaks of the same family, all 31 families alike.
SPREAD = 0.076
LIKELY = 0.9  # probability from which a layout fits: the whole 80 % interval of what it needs does
HARDLY = 0.05  # and below which it does not
Z_HARDLY = 1.6448536269514722  # standard deviations above the prediction that it then lies


@dataclass(frozen=True)
class Verdict:
    """Bytes that the fullest GPU needs and has, and the probability that the first are no more than the second."""

    needed: float
    capacity: float

    @property
    def probability(self) -> float:
        """That it fits."""
        return 0.5 * (1.0 + erf(log(self.capacity / self.needed) / SPREAD / sqrt(2.0)))

    @property
    def words(self) -> Words:
        """What is said of it."""
        if self.probability < HARDLY:
            return "does not fit"
        return "fits" if self.probability >= LIKELY else "may not fit"

    @property
    def bounds(self) -> tuple[float, float]:
        """The 80 % interval of what is needed, bytes."""
        return self.needed * exp(-Z80 * SPREAD), self.needed * exp(Z80 * SPREAD)

    def __str__(self) -> str:
        said = f"{self.words}: {self.needed / 1e9:.1f} GB of {self.capacity / 1e9:.1f} GB"
        return f"{said}, {100 * self.probability:.0f} % likely to fit" if self.words == "may not fit" else said

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        low, high = self.bounds
        return {
            "verdict": self.words, "fits_probability": self.probability, "total_bytes": self.needed, "total_bytes_low": low,
            "total_bytes_high": high, "capacity_bytes": self.capacity,
        }  # fmt: skip


class DoesNotFit(Infeasible):
    """Refused for want of memory, with the verdict."""

    def __init__(self, said: str, verdict: Verdict) -> None:
        super().__init__(said)
        self.verdict = verdict
        self.memory = verdict.to_json()

    def __reduce__(self) -> tuple[type[DoesNotFit], tuple[str, Verdict]]:
        return type(self), (str(self), self.verdict)


def may_fit(needed: float, cluster: Cluster) -> bool:
    """Whether so many bytes are worth trying: whatever is not said not to fit."""
    return needed <= float(cluster.device.memory) * exp(Z_HARDLY * SPREAD)


def verdict_of(geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str = "1f1b") -> Verdict:
    """Of one layout."""
    return Verdict(_total(memory_of_one(geometry, layout, cluster, schedule)), float(cluster.device.memory))


def check(geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str = "1f1b") -> None:
    """Raises DoesNotFit where one layout does not, with the term that is too large and what would help."""
    use, verdict = memory_of_one(geometry, layout, cluster, schedule), verdict_of(geometry, layout, cluster, schedule)
    if verdict.words != "does not fit":
        return
    parts = {f.name: float(np.max(getattr(use, f.name))) for f in fields(MemoryUse)}
    said = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in sorted(parts.items(), key=lambda item: -item[1]))
    raise DoesNotFit(f"{verdict}: {said}{_helps(geometry, layout, cluster, schedule, verdict)}", verdict)


def _helps(geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str, verdict: Verdict) -> str:
    """The recompute, or else the sharding, that needs least change of those that are enough; else the one that needs least."""
    hints = []
    for words, changed in _changes(layout):
        other = verdict_of(geometry, changed, cluster, schedule)
        if other.needed < 0.99 * verdict.needed:
            hints.append((other, f"; {words} would need {other.needed / 1e9:.1f} GB"))
    enough = next((text for other, text in hints if other.needed <= other.capacity), "")
    return enough or min(hints, key=lambda hint: hint[0].needed, default=(verdict, ""))[1]


def _changes(layout: Layout) -> list[tuple[str, Layout]]:
    """What saves memory, in the order of what it changes: recompute, sharded states, both."""
    codes = list(RECOMPUTE.values())
    recomputes = list(RECOMPUTE.items())[codes.index(int(layout.recompute)) + 1 :]
    stages = [stage for stage in (1, 2, 3) if stage > int(layout.zero_stage)] if int(layout.shard) > 1 else []
    out = [(f"{name} recompute", replace(layout, recompute=code)) for name, code in recomputes]
    out += [(f"ZeRO-{stage}", replace(layout, zero_stage=stage)) for stage in stages]
    if recomputes and stages:
        name, code = recomputes[-1]
        out.append((f"ZeRO-{stages[-1]} with {name} recompute", replace(layout, recompute=code, zero_stage=stages[-1])))
    return out


def _total(use: MemoryUse) -> float:
    return float(np.max(use.total))
