"""A comparison on one slide: time, energy, cost and what has to be split by hand, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.patches import Patch

from wafersim.numbers import DOLLARS, JOULES, SPELLED, TIMES, digits, duration
from wafersim.numbers import FIRST as FROM
from wafersim.report.colours import FIRST, MATCHED, OTHER
from wafersim.report.figures.sheet import Target, Words, inches, sheet, widest
from wafersim.report.figures.style import GREY, INK, quiet
from wafersim.report.screen.splits import alike_but_split
from wafersim.report.words import Row, prices, same_job
from wafersim.strategies.registry import words_of

DAY = 86_400.0
USUAL = 10.0  # inches
LEAST = 0.75  # inches of a panel's bars
ROW = 0.5  # inches a side takes
SMALL = 8.5  # points


@dataclass(frozen=True)
class Panel:
    """What one column shows: the field of a side, and the unit that suits the sides of the same job."""

    heading: str
    field: str
    unit: float


def comparison_figure(sides: Sequence[Row], path: Target, width: float = USUAL) -> None:
    """A bar a side in each panel. The sides that do the first one's job set the axis; a longer bar of another job is cut
    off there, with a notch, and its value beside it. Sides that cannot run have none.
    """
    ran = [side for side in sides if "infeasible" not in side]
    first = ran[0]
    labels = [f"{side['name']}\n{_chips(side)}" for side in sides]
    names, tuned = 0.2 + widest(labels, SMALL), 0.3 + widest([*map(_tuned, sides), "split by hand"], SMALL)
    value = 0.12 + inches("999,999", SMALL)
    width = max(width, names + 3 * (LEAST + value) + tuned)
    each = (width - names - tuned) / 3
    tall = ROW * len(sides)
    words = Words(_finding(ran, first), _circumstances(sides, first), _legend(ran, first))
    with sheet(path, width, tall + 0.45, words) as page:
        for index, panel in enumerate(_panels(ran, first)):
            left = names + each * index
            axes = page.axes(left, left + each - value, 0.1, tall)
            _draw(axes, panel, sides, first)
            axes.set_yticks(range(len(sides)), labels if index == 0 else [""] * len(sides), fontsize=SMALL)
            page.text(left, tall + 0.2, panel.heading, fontsize=SMALL, color=GREY)
        left = names + 3 * each + 0.15
        for y, side in enumerate(sides):
            ink = INK if "infeasible" not in side and same_job(side, first) else GREY
            page.text(left, 0.1 + tall - ROW * (y + 0.5), _tuned(side), va="center", fontsize=SMALL, color=ink)
        page.text(left, tall + 0.2, "split by hand", fontsize=SMALL, color=GREY)


def _draw(axes: Any, panel: Panel, sides: Sequence[Row], first: Row) -> None:
    most = _most(panel, sides, first)
    for y, side in enumerate(sides):
        if "infeasible" in side:
            continue
        ink = INK if same_job(side, first) else GREY
        if side[panel.field] is None:
            axes.text(0, y, " no price", va="center", fontsize=SMALL, color=GREY)
            continue
        value = side[panel.field] / panel.unit
        bounds = side.get("interval", {}).get(panel.field)
        low, high = (value, value) if bounds is None else (bound / panel.unit for bound in bounds)
        axes.barh(y, min(value, most), height=0.6, color=_colour(side, first))
        if value > most:  # cut off: a notch where the axis breaks
            axes.plot([0.9 * most, 0.93 * most], [y + 0.36, y - 0.36], color="white", linewidth=2.5)
        elif high > low:
            axes.plot([low, min(high, most)], [y, y], color=INK, linewidth=1.2, solid_capstyle="butt")
        axes.text(min(max(high, value), most), y, f" {digits(value)}", va="center", fontsize=SMALL, color=ink)
    axes.set_ylim(len(sides) - 0.5, -0.5)
    axes.set_xlim(0, most)
    axes.set_xticks([])
    quiet(axes)


def _most(panel: Panel, sides: Sequence[Row], first: Row) -> float:
    """Where the axis ends: the highest interval of the sides that do the same job."""
    tops = [
        side.get("interval", {}).get(panel.field, (0.0, side[panel.field]))[1] / panel.unit
        for side in sides
        if "infeasible" not in side and same_job(side, first) and side[panel.field] is not None
    ]
    return 1.02 * max(tops, default=1.0)


def _panels(ran: Sequence[Row], first: Row) -> tuple[Panel, ...]:
    same = [side for side in ran if same_job(side, first)]

    def unit_of(field: str, units: Sequence[tuple[str, float]]) -> tuple[str, float]:
        typical = max((side[field] for side in same if side[field] is not None), default=0.0)
        return next((unit for unit in reversed(units) if typical >= unit[1]), units[0])

    days = [(name, size / DAY) for name, size in TIMES if name in ("min", "h", "d", "y") and size <= FROM[name]]
    longest = max(side["days_to_train"] for side in same) * DAY
    time = next(((name, size) for name, size in reversed(days) if longest >= FROM[name]), days[0])
    energy = unit_of("energy_j", JOULES)
    cost = unit_of("cost_usd", DOLLARS)
    return (
        Panel(f"{SPELLED[time[0]]} to train", "days_to_train", time[1]),
        Panel(f"energy, {energy[0]}", "energy_j", energy[1]),
        Panel(f"cost, {cost[0]}", "cost_usd", cost[1]),
    )


def _colour(side: Row, first: Row) -> str:
    return FIRST if side is first else MATCHED if same_job(side, first) else OTHER


def _chips(side: Row) -> str:
    return (
        "cannot run"
        if "infeasible" in side
        else f"{words_of(side['kind']).counted(side['n_systems'])}, {side['profile']}"
    )


def _tuned(side: Row) -> str:
    return "cannot run" if "infeasible" in side else f"{len(side['dimensions'])}: {' + '.join(side['dimensions'])}"


def _finding(ran: Sequence[Row], first: Row) -> str:
    matched = [side for side in ran if side is not first and same_job(side, first)]
    if alike_but_split(ran):  # of splits that are all as large the fastest is what was asked for
        matched.sort(key=lambda side: float(side["days_to_train"]))
    return "; ".join(f"{side['name']}: {duration(side['days_to_train'] * DAY)}" for side in (first, *matched[:1]))


def _circumstances(sides: Sequence[Row], first: Row) -> str:
    others = any("infeasible" not in side and not same_job(side, first) for side in sides)
    cut = "; pale: another job, cut off where the axis of this one ends" if others else ""
    cost = "; ".join(prices([side for side in sides if "infeasible" not in side]))
    return f"{first['model']}; lines: 80 % intervals{cut}; an hour: {cost}"


def _legend(ran: Sequence[Row], first: Row) -> list[Any]:
    said = {FIRST: first["name"], MATCHED: "the same job", OTHER: "another job"}
    used = dict.fromkeys(_colour(side, first) for side in ran)
    return [Patch(color=colour, label=said[colour]) for colour in used]
