"""`wafersim report DIRECTORY`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--out", "out", type=click.Path(path_type=Path), default=None, help="The file; DIRECTORY/report.html if left out."
)
@click.option(
    "--point", default=None, metavar="POINT", help="Of a run: whose step is shown, such as 3 or model=...,systems=16."
)
def command(directory: Path, out: Path | None, point: str | None) -> None:
    """One page with everything that `run`, `compare` or `plan` has written into DIRECTORY, to send on.

    It opens from a disk, loads nothing, and holds a step that can be zoomed, charts, sources and the answer.
    """
    from wafersim.report.html.from_directory import page_of
    from wafersim.report.html.page import check_report, save_page
    from wafersim.report.run_directory import REPORT

    check_report()
    path = directory / REPORT if out is None else out
    save_page(page_of(directory, point), path)
    click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
