"""What charts share, in the words of plotly: margins, legends, marks, stacked bars, whiskers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BAR = 50  # pixels that a bar takes
MARGIN = {"l": 10, "r": 10, "t": 10, "b": 40}  # axes make room for their words themselves
CLOSE = {"l": 10, "r": 20, "t": 6, "b": 40}  # where nothing stands above
ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"}  # where a legend has room
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def stacked(name: str, colour: str, x: Sequence[float], y: Sequence[str], hover: str) -> dict[str, Any]:
    """One part of every bar: as long as `x` says, in the bars that `y` names; `hover` is what it says besides its name."""
    return {
        "type": "bar", "orientation": "h", "name": name, "x": x, "y": y, "hovertemplate": f"{hover}<extra></extra>",
        "marker": {"color": colour, "line": {"width": 0.5, "color": "#ffffff"}},
    }  # fmt: skip


def stack_layout(height: float, along: Mapping[str, Any]) -> dict[str, Any]:
    """Of stacked bars from the top; `along` is their axis."""
    return {
        "barmode": "stack", "height": height, "margin": MARGIN, "xaxis": along,
        "yaxis": {"autorange": "reversed", "type": "category"}, "legend": ABOVE,
    }  # fmt: skip


def whiskers(spans: Sequence[tuple[float, float, float]], **more: Any) -> dict[str, Any]:
    """From low to high of each (low, value, high)."""
    return {
        "type": "data", "symmetric": False, "array": [high - value for _, value, high in spans],
        "arrayminus": [value - low for low, value, _ in spans], **more,
    }  # fmt: skip
