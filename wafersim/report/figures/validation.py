"""Predicted against published: one panel a set, on logarithmic axes, with bands of 5, 10 and 20 %."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wafersim.evidence.kinds import kinds
from wafersim.report.figures.style import GREY, LIGHT, MODEL_COLOURS, figure, quiet, title

BANDS = ((0.20, "#eef1f3"), (0.10, "#dfe5e9"), (0.05, "#ccd5db"))
MOST_SHOWN = 40  # percent; larger errors stand at the edge


def validation_figure(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Test rows of every set; of wafers those that set its three constants, each predicted without its job."""
    sets = [each for each in kinds() if any(row["set"] == each.name for row in rows)]
    with figure(path, 4.6 * len(sets) + 0.4, 6.9) as drawn:
        width, height = drawn.get_size_inches()
        counts = []
        for index, each in enumerate(sets):
            mine = [row for row in rows if row["set"] == each.name]
            judges = [row for row in mine if row["use"] == each.shown] or mine
            left, wide = (0.75 + 4.6 * index) / width, 3.7 / width
            axes = drawn.add_axes((left, 2.25 / height, wide, 3.6 / height))
            below = drawn.add_axes((left, 0.55 / height, wide, 1.45 / height), sharex=axes)
            within = _panel(axes, below, judges, each.title)
            counts.append(f"{each.name} {within:.0%}")
        title(
            drawn,
            "Within 10 % of what was measured: " + ", ".join(counts),
            "bands: 5, 10 and 20 %; arrows: beyond 40 %",
        )
        if any(row["left_out"] for row in rows):
            drawn.text(0.75 / width, 0.06 / height, "wafer rows: predicted without them", fontsize=7.5, color=GREY)


def _panel(axes: Any, below: Any, rows: Sequence[dict[str, Any]], heading: str) -> float:
    """Draw one set, and its errors below; the share of its rows within 10 %."""
    published = np.array([row["published"] for row in rows])
    predicted = np.array([row["left_out"][0] if row["left_out"] else row["predicted"] for row in rows])
    low, high = 0.7 * min(published.min(), predicted.min()), 1.4 * max(published.max(), predicted.max())
    line = np.array([low, high])
    for share, colour in BANDS:
        axes.fill_between(line, line * (1 - share), line * (1 + share), color=colour, linewidth=0)
        below.axhspan(-100 * share, 100 * share, color=colour, linewidth=0)
    axes.plot(line, line, color=GREY, linewidth=0.8)
    groups = list(dict.fromkeys(row["group"] for row in rows))
    for index, group in enumerate(groups):
        mine = np.array([row["group"] == group for row in rows])
        colour = MODEL_COLOURS[index % len(MODEL_COLOURS)]
        axes.scatter(published[mine], predicted[mine], s=13, color=colour, alpha=0.75, linewidths=0, label=group)
        errors = np.clip(100 * (predicted[mine] / published[mine] - 1), -MOST_SHOWN, MOST_SHOWN)
        beyond = np.abs(predicted[mine] / published[mine] - 1) > MOST_SHOWN / 100
        below.scatter(published[mine][~beyond], errors[~beyond], s=9, color=colour, alpha=0.75, linewidths=0)
        for sign, marker in ((1, "^"), (-1, "v")):
            out = beyond & (np.sign(errors) == sign)
            below.scatter(published[mine][out], errors[out], s=22, color=colour, marker=marker, linewidths=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    below.set_xlabel("measured")
    below.set_ylabel("error, %")
    below.set_ylim(-MOST_SHOWN - 2, MOST_SHOWN + 2)
    quiet(below, "y")
    axes.set_ylabel("predicted")
    axes.set_title(heading, loc="left", fontsize=9.5, color=GREY)
    quiet(axes, "both")
    axes.grid(color=LIGHT, linewidth=0.5)
    axes.legend(frameon=False, fontsize=7, loc="upper left", markerscale=1.2, handletextpad=0.2)
    return float(np.mean(np.abs(predicted / published - 1) <= 0.10))
