"""A comparison on one slide: days, energy, cost and what has to be tuned, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wafersim.report.comparison import same_job
from wafersim.report.figures.style import GREY, INK, figure, label_width, quiet, title
from wafersim.report.words import figure as number

FIRST, MATCHED, OTHER = "#e8a33d", "#3b6fb6", "#c3ccd3"
PANELS: tuple[tuple[str, Callable[[dict[str, Any]], float | None]], ...] = (
    ("days to train", lambda side: side["days_to_train"]),
    ("energy, MWh", lambda side: side["energy_j"] / 3.6e9),
    ("cost, kUSD", lambda side: None if side["cost_usd"] is None else side["cost_usd"] / 1e3),
)


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
        for index, (heading, read) in enumerate(PANELS):
            axes = drawn.add_axes(((names + 2.2 * index) / width, bottom, 1.75 / width, tall))
            shown = [(y, read(side), side) for y, side in enumerate(sides) if "infeasible" not in side]
            for y, value, side in shown:
                if value is None:
                    axes.text(0, y, " no price", va="center", fontsize=8.5, color=GREY)
                    continue
                axes.barh(y, value, height=0.62, color=_colour(side, first))
                ink = INK if same_job(side, first) else GREY
                axes.text(value, y, f" {number(value)}", va="center", fontsize=9, color=ink, clip_on=False)
            axes.set_ylim(len(sides) - 0.5, -0.5)
            axes.set_xlim(0, 1.25 * max([value for _, value, _ in shown if value is not None], default=1.0))
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
            "pale: another model; prices as dated in the profiles; both sides' errors apply",
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
