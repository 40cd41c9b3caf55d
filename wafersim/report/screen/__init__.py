"""First screens: what a command found, in 24 lines of 80 columns."""

from wafersim.report.screen.layout import LINES, show, width_of
from wafersim.report.screen.run import Found, run_screen

__all__ = ["LINES", "Found", "run_screen", "show", "width_of"]
