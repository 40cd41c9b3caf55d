"""A tornado: how much longer or shorter a step is for 1 % of each number, assumed ones hatched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.patches import Patch

from wafersim.planning.sensitivity import Sensitivity
from wafersim.report.colours import KINDS
from wafersim.report.figures.sheet import PAGE, Words, sheet, widest
from wafersim.report.figures.style import GREY, INK, quiet
from wafersim.report.sensitivity import SHOWN

LEAST = 0.005  # percent: what would read 0.00
ROW, SMALL, HALF = 0.3, 8.0, 0.6  # inches of a bar; points; inches that each side of zero keeps for bars


def sensitivity_figure(name: str, found: Sequence[Sensitivity], path: Path, width: float = PAGE) -> None:
    """The largest on top; to the right what makes a step longer as it grows."""
    bars = [one for one in found[:SHOWN] if abs(one.percent) >= LEAST] or list(found[:1])
    labels = [f"{one.path}  {one.written}" for one in bars]
    texts = [f" {one.percent:+.2f} % {'(order of service) ' if one.anomaly else ''}" for one in bars]
    names = 0.2 + widest(labels, SMALL)
    side = widest(texts, SMALL) + 0.05
    width = max(width, names + 2 * (side + HALF) + 0.1)
    tall = ROW * len(bars)
    said = "; hatched: assumed, nobody has published it" if any(one.kind == "assumed" for one in bars) else ""
    words = Words(
        f"{name}: 1 % of {bars[0].path} is {abs(bars[0].percent):.2f} % of the step",
        "every choice kept, the plan simulated again for each number" + said,
        [Patch(facecolor=KINDS[kind], hatch=_hatch(kind), edgecolor="white", label=kind)
         for kind in KINDS if any(one.kind == kind for one in bars)],
    )  # fmt: skip
    with sheet(path, width, tall + 0.5, words) as page:
        axes = page.axes(names, width - 0.1, 0.45, tall)
        most = max(abs(one.percent) for one in bars)
        for y, (one, text) in enumerate(zip(bars, texts, strict=True)):
            axes.barh(
                y,
                one.percent,
                height=0.68,
                color=KINDS[one.kind],
                hatch=_hatch(one.kind),
                edgecolor="white",
                linewidth=0.4,
            )
            axes.text(
                one.percent, y, text, va="center", ha="left" if one.percent >= 0 else "right", fontsize=SMALL, color=INK
            )
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set_yticks(range(len(bars)), labels, fontsize=SMALL)
        half = (width - 0.1 - names) / 2
        reach = most * half / (half - side)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.locator_params(axis="x", nbins=max(2, int(2 * half / 0.7)))
        axes.set_xlabel("change of the step time for 1 % more, %", fontsize=SMALL)
        quiet(axes)


def _hatch(kind: str) -> str | None:
    return "////" if kind == "assumed" else None
