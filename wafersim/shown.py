"""How results show themselves in a notebook. What they look like is the report's business, which loads when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# By name: results stand on lower floors and do not know how they are shown.
TABLES, FIGURES = "wafersim.report.notebook", "wafersim.report.figures.of_result"


class Shown:
    """A result that a notebook shows as a table, and that can be drawn."""

    def _repr_html_(self) -> str:
        found: str = import_module(TABLES).html_of(self)
        return found

    def plot(self) -> Figure:
        """The figure that says most of it, as `--figures` draws it; raises WafersimError where there is nothing to draw."""
        found: Figure = import_module(FIGURES).figure_of(self)
        return found
