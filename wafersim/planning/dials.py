"""Dials over a grid of simulated points: what they turn, what stands at each point, and what is read between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, log, prod
from typing import Any

from wafersim import quantity
from wafersim.numbers import error

MEASURES = ("step_time_s", "tokens_per_s", "days_to_train", "cost_usd")
"""What is told of a point, by field of a prediction."""


@dataclass(frozen=True)
class Turned:
    """What a dial changes: `values` rise by a factor of two, of which the point has `values[at]`.

    Counts are of `one` and `many`; both are empty of a bandwidth in bytes/s. `below` and `above` say why a dial goes no farther,
    None where nothing keeps it from that.
    """

    key: str
    label: str
    values: tuple[float, ...]
    at: int
    one: str
    many: str
    below: str | None
    above: str | None

    def said(self, value: float) -> str:
        """`16 systems`, `1,440 sequences`, `150 GB/s`."""
        count = f"{value:,.0f}" if value == round(value) else f"{value:g}"
        return f"{count} {self.one if value == 1 else self.many}" if self.many else told_bandwidth(value)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with those of `values` as people read them."""
        return {**vars(self), "values": list(self.values), "written": [self.said(value) for value in self.values]}


def told_bandwidth(value: float) -> str:
    """`150 GB/s`, with three digits."""
    return quantity.format(float(f"{value:.3g}"), "bandwidth")


@dataclass(frozen=True)
class Corner:
    """One simulated point, days and dollars of all its steps (None without a price); or why it cannot run."""

    step_time_s: float | None = None
    tokens_per_s: float | None = None
    days_to_train: float | None = None
    cost_usd: float | None = None
    infeasible: str | None = None


@dataclass(frozen=True)
class Reading:
    """What the dials say at a setting: `simulated` where it is a point of the grid, interpolated between points where not.

    `infeasible`: why nothing is said, with the setting of the corner that cannot run.
    """

    simulated: bool
    values: Mapping[str, float | None]
    infeasible: str | None = None


@dataclass(frozen=True)
class Held:
    """Interpolation held against simulation half way from the point to the marks beside it.

    `off` is the largest relative difference of a step time at the `points` that ran; `refused` did not run.
    """

    points: int
    off: float
    refused: int

    @property
    def said(self) -> str:
        """In a sentence."""
        refused = f"; {self.refused} more cannot run" if self.refused else ""
        if not self.points:
            return "None of the settings half way to the next marks can run" if self.refused else ""
        where = f"At {self.points} setting{'s' * (self.points > 1)} half way to the next marks"
        return f"{where} interpolation is within {error(self.off)} of simulation{refused}"


NOT_HELD = Held(0, 0.0, 0)


@dataclass(frozen=True)
class Neighbourhood:
    """Dials and the points of their grid, the last dial fastest; `fixed` says what has no dial, and why."""

    dials: tuple[Turned, ...]
    corners: tuple[Corner, ...]
    tokens: float  # of the whole run, which days and dollars are of
    fixed: tuple[str, ...]
    held: Held = NOT_HELD

    def to_json(self) -> dict[str, Any]:
        """Columns of plain values, null where a point cannot run; `reasons` are told once, `reason_of` points to them."""
        reasons = list(dict.fromkeys(corner.infeasible for corner in self.corners if corner.infeasible is not None))
        found = [None if corner.infeasible is None else reasons.index(corner.infeasible) for corner in self.corners]
        return {
            "dials": [dial.to_json() for dial in self.dials],
            "columns": {name: [getattr(corner, name) for corner in self.corners] for name in MEASURES},
            "reasons": reasons,
            "reason_of": found,
            "tokens": self.tokens,
            "fixed": list(self.fixed),
            "held": {**vars(self.held), "said": self.held.said},
        }

    def at(self, setting: Sequence[float]) -> Reading:
        """What is said of a value of each dial, multilinear in logarithms. Raises ValueError beyond the grid."""
        around = [list(_around(dial, value)) for dial, value in zip(self.dials, setting, strict=True)]
        corners = list(product(*around))
        simulated = len(corners) == 1
        weights = [prod(weight for _, weight in corner) for corner in corners]
        found = [self.corner([place for place, _ in corner]) for corner in corners]
        for corner, one in zip(corners, found, strict=True):
            if one.infeasible is not None:
                where = self._said([place for place, _ in corner])
                return Reading(simulated, dict.fromkeys(MEASURES), f"{where}: {one.infeasible}")
        values = {name: _mean([getattr(one, name) for one in found], weights) for name in MEASURES}
        return Reading(simulated, values)

    def corner(self, places: Sequence[int]) -> Corner:
        """A point of the grid by its place on each dial."""
        index = 0
        for dial, place in zip(self.dials, places, strict=True):
            index = index * len(dial.values) + place
        return self.corners[index]

    def _said(self, places: Sequence[int]) -> str:
        return ", ".join(dial.said(dial.values[place]) for dial, place in zip(self.dials, places, strict=True))


def _around(dial: Turned, value: float) -> Iterator[tuple[int, float]]:
    """The one or two places of a dial on which a value stands, with their weights."""
    values = dial.values
    if value in values:
        yield values.index(value), 1.0
        return
    if not values[0] < value < values[-1]:
        raise ValueError(f"{dial.label}: {dial.said(values[0])} to {dial.said(values[-1])} (got {dial.said(value)})")
    upper = next(place for place, each in enumerate(values) if each > value)
    share = log(value / values[upper - 1]) / log(values[upper] / values[upper - 1])
    yield upper - 1, 1.0 - share
    yield upper, share


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    if len(values) == 1:
        return values[0]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return exp(sum(weight * log(value) for value, weight in zip(known, weights, strict=True)))
