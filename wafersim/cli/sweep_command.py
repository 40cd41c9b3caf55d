"""`wafersim sweep EXPERIMENT`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from wafersim.cli.cluster_option import cluster_option, connected, say
from wafersim.cli.completion import experiments

if TYPE_CHECKING:
    from wafersim.planning.executor import Executor, Task
    from wafersim.planning.journal import Journal

MOST_SWEPT = 1_000_000  # points that nobody asks for by mistake
MOST_WORKERS = 1024
FIGURE = "models_by_clusters.png"


@click.command("sweep")
@click.argument("experiment", shell_complete=experiments)
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, help="Its directory; runs/NAME-sweep if left out."
)
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Set a field, e.g. system.systems=8.")
@click.option("--sweep", "sweeps", multiple=True, metavar="PATH=a,b,c", help="Vary a field, beside the file's sweep.")
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=None,
    help="Processes; one a core if left out.",
)
@cluster_option
@click.option("--yes", is_flag=True, help=f"Run a grid of more than {MOST_SWEPT:,} points.")
@click.option("--figures", is_flag=True, help="Draw step time and tokens/s over models and clusters, where both vary.")
@click.option("--intervals", is_flag=True, help="80 % intervals of each point, which take most of the time.")
def command(
    experiment: str,
    out: Path | None,
    sets: tuple[str, ...],
    sweeps: tuple[str, ...],
    workers: int | None,
    cluster: str | None,
    yes: bool,
    figures: bool,
    intervals: bool,
) -> None:
    """Every point of EXPERIMENT's sweep, thousands of them: the table that `run` writes.

    Each finished point goes into a journal at once: whatever interrupts a sweep, the same command goes on from there.
    """
    began = perf_counter()
    from wafersim.errors import Interrupted
    from wafersim.inputs.loader import load_experiment
    from wafersim.inputs.sweep import Limit
    from wafersim.planning.executor import Task
    from wafersim.planning.forecast import forecast
    from wafersim.planning.journal import NAME, Journal, only_one, prepared
    from wafersim.planning.model_version import model_version
    from wafersim.planning.swept import findings, varied, write_results
    from wafersim.report import console
    from wafersim.report.rate import counted
    from wafersim.report.screen import show, width_of
    from wafersim.report.screen.sweep import Swept, sweep_screen

    limit = Limit(sys.maxsize) if yes else Limit(MOST_SWEPT, "--yes runs more")
    spec = load_experiment(experiment, sets, sweeps=sweeps, limit=limit)
    directory = out or Path("runs") / f"{spec.name}-sweep"
    prepared(directory)
    held = only_one(directory)
    if held is not None:
        click.get_current_context().call_on_close(lambda: os.close(held))
    executor = _executor(cluster, workers)
    click.get_current_context().call_on_close(executor.close)
    task = Task(spec, intervals)
    total = task.grid.size
    journal = Journal(directory)
    journal.check()
    others = journal.of_other_versions(model_version())
    if others:
        say(f"{journal}: {others:,} points of another version of the model stay there and are not used")
    journal.forget_failed()
    before = journal.done(task.sweep)
    try:
        expected = forecast(task, journal)
        left = total - journal.done(task.sweep)
        say(
            f"{spec.name}: {total:,} point{'s' * (total > 1)}"
            + (f", {before:,} of them in the journal" if before else "")
        )
        if expected is not None and left:
            count = max(executor.workers, 1)
            say(f"{expected.said(left, count)} on {count} worker{'s' * (count > 1)} ({expected.tried_on})")
        with counted(total, total - left) as advance:
            executor.execute(task, journal, 0.0 if expected is None else expected.each_s, advance)
    except KeyboardInterrupt:
        journal.close()
        journal.open()
        done = journal.done(task.sweep)
        files = write_results(task, journal)
        journal.close()
        raise Interrupted(
            f"{spec.name}: interrupted, {done:,} of {total:,} points done, {done - before:,} of them now; {directory}/ has them"
            f" ({', '.join(files)}); the same command goes on from there"
        ) from None
    done = journal.done(task.sweep)
    files = [NAME, *write_results(task, journal)]
    files += _drawn(task, journal) if figures else []
    found = findings(task, journal)
    journal.close()
    screen = console.new_console()
    swept = Swept(
        spec.title or spec.name, total, done - before, varied(task), found, directory, files,
        perf_counter() - began, intervals,
    )  # fmt: skip
    show(screen, sweep_screen(swept, width_of(screen)))


def _drawn(task: Task, journal: Journal) -> list[str]:
    """The name of the figure in the directory of a journal; nothing where there is none to draw."""
    from wafersim.errors import WafersimError
    from wafersim.report.figures.models_by_clusters import models_by_clusters_figure
    from wafersim.report.models_by_clusters import models_by_clusters

    table = models_by_clusters(task, journal)
    if table is None:
        say("--figures: nothing is drawn; the points that are done vary no model on clusters of several sizes")
        return []
    path = journal.path.with_name(FIGURE)
    try:
        models_by_clusters_figure(table, task.experiment.title or task.experiment.name, path)
    except OSError as error:
        raise WafersimError(
            f"{path}: cannot be written ({error.strerror or error}); finished points are kept"
        ) from None
    return [FIGURE]


def _executor(cluster: str | None, workers: int | None) -> Executor:
    """The processes of this machine, or a cluster's workers."""
    from wafersim.planning.pool import Pool

    if cluster is None:
        return Pool(workers or len(os.sched_getaffinity(0)))
    from wafersim.planning.cluster import KEPT
    from wafersim.planning.cluster_sweep import ClusterSweep

    return ClusterSweep(connected(cluster, workers, KEPT))
