"""`wafersim list models|hardware|experiments`."""

from __future__ import annotations

import click


@click.command("list")
@click.argument("what", type=click.Choice(["models", "hardware", "experiments"]))
def command(what: str) -> None:
    """List what is shipped, with one line about each."""
    from wafersim.report.listing import list_experiments, list_hardware, list_models

    click.echo({"models": list_models, "hardware": list_hardware, "experiments": list_experiments}[what]())
