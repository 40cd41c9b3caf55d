"""One style for every figure: quiet axes, colours that the colour-blind can tell apart, a title that says the finding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

INK, GREY, LIGHT = "#22272b", "#7a858e", "#e3e7ea"
PASS_COLOURS = {
    "forward": "#3b6fb6",
    "recompute": "#9dbbe0",
    "dgrad": "#e8a33d",
    "wgrad": "#c8553d",
    "update": "#4f9d69",
}
MODEL_COLOURS = ("#22577a", "#3b6fb6", "#38a3a5", "#57a773", "#e8a33d", "#d9743a", "#a23b53", "#6a4c93")


def label_width(text: str) -> float:
    """Inches that a label of 8.5 to 9 points takes, generously."""
    return 0.078 * len(text)


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure that is written when the block ends well, and closed however it ends."""
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.labelcolor": INK,
                         "xtick.color": GREY, "ytick.color": INK, "axes.edgecolor": LIGHT}):  # fmt: skip
        drawn = plt.figure(figsize=(width, height), dpi=160, facecolor="white")
        try:
            yield drawn
            drawn.savefig(path)
        finally:
            plt.close(drawn)


def quiet(axes: Any, grid: str = "x") -> None:
    """Remove the frame, keep a light grid along one axis."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis=grid, color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)


def title(drawn: Figure, main: str, sub: str) -> None:
    """The finding in bold, the circumstances in grey below it; inches from the top, whatever the figure's height."""
    height = drawn.get_size_inches()[1]
    drawn.text(0.02, 1 - 0.18 / height, main, fontsize=12.5, fontweight="bold", va="top")
    drawn.text(0.02, 1 - 0.44 / height, sub, fontsize=9, color=GREY, va="top")
