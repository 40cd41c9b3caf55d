"""One style for every figure: quiet axes, ink that can be read on its colour, and the colours that are no part of a step."""

from __future__ import annotations

from typing import Any

from matplotlib.colors import to_hex, to_rgb

INK, GREY, LIGHT = "#22272b", "#68727a", "#e3e7ea"
RC: Any = {
    "font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.labelcolor": INK, "xtick.color": GREY,
    "ytick.color": INK, "axes.edgecolor": LIGHT, "hatch.linewidth": 0.6, "pdf.fonttype": 42, "svg.hashsalt": "wafersim",
}  # fmt: skip
LIGHTER = 0.28  # how far every other layer's colour goes towards white
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def quiet(axes: Any, grid: str = "x") -> None:
    """Remove the frame, keep a light grid along one axis."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, which="both")
    axes.grid(axis=grid, color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)


def ring(colour: str = INK) -> dict[str, Any]:
    """How what is published is marked: hollow, around what is predicted."""
    return {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgecolor": colour, "linestyle": "none"}


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, 0 for black to 1 for white (WCAG 2, ITU-R BT.709)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ink_on(colour: str) -> str:
    """Dark ink or white, whichever stands out more from a colour."""
    behind, dark = luminance(colour) + 0.05, luminance(INK) + 0.05
    return INK if behind / dark > 1.05 / behind else "white"


def lighter(colour: str, share: float = LIGHTER) -> str:
    """A colour mixed with white."""
    red, green, blue = (channel + (1 - channel) * share for channel in to_rgb(colour))
    return to_hex((red, green, blue))
