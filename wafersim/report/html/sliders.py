"""The dials of a page: a point's neighbourhood, and what stands under the dials before anything is turned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from wafersim import numbers
from wafersim.planning.dials import Neighbourhood
from wafersim.report.words import figure, seconds

MEASURES: Mapping[str, tuple[str, Callable[[float], str]]] = {
    # Of `planning.dials.MEASURES`: what it is called, and a value as it is read; `static/sliders.js` reads alike.
    "step_time_s": ("Step time", seconds),
    "tokens_per_s": ("Tokens a second", figure),
    "days_to_train": ("Time to train", lambda days: numbers.duration(days * numbers.DAY)),
    "cost_usd": ("Cost", lambda usd: numbers.amount(usd, "USD")),
}


@dataclass(frozen=True)
class Sliders:
    """Dials over the grid of a neighbourhood; `data` is its JSON, `readings` what it says of the point: (key, label, value)."""

    id: str
    data: Mapping[str, Any]
    readings: tuple[tuple[str, str, str], ...]
    tokens: str
    template: ClassVar[str] = "sliders.html"


def sliders(found: Neighbourhood, identity: str = "dials") -> Sliders | None:
    """None where nothing of the point can be turned. `identity` is that of the element, one of its kind on a page."""
    if not found.dials:
        return None
    point = found.at([dial.values[dial.at] for dial in found.dials]).values
    readings = tuple((key, label, told(key, point[key])) for key, (label, _) in MEASURES.items())
    return Sliders(identity, found.to_json(), readings, numbers.amount(found.tokens))


def told(measure: str, value: float | None) -> str:
    """A value as it is read; a dash of what has no price."""
    return "-" if value is None else MEASURES[measure][1](value)
