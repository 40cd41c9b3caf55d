"""Options of commands that simulate whole runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wafersim.cli.cluster_option import SAID, connected, say

if TYPE_CHECKING:
    from wafersim.training_run.compiled import Outcomes
    from wafersim.training_run.many import ManyRuns, Simulate

MOST = 100_000  # a share of the runs is known to a thousandth then, and they take little memory
MANY, FEW = 5_000, 200  # runs of which the time is told, by how many
LONG_S = 10.0
OPTIONS = (
    click.option("--duration", "lasts", is_flag=True, help="The whole run: its date, failures, checkpoints, goodput."),
    click.option(
        "--runs",
        type=click.IntRange(10, MOST),
        default=1000,
        show_default=True,
        help="Of --duration: runs that are simulated.",
    ),
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Of --duration: of what chance decides."),
    click.option("--cluster", metavar="ADDRESS", default=None, help=f"Of --duration: {SAID}"),
)


REPORT = click.option(
    "--report", "report", is_flag=True, help="Write report.html, too: one page with everything, to send on."
)


def check_report_asked(report: bool, save: bool) -> None:
    """Before anything is simulated: a report goes into the directory, and is made with libraries of an extra."""
    if not report:
        return
    if not save:
        raise click.UsageError("--report is written into the directory that --no-save leaves out")
    from wafersim.report.html.page import check_report

    check_report()


def refuse_without_duration(lasts: bool) -> None:
    """Raises UsageError for `--runs`, `--seed` or `--cluster` that nothing would read."""
    found = typed(("runs", "seed", "cluster"))
    if found and not lasts:
        raise click.UsageError(f"--{found[0]} is of --duration")


def typed(names: Iterable[str]) -> list[str]:
    """Of some parameters of the command those that stand on the command line."""
    context = click.get_current_context()
    return [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--duration`, `--runs`, `--seed` and `--cluster`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def simulating(cluster: str | None) -> Simulate:
    """Who simulates many runs: all cores, or the workers of a cluster until the command ends. Raises WafersimError, one line."""
    if cluster is None:
        return _telling_the_time
    from wafersim.planning.cluster_runs import ClusterRuns

    return ClusterRuns(connected(cluster))


def _telling_the_time(many: ManyRuns) -> Outcomes:
    """By all cores; of many runs the time that they will take is told first, if it is long."""
    from time import perf_counter

    from wafersim import numbers
    from wafersim.training_run.many import on_all_cores

    if many.runs >= MANY:
        few = replace(many, runs=FEW)
        on_all_cores(few)  # once for what is compiled
        began = perf_counter()
        on_all_cores(few)
        seconds = (perf_counter() - began) * many.runs / FEW
        if seconds > LONG_S:
            say(f"{many.runs:,} whole runs: about {numbers.duration(seconds)} (by {FEW} of them)")
    return on_all_cores(many)
