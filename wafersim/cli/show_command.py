"""`wafersim show NAME`."""

from __future__ import annotations

import click


@click.command("show")
@click.argument("name")
def command(name: str) -> None:
    """Print a hardware profile (`cs2`, `wse2`, `andromeda`) with its provenance, or a model's geometry.

    NAME is a name, an alias or a path; $WAFERSIM_PATH is searched, too.
    """
    from wafersim.report.provenance import show

    click.echo(show(name))
