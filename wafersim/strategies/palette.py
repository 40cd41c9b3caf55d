"""The colours of everything that is told apart by one, in every figure: parts of a step, passes, kinds of numbers, sides.

Found by a search over hue, chroma and lightness for colours of which any two differ by 22 in CIE Lab as everybody and as
protanopes and deuteranopes see them (Machado et al. 2009), and that follow each other in tables of parts by 14 in lightness,
so that a bar of them can be read in grey; `tests/report/test_colours.py` holds both.
"""

from __future__ import annotations

BLUE = "#375d8e"
SKY = "#a1d7fe"
ORANGE = "#eb8001"
RED = "#bc3c22"
WINE = "#661034"
VIOLET = "#977bdc"
WHEAT = "#f2db9d"
GREEN = "#1a8e66"
SILVER = "#c4c4c4"

LINES = ("#5a7ed3", "#b2a216", "#426403", "#739a72", "#68286d", "#175cf5", "#193b27", "#75bad5")
"""Lines of a sweep in their order; found likewise."""
