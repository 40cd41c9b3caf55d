"""`wafersim share EXPERIMENT EXPERIMENT...`."""

from __future__ import annotations

import sys
from time import perf_counter

import click


@click.command("share")
@click.argument("experiments", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Compare every tick with the SimPy reference.")
@click.option("--json", "as_json", is_flag=True, help='Print {"format": 1, "jobs": [...]} and nothing else.')
@click.option("--all", "every", is_flag=True, help="Print every number of every job before the answer.")
def command(experiments: tuple[str, ...], check: bool, as_json: bool, every: bool) -> None:
    """Run EXPERIMENTS, or those of a file with `jobs`, side by side on one MemoryX; how much each one slows down."""
    began = perf_counter()
    from wafersim.inputs.jobs import experiments_of
    from wafersim.planning.sharing import share_cluster
    from wafersim.report import console, json_output
    from wafersim.report.screen.layout import show, width_of
    from wafersim.report.screen.sharing import sharing_screen
    from wafersim.report.sharing import sharing_table

    jobs = share_cluster(experiments_of(experiments), check)
    if as_json:
        sys.stdout.write(json_output.document(jobs=[vars(job) for job in jobs]) + "\n")
        return
    screen = console.new_console()
    if every:
        console.print_table(screen, sharing_table(jobs))
    show(screen, sharing_screen(jobs, check, perf_counter() - began, width_of(screen)))
