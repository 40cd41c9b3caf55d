"""A tornado: how much longer or shorter a step is for 1 % of each number, assumed ones hatched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.patches import Patch

from wafersim.planning.sensitivity import Sensitivity
from wafersim.report.figures.style import GREY, INK, figure, label_width, quiet, title
from wafersim.report.sensitivity import SHOWN

LEAST = 0.005  # percent: what would read 0.00
COLOURS = {
    "datasheet": "#22577a",
    "measured": "#38a3a5",
    "derived": "#9aa5ad",
    "calibrated": "#3b6fb6",
    "assumed": "#e8a33d",
}


def sensitivity_figure(name: str, found: Sequence[Sensitivity], path: Path) -> None:
    """The largest on top; to the right what makes a step longer as it grows."""
    bars = [one for one in found[:SHOWN] if abs(one.percent) >= LEAST] or list(found[:1])
    names = 0.4 + max(label_width(f"{one.path}  {one.written}") for one in bars)
    with figure(path, names + 6, 1.7 + 0.34 * len(bars)) as drawn:
        width, height = drawn.get_size_inches()
        axes = drawn.add_axes((names / width, 0.75 / height, 1 - (names + 0.9) / width, 1 - 1.5 / height))
        most = max(abs(one.percent) for one in bars)
        for y, one in enumerate(bars):
            hatch = "////" if one.kind == "assumed" else None
            axes.barh(
                y, one.percent, height=0.66, color=COLOURS[one.kind], hatch=hatch, edgecolor="white", linewidth=0.4
            )
            side = "left" if one.percent >= 0 else "right"
            odd = "(order of service) " if one.anomaly else ""
            axes.text(one.percent, y, f" {one.percent:+.2f} % {odd}", va="center", ha=side, fontsize=8.5, color=INK)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set_yticks(range(len(bars)), [f"{one.path}  {one.written}" for one in bars])
        axes.set_xlim(-1.25 * most, 1.25 * most)
        axes.invert_yaxis()
        axes.set_xlabel("change of the step time for 1 % more, %")
        quiet(axes)
        first = bars[0]
        finding = f"{name}: 1 % of {first.path} is {abs(first.percent):.2f} % of the step"
        title(
            drawn,
            finding,
            "every choice kept, the plan simulated again for each number; hatched: assumed, nobody has published it",
        )
        kinds = [kind for kind in COLOURS if any(one.kind == kind for one in bars)]
        drawn.legend(handles=[Patch(color=COLOURS[kind], label=kind) for kind in kinds], loc="lower center", ncol=len(kinds),
                     frameon=False, fontsize=8.5)  # fmt: skip
