"""`wafersim list models|hardware|experiments`."""

from __future__ import annotations

from shutil import get_terminal_size

import click


@click.command("list")
@click.argument("what", type=click.Choice(["models", "hardware", "experiments"]))
def command(what: str) -> None:
    """List what is shipped, with one line about each."""
    from wafersim.report.listing import list_experiments, list_hardware, list_models

    width = get_terminal_size().columns  # 80 where there is no terminal
    if what == "models":
        click.echo(list_models())
    else:
        click.echo(list_experiments(width) if what == "experiments" else list_hardware(width))
