"""Predicted beside published, a line a point: for runs of which no throughput curve can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.lines import Line2D

from wafersim.numbers import change, digits
from wafersim.report.colours import LINES
from wafersim.report.figures.sheet import PAGE, Target, Words, broken, sheet, widest
from wafersim.report.figures.style import GREY, quiet, ring
from wafersim.report.figures.throughput import SLOWER
from wafersim.report.screen.lines import shortened
from wafersim.report.words import Row, counted

TITLES = {
    "step_time_s": "step time, s", "tokens_per_s": "tokens/s", "samples_per_s": "samples/s", "days_to_train": "days to train",
    "hardware_tflops_per_gpu": "TFLOP/s of a GPU", "speed_up": "speed-up over one system",
}  # fmt: skip
ROW, SMALL, LEAST = 0.3, 8.0, 1.5  # inches of a point; points; inches that the axis keeps
NAMES = 0.35  # of the width: longer names are broken


def has_published(rows: Sequence[Row]) -> bool:
    """Whether a point states a measurement of what is predicted."""
    return any("published" in row for row in rows)


def published_figure(rows: Sequence[Row], path: Target, width: float = PAGE) -> None:
    """Points that state a measurement: predicted with its 80 % interval, published hollow, the error at the right.

    All of the first metric that is stated; what was not verified is said beside its point.
    """
    known = [row for row in rows if "published" in row]
    metric = known[0]["published"]["metric"]
    known = [row for row in known if row["published"]["metric"] == metric]
    models = shortened([row["model"] for row in known])
    labels = [f"{model} on {counted(row)}" for model, row in zip(models, known, strict=True)]
    labels, row_height = broken(labels, max(1.2, NAMES * width), SMALL)
    errors = [_error(row) for row in known]
    names, end = 0.2 + widest(labels, SMALL), 0.25 + widest(errors, SMALL)
    width = max(width, names + LEAST + end)
    tall = max(ROW, row_height) * len(known) + 0.1
    sources = ", ".join(dict.fromkeys(row["published"]["source"] for row in known))
    words = Words(_finding(known), f"lines: 80 % intervals; published: {sources}", _legend(known))
    with sheet(path, width, tall + 0.55, words) as page:
        axes = page.axes(names, width - end, 0.5, tall)
        seen = []
        for y, row in enumerate(known):
            said = row["published"]
            bounds = interval_of(row)
            if bounds is not None:
                axes.plot(bounds, [y, y], color=LINES[0], linewidth=2, solid_capstyle="butt", alpha=0.5)
            axes.plot([said["predicted"]], [y], "o", color=LINES[0], markersize=5)
            axes.plot([said["value"]], [y], **ring())
            axes.text(1.02, y, errors[y], transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL, color=GREY)
            seen += [said["value"], said["predicted"], *(bounds or ())]
        low, high = min(seen), max(seen)
        axes.set_xlim(low - 0.08 * (high - low or low), high + 0.08 * (high - low or high))
        axes.set_ylim(len(known) - 0.4, -0.6)
        axes.set_yticks(range(len(known)), labels, fontsize=SMALL)
        axes.locator_params(axis="x", nbins=max(2, int((width - names - end) / 0.6)), steps=[1, 2, 5, 10])
        axes.set_xlabel(TITLES[metric])
        quiet(axes)


def interval_of(row: Row) -> tuple[float, float] | None:
    """The 80 % interval of the predicted figure; a speed-up has none."""
    said, bounds = row["published"], row.get("interval", {}).get("step_time_s")
    if bounds is None or said["metric"] == "speed_up":
        return None
    ratios = [bound / row["step_time_s"] for bound in bounds]
    factors = ratios if said["metric"] in SLOWER else [1 / ratio for ratio in reversed(ratios)]
    return said["predicted"] * factors[0], said["predicted"] * factors[1]


def _error(row: Row) -> str:
    said = row["published"]
    return change(said["error"]) + ("" if said["verified"] else " (not verified)")


def _finding(known: Sequence[Row]) -> str:
    errors = sorted(abs(row["published"]["error"]) for row in known)
    what = TITLES[known[0]["published"]["metric"]].partition(",")[0]
    if len(known) == 1:
        said = known[0]["published"]
        return f"{known[0]['model']}: {digits(said['predicted'])} {what} predicted, {digits(said['value'])} published"
    median = 100 * errors[(len(errors) - 1) // 2]
    return f"{what}: within {100 * errors[-1]:.0f} % of what is published, half of them within {median:.0f} %"


def _legend(known: Sequence[Row]) -> list[Any]:
    handles: list[Any] = [Line2D([], [], linestyle="none", marker="o", color=LINES[0], markersize=5, label="predicted")]
    if any(interval_of(row) is not None for row in known):
        handles.append(Line2D([], [], color=LINES[0], linewidth=2, alpha=0.5, label="80 % interval"))
    handles.append(Line2D([], [], label="published", **ring()))
    return handles
