"""`wafersim calibrate`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from wafersim.evidence.kinds import KINDS


@click.command("calibrate")
@click.option(
    "--set",
    "which",
    type=click.Choice(KINDS),
    default=None,
    help="Which constants (wafer if left out).",
)
@click.option(
    "--data",
    "data",
    type=click.Path(path_type=Path),
    default=None,
    help="Your own table, fitted together with the published rows of its set.",
)
@click.option("--write/--dry-run", default=False, help="Rewrite the calibrated entries of the profiles.")
def command(which: str | None, data: Path | None, write: bool) -> None:
    """Fit the calibrated constants and print them; --write puts them into the profiles, with errors, rows and date.

    Without --data the fit rests on the published rows alone, and brings the profiles back to it.
    """
    from wafersim.calibration.front import calibrate, calibrate_own
    from wafersim.errors import WafersimError
    from wafersim.inputs.fit import SETS

    if which is not None and data is not None:
        raise WafersimError("--data tells its set by its columns; leave out --set")
    if find_spec("scipy") is None:
        raise WafersimError("calibrate needs scipy: pip install -e '.[calibrate]'")
    chosen = next((name for name in SETS if name == which), SETS[0])
    found = calibrate(chosen) if data is None else calibrate_own(data)
    click.echo(str(found))
    for path in found.write() if write else ():
        click.echo(f"wrote {path}")
    if not write:
        click.echo("Nothing is written; --write puts these values into the profiles.")
