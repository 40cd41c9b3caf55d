"""What an optimizer keeps of a parameter and moves at every update, in bytes: one table for MemoryX and for GPUs.

A new optimizer is a name in `OptimizerName` and a line in `OPTIMIZERS`, both here: times and memory of both machines, what an
experiment may ask for, and the printed schema follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OptimizerName = Literal["adamw", "adam", "lion", "adafactor", "sgd"]


@dataclass(frozen=True)
class OptimizerStates:
    """Bytes of one parameter under mixed precision: kept between steps, and moved by one update."""

    moments: float  # what the optimizer remembers, fp32
    source: str
    master: float = 4.0  # fp32 weight
    gradient: float = 4.0  # the sum over micro-batches, fp32
    gradient_reads: float = 1.0  # passes over the gradient in one update
    weight: float = 2.0  # 16-bit weight for the passes of the next step

    @property
    def stored(self) -> float:
        """Kept from step to step: master weight and moments."""
        return self.master + self.moments

    @property
    def moved_up(self) -> float:
        """Of the gradient, which came up from where it was made, read by an update."""
        return self.gradient * self.gradient_reads

    @property
    def moved_down(self) -> float:
        """Of the weight, which goes down to where it is used, written by an update."""
        return self.weight

    @property
    def moved(self) -> float:
        """Read and written by an update: states both ways, the gradient in, the weight out."""
        return 2.0 * self.stored + self.moved_up + self.moved_down


MIXED = "master weight and gradient in fp32: Micikevicius et al. 2018, Rajbhandari et al. 2020 (section 3)"
_ADAM = OptimizerStates(8.0, f"two moments: Kingma and Ba 2015; {MIXED}")

OPTIMIZERS: Mapping[OptimizerName, OptimizerStates] = {
    "adamw": _ADAM,
    "adam": _ADAM,  # decoupled weight decay costs nothing
    "lion": OptimizerStates(4.0, f"one momentum: Chen et al. 2023; {MIXED}"),
    # Sums over rows and columns instead of elements: 4 / 768 + 4 / 768 bytes in the narrowest model of the catalogue. They need
    # the whole gradient before the first element is updated, so it is read twice. Without momentum.
    "adafactor": OptimizerStates(0.01, f"factored second moment: Shazeer and Stern 2018; {MIXED}", gradient_reads=2.0),
    "sgd": OptimizerStates(4.0, f"one momentum: Sutskever et al. 2013; {MIXED}"),
}

REFERENCE: OptimizerName = "adamw"  # what the `optimizer_traffic` of software profiles was fitted on, or is stated for
