"""A comparison on one slide: days, energy, cost and what has to be tuned, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wafersim.report.figures.style import GREY, INK, figure, label_width, quiet, title
from wafersim.report.words import figure as number
from wafersim.report.words import same_job

FIRST, MATCHED, OTHER = "#e8a33d", "#3b6fb6", "#c3ccd3"
PANELS = (("days to train", "days_to_train", 1.0), ("energy, MWh", "energy_j", 3.6e9), ("cost, kUSD", "cost_usd", 1e3))


def comparison_figure(sides: Sequence[dict[str, Any]], path: Path) -> None:
    """A bar a side in each panel; sides that train something else are pale, those that cannot run have none."""
    ran = [side for side in sides if "infeasible" not in side]
    first = ran[0]
    labels = [f"{side['name']}\n{_chips(side)}" for side in sides]
    names = 0.4 + max(label_width(line) for text in labels for line in text.split("\n"))
    tuned = 0.5 + max(label_width(_tuned(side)) for side in sides)
    with figure(path, names + 3 * 2.2 + tuned, 1.4 + 0.55 * len(sides)) as drawn:
        width, height = drawn.get_size_inches()
        bottom, tall = 0.25 / height, 1 - 1.35 / height
        for index, (heading, field, unit) in enumerate(PANELS):
            axes = drawn.add_axes(((names + 2.2 * index) / width, bottom, 1.75 / width, tall))
            shown = [(y, side[field], side) for y, side in enumerate(sides) if "infeasible" not in side]
            for y, value, side in shown:
                if value is None:
                    axes.text(0, y, " no price", va="center", fontsize=8.5, color=GREY)
                    continue
                low, high = (bound / unit for bound in side["interval"][field])
                axes.barh(y, value / unit, height=0.62, color=_colour(side, first))
                axes.plot([low, high], [y, y], color=INK, linewidth=1.0, alpha=0.6, solid_capstyle="butt")
                ink = INK if same_job(side, first) else GREY
                axes.text(high, y, f" {number(value / unit)}", va="center", fontsize=9, color=ink, clip_on=False)
            axes.set_ylim(len(sides) - 0.5, -0.5)
            tops = [side["interval"][field][1] / unit for _, value, side in shown if value is not None]
            axes.set_xlim(0, 1.25 * max(tops, default=1.0))
            axes.set_xticks([])
            axes.set_yticks(range(len(sides)), labels if index == 0 else [""] * len(sides))
            axes.set_title(heading, loc="left", fontsize=9, color=GREY)
            quiet(axes)
        for y, side in enumerate(sides):
            at = bottom + tall * (1 - (y + 0.5) / len(sides))
            ink = INK if "infeasible" not in side and same_job(side, first) else GREY
            drawn.text((names + 6.6) / width, at, _tuned(side), va="center", fontsize=9, color=ink)
        drawn.text((names + 6.6) / width, bottom + tall + 0.075 / height, "split by hand", fontsize=9, color=GREY)
        title(
            drawn,
            _finding(ran, first),
            "lines: 80 % intervals; pale: another model; prices as dated in the profiles",
        )


def _colour(side: dict[str, Any], first: dict[str, Any]) -> str:
    return FIRST if side is first else MATCHED if same_job(side, first) else OTHER


def _chips(side: dict[str, Any]) -> str:
    return "cannot run" if "infeasible" in side else f"{side['n_systems']:,} x {side['profile']}"


def _tuned(side: dict[str, Any]) -> str:
    return "cannot run" if "infeasible" in side else f"{len(side['dimensions'])}: {' + '.join(side['dimensions'])}"


def _finding(ran: Sequence[dict[str, Any]], first: dict[str, Any]) -> str:
    matched = [side for side in ran if side is not first and same_job(side, first)]
    said = f"{first['name']}: {number(first['days_to_train'])} days"
    if not matched:
        return said
    nearest = matched[0]
    return f"{said}; {nearest['name']}: {number(nearest['days_to_train'])} days"
