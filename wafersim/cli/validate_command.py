"""`wafersim validate`."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import click

from wafersim.evidence.kinds import KINDS

FORMATS = (".png", ".svg", ".pdf")


@click.command("validate")
@click.option(
    "--set",
    "which",
    type=click.Choice(KINDS),
    multiple=True,
    help="Which measurements; all of them if left out.",
)
@click.option("--row", "row", default=None, help="One row, by id; the others are not predicted.")
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="Rows of one group, as --why names it; again for more."
)
@click.option(
    "--data",
    "data",
    type=click.Path(path_type=Path),
    default=None,
    help="Your own table, in the columns of a shipped one.",
)
@click.option("--all", "--rows", "every_row", is_flag=True, help="Print every row before the answer.")
@click.option("--why", is_flag=True, help="Print errors by group, what was skipped and why, before it.")
@click.option(
    "--figure", "figure", type=click.Path(path_type=Path), default=None, help="Draw predicted against published."
)
@click.option("--page", "page", type=click.Path(path_type=Path), default=None, help="Write docs/validation.md anew.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help='Print {"format": 1, "rows": [...], "skipped": [...], "ranking": [...]} and nothing else.',
)
def command(
    which: tuple[str, ...],
    row: str | None,
    groups: tuple[str, ...],
    data: Path | None,
    every_row: bool,
    why: bool,
    figure: Path | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Published measurements through the same path as `run`: predicted, published, error and interval, by group.

    Exit code 1 when an error is worse than the committed floor; your own rows have none.
    """
    began = perf_counter()
    from wafersim.errors import WafersimError
    from wafersim.evidence.judge import published, validate, validate_own
    from wafersim.report import console

    if data is not None and (which or row or groups or page):
        raise WafersimError("--data tells its set by its columns; leave out --set, --row, --group and --page")
    if figure is not None and figure.suffix.lower() not in FORMATS:
        raise WafersimError(f"--figure {figure}: must end in {', '.join(FORMATS)}")
    if page is not None and (which or row or groups):
        raise WafersimError("--page covers all sets; leave out --set, --row and --group")
    if row and groups:
        raise WafersimError("--row is one row; leave out --group")
    chosen = [name for name in KINDS if not which or name in which]
    if data is None:
        count = sum(len(rows.measured) for rows in published(chosen, row, groups))
        with console.progress(count, "validate: ") as advance:
            report = validate(chosen, row, advance, groups)
    else:
        with console.working(f"validate {data}"):
            report = validate_own(data)

    from wafersim.evidence.floors import broken_floors  # what is slow to load, once the row is known
    from wafersim.evidence.ranking import rankings
    from wafersim.report import json_output
    from wafersim.report.screen.layout import show, width_of
    from wafersim.report.screen.validation import Validated, validation_screen
    from wafersim.report.validation_table import print_groups, print_rows

    broken = broken_floors(report, some=bool(groups)) if data is None else []
    if figure is not None:
        from wafersim.report.figures.validation import validation_figure

        figure.parent.mkdir(parents=True, exist_ok=True)
        validation_figure(report.to_json()["rows"], figure)
    if page is not None:
        from wafersim.report.validation_page import write_page

        write_page(report, page)
    if as_json:
        ranked = [one.to_json() for one in rankings(report.rows)]
        sys.stdout.write(json_output.document(**report.to_json(), ranking=ranked) + "\n")
    else:
        screen = console.new_console()
        if every_row and report.rows:
            print_rows(report, "Published" if data is None else "Your", screen)
        if why:
            print_groups(report, screen)
        written = [path for path in (figure, page) if path is not None]
        answer = Validated(report, broken if data is None else None, written, perf_counter() - began)
        show(screen, validation_screen(answer, width_of(screen)))
    if data is not None and not report.rows:
        raise WafersimError(f"{data}: no row states enough to be predicted")
    if broken:
        for line in broken:
            click.echo(f"floor broken: {line}", err=True)
        sys.exit(1)
