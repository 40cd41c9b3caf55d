"""`wafersim calibrate`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

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
@click.option("--all", "every", is_flag=True, help="Print every constant and what only this set has to say.")
def command(which: str | None, data: Path | None, write: bool, every: bool) -> None:
    """Fit the calibrated constants and print them; --write puts them into the profiles, with errors, rows and date.

    Without --data the fit rests on the published rows alone, and brings the profiles back to it.
    """
    began = perf_counter()
    from wafersim.calibration.front import calibrate, calibrate_own
    from wafersim.errors import WafersimError
    from wafersim.inputs.fit import SETS
    from wafersim.report import console
    from wafersim.report.screen.calibration import calibration_screen
    from wafersim.report.screen.layout import show, width_of

    if which is not None and data is not None:
        raise WafersimError("--data tells its set by its columns; leave out --set")
    if which is not None and which not in SETS:
        raise WafersimError(f"--set {which}: its rows only judge; fitted are {', '.join(SETS)}")
    if find_spec("scipy") is None:
        raise WafersimError("calibrate needs scipy: pip install -e '.[calibrate]'")
    chosen = next((name for name in SETS if name == which), SETS[0])
    with console.working(f"calibrate {chosen if data is None else data}"):
        found = calibrate(chosen) if data is None else calibrate_own(data)
    files = found.write() if write else ()
    screen = console.new_console()
    show(screen, calibration_screen(found, files, perf_counter() - began, width_of(screen)))
    if every:
        console.say(screen, f"\n{found}")
        for path in files:
            console.say(screen, f"wrote {path}")
