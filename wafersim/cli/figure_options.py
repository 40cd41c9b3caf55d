"""What `run`, `compare` and `plan` ask about their figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("png", "svg", "pdf")  # of report.figures.of_run, whose import would load matplotlib


def figure_options(command: F) -> F:
    """`--figures/--no-figures` and `--format`, as `figures` and `formats`."""
    draw = click.option("--figures/--no-figures", default=True, help="Draw the figures of the directory.")
    formats = click.option(
        "--format",
        "formats",
        type=click.Choice(FORMATS),
        multiple=True,
        default=("png",),
        help="Of figures; repeatable.",
    )
    return draw(formats(command))
