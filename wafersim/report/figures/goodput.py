"""Where the time of whole runs goes: shares of each run, all but the steps that count on a scale of its own, and by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.patches import Patch

from wafersim.numbers import SPELLED, duration, tenths, unit_of
from wafersim.report.figures.sheet import PAGE, Words, broken, inches, sheet, widest
from wafersim.report.figures.style import INK, ink_on, quiet
from wafersim.training_run.plan import Loss
from wafersim.training_run.words import WORDS

SMALL = 8.0  # points
BAR, GAP, LEAST = 0.30, 0.35, 2.6  # inches of a bar, between the panels, that both panels keep
ROW = 0.22  # inches of a cause
NAMES = 0.3  # of the width: longer names are broken
CAUSES = 8
SHOWN = 5e-4  # of a run: what is less has no place in the legend


@dataclass(frozen=True)
class Goodput:
    """A run's time by `Loss` in seconds, in the mean of simulated runs, and what each cause of failures cost of it."""

    name: str
    losses_s: tuple[float, ...]
    causes_s: tuple[tuple[str, float], ...] = ()

    @property
    def whole_s(self) -> float:
        """Until the run is done."""
        return sum(self.losses_s)

    @property
    def goodput(self) -> float:
        """Share of the time in steps that count."""
        return self.losses_s[Loss.PRODUCTIVE] / self.whole_s


def goodput_figure(runs: Sequence[Goodput], path: Path, width: float = PAGE) -> None:
    """A bar for each run; below, of the first run, what its causes of failures cost."""
    labels, row_height = broken([run.name for run in runs], max(1.2, NAMES * width), SMALL)
    times = [duration(run.whole_s) for run in runs]
    causes = _causes(runs[0])
    names = 0.2 + max(widest(labels, SMALL), widest([cause for cause, _ in causes], SMALL))
    end, last = 0.15 + widest(times, SMALL), 0.15 + inches("99.9 %", SMALL)
    width = max(width, names + LEAST + end + GAP + last)
    middle = names + 0.55 * (width - names - end - GAP - last)
    tall, below = max(BAR, row_height) * len(runs), 0.6 + ROW * len(causes) if causes else 0.0
    with sheet(path, width, below + 0.5 + tall + 0.1, _words(runs)) as page:
        whole = page.axes(names, middle, below + 0.5, tall)
        rest = page.axes(middle + end + GAP, width - last, below + 0.5, tall)
        most = max(0.1, *(100 * (1 - run.goodput) for run in runs))
        for y, run in enumerate(runs):
            _bar(whole, y, _segments(run), 100 / (middle - names))
            _bar(rest, y, _segments(run)[1:], 1.02 * most / (width - last - middle - end - GAP))
            whole.text(101.5, y, times[y], va="center", fontsize=SMALL)
            rest.text(
                100 * (1 - run.goodput) + 0.02 * most, y, _percent(100 * (1 - run.goodput)), va="center", fontsize=SMALL
            )
        whole.set_yticks(range(len(runs)), labels, fontsize=SMALL)
        rest.set_yticks([])
        whole.set_xlim(0, 100)
        rest.set_xlim(0, 1.02 * most)
        whole.set_xticks([0, 25, 50, 75, 100] if middle - names > 1.6 else [0, 50, 100])
        rest.locator_params(axis="x", nbins=max(1, int((width - last - middle - end - GAP) / 0.55)))
        for axes, said in ((whole, "share of the run, %"), (rest, "all but steps that count, %")):
            axes.set_ylim(len(runs) - 0.5, -0.5)
            axes.set_xlabel(said, fontsize=SMALL)
            axes.tick_params(axis="x", labelsize=SMALL)
            quiet(axes)
        if causes:
            _draw_causes(page.axes(names, width - last, 0.45, ROW * len(causes)), causes, width - last - names)


def _segments(run: Goodput) -> list[tuple[Loss, float]]:
    """(part, percent), steps that count first."""
    return [(loss, 100 * run.losses_s[loss] / run.whole_s) for loss in Loss]


def _bar(axes: Any, y: int, segments: Sequence[tuple[Loss, float]], percent_an_inch: float) -> None:
    """Segments from the left; a share is written where it fits."""
    left = 0.0
    for loss, share in segments:
        words = WORDS[loss]
        axes.barh(
            y, share, left=left, color=words.colour, height=0.72, edgecolor="white", linewidth=0.6, hatch=_hatch(loss)
        )
        text = _percent(share)
        if share / percent_an_inch > inches(text, SMALL) + 0.06 and not words.hatched:
            axes.text(left + share / 2, y, text, ha="center", va="center", color=ink_on(words.colour), fontsize=SMALL)
        left += share


def _draw_causes(axes: Any, causes: Sequence[tuple[str, float]], across: float) -> None:
    """Time that each cause cost: what it made vain, the start after it, and the time down."""
    most = max(cost for _, cost in causes)  # what the others share may be more than the first
    unit, size = unit_of(most, ("min", "h", "d"))
    for y, (_, cost) in enumerate(causes):
        axes.barh(y, cost / size, color=WORDS[Loss.WASTED_PROGRESS].colour, height=0.66)
        axes.text(cost / size, y, f" {tenths(cost / size)}", va="center", fontsize=SMALL, color=INK)
    axes.set_yticks(range(len(causes)), [cause for cause, _ in causes], fontsize=SMALL)
    axes.set_ylim(len(causes) - 0.5, -0.5)
    axes.set_xlim(0, most / size * across / (across - inches(" 9,999", SMALL)) * 1.02)
    axes.locator_params(axis="x", nbins=max(2, int(across / 0.8)))
    axes.set_xlabel(f"{SPELLED[unit]} that failures cost, by cause", fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    quiet(axes)


def _causes(run: Goodput) -> list[tuple[str, float]]:
    """The costliest first, causes of one name together; those that are left share a row."""
    sums: dict[str, float] = {}
    for key, cost in run.causes_s:
        cause = key.replace("-", " ")
        sums[cause] = sums.get(cause, 0.0) + cost
    ranked = sorted(((cause, cost) for cause, cost in sums.items() if cost > 0), key=lambda each: -each[1])
    if len(ranked) <= CAUSES:
        return ranked
    others = ranked[CAUSES - 1 :]
    return [*ranked[: CAUSES - 1], (f"{len(others)} other causes", sum(cost for _, cost in others))]


def _hatch(loss: Loss) -> str | None:
    return "////" if WORDS[loss].hatched else None


def _percent(share: float) -> str:
    return f"{share:.0f} %" if share >= 9.95 else f"{share:.1f} %"


def _words(runs: Sequence[Goodput]) -> Words:
    shares = [100 * run.goodput for run in runs]
    low, high = (f"{end:.1f}" for end in (min(shares), max(shares)))
    span = f"{low} %" if low == high else f"{low} to {high} %"
    first = runs[0]
    costly = max((loss for loss in Loss if loss is not Loss.PRODUCTIVE), key=lambda loss: first.losses_s[loss])
    finding = f"Steps that count take {span} of the time"
    if first.losses_s[costly] > 0:
        finding += f"; most is lost to {WORDS[costly].label}: {duration(first.losses_s[costly])}"
    of = f" of {first.name}" if len(runs) > 1 else ""
    used = [loss for loss in Loss if any(run.losses_s[loss] > SHOWN * run.whole_s for run in runs)]
    handles = [
        Patch(facecolor=WORDS[loss].colour, hatch=_hatch(loss), edgecolor="white", label=WORDS[loss].label)
        for loss in used
    ]
    below = f"; below, what failures cost{of}" if _causes(first) else ""
    return Words(finding, f"mean of the simulated runs; time until done beside the bars{below}", handles)
