"""The colours of what is told apart by one in figures and pages: passes, channels, kinds of numbers, sides, lines of a sweep."""

from __future__ import annotations

from wafersim.strategies import palette

PASSES = {
    "forward": palette.BLUE, "recompute": palette.SKY, "dgrad": palette.ORANGE, "wgrad": palette.RED, "update": palette.GREEN,
    "backward": palette.ORANGE,
}  # fmt: skip
CHANNELS = {"gather": palette.VIOLET, "scatter": palette.WINE}
KINDS = {
    "datasheet": palette.BLUE, "measured": palette.GREEN, "derived": palette.SILVER, "calibrated": palette.VIOLET,
    "assumed": palette.ORANGE,
}  # fmt: skip
FIRST, MATCHED, OTHER = palette.ORANGE, palette.BLUE, palette.SILVER
LINES = palette.LINES
