"""`wafersim calibrate`."""

from __future__ import annotations

import click


@click.command("calibrate")
@click.option("--set", "which", type=click.Choice(["wafer"]), default="wafer", help="Which constants.")
@click.option("--write/--dry-run", default=False, help="Rewrite the calibrated entries of the profile.")
def command(which: str, write: bool) -> None:
    """Fit the calibrated constants on published rows and print them; --write puts them into the profile."""
    from wafersim.validation.calibration import fit_wafer, write_profiles

    fit = fit_wafer()
    click.echo(str(fit))
    if write:
        for path in write_profiles(fit):
            click.echo(f"wrote {path}")
