"""The published rows that lie closest to a point, with what is said of each and where it differs from the point.

Near is what the calibration takes for near: a row tells as much of a point as an interval would widen between them, with
  width^2 = (widening distance)^2 + transfer^2 + new device^2 + mode^2,
the distance in logarithms of its features, `transfer` from another training stack or generation of wafers, the others where chip
or mode differ. Where rows stand is in `data/closest_*.csv`, made by `python -m tests.golden.places`: nothing is simulated here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import dist, exp, expm1, hypot
from typing import Any

from wafersim import numbers
from wafersim.evidence.rows import Cells
from wafersim.evidence.tables import shipped
from wafersim.inputs.fit import Fit, load_fit
from wafersim.simulation import Job
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.strategy import Features

OTHER = 2e-3  # of a logarithm; below it two values are told alike
FIXED = ("id", "what", "note", "group", "device", "stack", "mode", "predicted", "half_width")
"""Columns of `data/closest_*.csv` before those of the features."""
WORDS = {  # a feature that is not said as it is called: of one, of several, and what it is counted in
    "systems": ("system", "systems", 1.0),
    "GPUs": ("GPU", "GPUs", 1.0),
    "experts": ("expert", "experts", 1.0),
    "nodes a tensor-parallel group": ("node a tensor-parallel group", "nodes a tensor-parallel group", 1.0),
    "share of weights that are not zero": ("% of weights not zero", "% of weights not zero", 0.01),
    "share of the sequence in a window": ("% of the sequence in a window", "% of the sequence in a window", 0.01),
}
MODES = {"train": "training", "forward": "forward passes", "lora": "training adapters (LoRA)"}


@dataclass(frozen=True)
class CloseRow:
    """A published row near a point. `value` and `predicted` are in `unit`; errors are predicted / published - 1.

    `error` is that of the shipped calibration, which has seen the row where `use` is fit; `note` says why it is only shown.
    `left_out_error` is that of constants fitted without the row's job (of GPUs: its family of jobs), and `families` those without
    more: (what was left out, error); None and empty where the row was in no fit and only judges. `half_width` is of the 80 %
    interval of the logarithm: of the prediction without the row where there is one, else of the prediction; None of a speed-up,
    which has no interval. `width` is how far off the point the row lies, a standard deviation of a logarithm. `differs` says what
    the row does otherwise, the largest first: "2 systems, here 16". `alike` are other rows that no feature tells from this one,
    with their errors.
    """

    id: str
    what: str
    group: str
    value: float
    unit: str
    source: str
    link: str | None
    use: str  # fit | release | test | shown
    note: str
    predicted: float
    error: float
    left_out_error: float | None
    half_width: float | None
    families: tuple[tuple[str, float], ...]
    width: float
    differs: tuple[str, ...]
    alike: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        families = [{"left_out": name, "error": error} for name, error in self.families]
        alike = [{"id": name, "error": error} for name, error in self.alike]
        return {**vars(self), "families": families, "differs": list(self.differs), "alike": alike}


@dataclass(frozen=True)
class Place:
    """Where a row stands among jobs: `features` are logarithms, in the order of its calibration's `features`."""

    id: str
    what: str
    note: str
    group: str
    device: str
    stack: str  # of which the calibration has constants; empty where that is the group
    mode: str
    predicted: float
    half_width: float | None  # of the logarithm, with the row in the fit
    features: tuple[float, ...]

    @property
    def is_ratio(self) -> bool:
        """Whether it is a speed-up, which has no interval."""
        return self.half_width is None


def closest(job: Job, choice: Any, most: int = 6) -> tuple[CloseRow, ...]:
    """Up to `most` rows of the machine's kind (of GPUs times and rates, of wafers rates and speed-ups), the nearest first."""
    point = strategy_of(job.kind).features(job, choice)
    fit, mode = load_fit(point.fits[0]), job.workload.mode
    rates, ratios = _nearest(places(fit.set), point, mode, fit)
    few = most // 3 if job.count > 1 else 0  # what several chips do, speed-ups say; what one does, rates
    chosen = sorted((*rates[: most - len(ratios[:few])], *ratios[:few]), key=lambda each: each.width)
    cells = {row["id"]: row for row in shipped(fit.set)}
    return tuple(_close_row(near, cells, fit, differences(near.first, point, mode)) for near in chosen)


@dataclass(frozen=True)
class _Near:
    """Rows that no feature tells apart, and how far off a point they lie."""

    width: float
    rows: tuple[Place, ...]

    @property
    def first(self) -> Place:
        return self.rows[0]


def _nearest(rows: Sequence[Place], point: Features, mode: str, fit: Fit) -> tuple[list[_Near], list[_Near]]:
    """(rates, speed-ups), the nearest first.

    On how many chips a rate was measured counts for nothing where speed-ups say what several do, but among equals.
    """
    alike: dict[tuple[object, ...], list[Place]] = {}
    for place in rows:
        key = (place.is_ratio, place.group, place.stack, place.device, place.mode, place.features)
        alike.setdefault(key, []).append(place)
    found: tuple[list[tuple[float, _Near]], list[tuple[float, _Near]]] = ([], [])
    for same in alike.values():
        same.sort(key=lambda place: (place.id not in fit.left_out, bool(place.note)))
        place, ratios = same[0], fit.ratios
        whole = _width(place, point, mode, fit)
        by_ratios = ratios is not None and not place.is_ratio and place.group in ratios.behind
        width = _width(place, point, mode, fit, ratios.feature) if ratios and by_ratios else whole
        found[place.is_ratio].append((whole, _Near(width, tuple(same))))
    rates, ratios_ = (
        [near for _, near in sorted(part, key=lambda each: (each[1].width, each[0], each[1].first.id))]
        for part in found
    )
    return rates, ratios_


@cache
def places(which: str) -> tuple[Place, ...]:
    """Of the shipped rows of a calibration, with what was predicted of them when predictions were kept last."""
    with (files("wafersim.evidence") / "data" / f"closest_{which}.csv").open(encoding="utf-8") as stream:
        _, *rows = csv.reader(stream)
    return tuple(map(_place, rows))


def _place(row: Sequence[str]) -> Place:
    id_, what, note, group, device, stack, mode, predicted, half_width = row[: len(FIXED)]
    known = float(half_width) if half_width else None
    features = tuple(map(float, row[len(FIXED) :]))
    return Place(id_, what, note, group, device, stack, mode, float(predicted), known, features)


def _width(place: Place, point: Features, mode: str, fit: Fit, but: str = "") -> float:
    """Standard deviation of a logarithm, with no account of one feature."""
    axes = [at for at, name in enumerate(point.names) if name != but]
    stack = place.stack != point.stack if point.stack else place.group != point.group
    return hypot(
        fit.widening_of(place.group) * dist([place.features[at] for at in axes], [point.values[at] for at in axes]),
        fit.transfer if stack else 0.0,
        fit.new_device if place.device != point.device else 0.0,
        max(fit.modes.get(place.mode, 0.0), fit.modes.get(mode, 0.0)) if place.mode != mode else 0.0,
    )


def _close_row(near: _Near, table: Mapping[str, Cells], fit: Fit, differs: tuple[str, ...]) -> CloseRow:
    place, *others = near.rows
    cells, without = table[place.id], fit.left_out.get(place.id)
    source, link = source_of(cells, table)
    # A calibration of wafers is of rates, one of GPUs of times.
    sign = -1.0 if fit.set == "gpu" and cells["metric"] != "iteration_time" else 1.0
    families = {name: errors[place.id] for name, errors in fit.families.items() if place.id in errors}
    return CloseRow(
        id=place.id, what=place.what, group=place.group, value=_value(cells), unit=cells["unit"], source=source, link=link,
        use=cells["use"] or "test", note=place.note, predicted=place.predicted, error=place.predicted / _value(cells) - 1.0,
        left_out_error=None if without is None else expm1(sign * without.error),
        half_width=place.half_width if without is None else without.half_width,
        families=tuple((name, expm1(sign * error)) for name, error in families.items()), width=near.width, differs=differs,
        alike=tuple((other.id, other.predicted / _value(table[other.id]) - 1.0) for other in others),
    )  # fmt: skip


def _value(cells: Cells) -> float:
    return float(cells["value"])


def differences(place: Place, point: Features, mode: str) -> tuple[str, ...]:
    """What a row does otherwise than a point, in words, the largest first; its machine and what it runs before all."""
    found = []
    if place.group != point.group:
        found.append(f"{place.group}, here {point.group}")
    if place.mode != mode:
        found.append(f"{MODES[place.mode]}, here {MODES[mode]}")
    apart = [
        (abs(own - here), name, exp(own), exp(here))
        for name, own, here in zip(point.names, place.features, point.values, strict=True)
        if abs(own - here) > OTHER
    ]
    return (*found, *(_told(name, own, here) for _, name, own, here in sorted(apart, reverse=True)))


def _told(name: str, own: float, here: float) -> str:
    """`2 systems, here 16`."""
    if name in WORDS:
        one, many, size = WORDS[name]
    else:
        one = many = name
        size = 1.0
    mine, theirs = (_number(value / size) for value in (own, here))
    return f"{mine} {one if mine == '1' else many}, here {theirs}"


def _number(value: float) -> str:
    """With three digits, of the four that a place knows; what is nearly whole is."""
    if value >= 9_999.5:
        return numbers.amount(value)
    whole = max(1, round(value))
    return f"{whole:,}" if abs(value / whole - 1) < 5e-4 else numbers.digits(value)


def source_of(cells: Cells, table: Mapping[str, Cells]) -> tuple[str, str | None]:
    """Where a row was read, and the address that it names, if any; a row may say "same log as A10"."""
    source = cells.get("source_url") or cells.get("source") or ""
    same = re.match(r"same (?:log )?as (\w+)", source)
    if same is not None and same[1] in table and same[1] != cells["id"]:
        return source, source_of(table[same[1]], table)[1]
    return source, _link(source)


def _link(text: str) -> str | None:
    if found := re.search(r"https?://[^\s;,)]+", text):
        return found[0]
    if found := re.search(r"\b(?:github\.com/[\w.-]+/[\w.-]+|docs\.nvidia\.com/[^\s;,)]+)", text):
        return f"https://{found[0]}"
    found = re.search(r"\barXiv[: ](\d{4}\.\d{5})", text)
    return f"https://arxiv.org/abs/{found[1]}" if found else None
