"""`wafersim share EXPERIMENT EXPERIMENT...`."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import click

from wafersim.cli.run_options import REPORT, check_report_asked


@click.command("share")
@click.argument("experiments", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Compare every tick with the SimPy reference.")
@click.option("--json", "as_json", is_flag=True, help='Print {"format": 1, "jobs": [...]} and nothing else.')
@click.option("--all", "every", is_flag=True, help="Print every number of every job before the answer.")
@click.option(
    "--out", "out", type=click.Path(path_type=Path), default=Path("runs"), help="Of --report: where its directory goes."
)
@REPORT
def command(experiments: tuple[str, ...], check: bool, as_json: bool, every: bool, out: Path, report: bool) -> None:
    """Run EXPERIMENTS, or those of a file with `jobs`, side by side on one MemoryX; how much each one slows down."""
    began = perf_counter()
    from wafersim.inputs.jobs import experiments_of
    from wafersim.planning.sharing import share_cluster
    from wafersim.report import console, json_output
    from wafersim.report.jobs_directory import save_sharing, shared_document
    from wafersim.report.run_directory import check_writable
    from wafersim.report.screen.layout import show, width_of
    from wafersim.report.screen.sharing import sharing_screen
    from wafersim.report.sharing import sharing_table

    check_report_asked(report, True)
    named = experiments_of(experiments)
    if report:
        check_writable(out)
    shared, directory = share_cluster(named, check), None
    if report:
        from wafersim.inputs.resolved_jobs import jobs_beside
        from wafersim.report.html.of_jobs import sharing_page, sharing_title

        jobs = jobs_beside(named, sharing_title(len(named)))
        directory = save_sharing(out, jobs, shared, check, sharing_page(jobs, shared, check))
    if as_json:
        sys.stdout.write(json_output.document(**shared_document(shared)) + "\n")
        return
    screen = console.new_console()
    if every:
        console.print_table(screen, sharing_table(shared))
    took, width = perf_counter() - began, width_of(screen)
    show(screen, sharing_screen(shared, check, took, width, first=experiments[0], directory=directory))
