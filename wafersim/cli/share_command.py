"""`wafersim share EXPERIMENT EXPERIMENT...`."""

from __future__ import annotations

import sys

import click


@click.command("share")
@click.argument("experiments", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Compare every tick with the SimPy reference.")
@click.option("--json", "as_json", is_flag=True, help='Print {"format": 1, "jobs": [...]} and nothing else.')
def command(experiments: tuple[str, ...], check: bool, as_json: bool) -> None:
    """Run EXPERIMENTS side by side: systems of their own, one MemoryX; how much each one slows down."""
    from wafersim.inputs.loader import load_experiment
    from wafersim.planning.sharing import share_cluster
    from wafersim.report import console, json_output
    from wafersim.report.sharing import sharing_table

    jobs = share_cluster([load_experiment(name, []) for name in experiments], check)
    if as_json:
        sys.stdout.write(json_output.document(jobs=[vars(job) for job in jobs]) + "\n")
        return
    screen = console.new_console()
    console.print_table(screen, sharing_table(jobs))
    worst = max(jobs, key=lambda job: job.slowdown)
    console.say(screen, f"{worst.name} slows down most: a step takes {worst.slowdown - 1:.2%} longer than alone.")
    if check:
        console.say(screen, "Equal to the SimPy reference on every tick.")
