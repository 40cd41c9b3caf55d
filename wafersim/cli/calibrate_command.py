"""`wafersim calibrate`."""

from __future__ import annotations

import click


@click.command("calibrate")
@click.option(
    "--set",
    "which",
    type=click.Choice(["wafer", "gpu", "kernel", "collective"]),
    default="wafer",
    help="Which constants.",
)
@click.option("--write/--dry-run", default=False, help="Rewrite the calibrated entries of the profiles.")
def command(which: str, write: bool) -> None:
    """Fit the calibrated constants on published rows and print them; --write puts them into the profiles."""
    if which == "wafer":
        from wafersim.validation.wafer_fit import fit_wafer, write_wafer

        fit = fit_wafer()
        click.echo(str(fit))
        paths = write_wafer(fit) if write else ()
    elif which == "gpu":
        from wafersim.validation.gpu_fit import fit_gpus, write_gpus

        found = fit_gpus()
        click.echo(str(found))
        paths = write_gpus(found) if write else ()
    elif which == "collective":
        from wafersim.validation.collectives import fit_collectives, write_collectives

        of_gpu = fit_collectives()
        for profile, one in of_gpu.items():
            click.echo(f"{profile}: " + ", ".join(f"{name} = {value:g}" for name, value in one.constants.items()))
        paths = write_collectives(of_gpu) if write else ()
    else:
        from wafersim.validation.kernels import fit_kernels, write_kernels

        of_family = fit_kernels()
        for (profile, family), loop in of_family.items():
            numbers = ", ".join(f"{name} = {value:g}" for name, value in loop.constants.items())
            click.echo(f"{profile} {family}: {numbers}")
        paths = write_kernels(of_family) if write else ()
    for path in paths:
        click.echo(f"wrote {path}")
