"""`wafersim run EXPERIMENT`."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from wafersim.cli.completion import experiments
from wafersim.cli.figure_options import figure_options
from wafersim.cli.run_options import REPORT, check_report_asked, refuse_without_duration, run_options, simulating, typed
from wafersim.inputs.flops import FLOPS_CONVENTIONS

if TYPE_CHECKING:
    from wafersim.simulation import Simulated
    from wafersim.strategies.steps import Engine
    from wafersim.training_run.duration import Duration

OF_ONE_EXPERIMENT = ("sets", "sweeps", "flops", "engine", "why", "sensitive", "trace", "point", "cluster")
ONLY = "--set, --sweep, --flops, --engine, --why, --sensitivity, --trace, --point and --cluster"


@click.command("run")
@click.argument("experiment", shell_complete=experiments)
@click.option("--out", "out", type=click.Path(path_type=Path), default=Path("runs"), help="Where run directories go.")
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Set a field, e.g. system.systems=8.")
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="PATH=a,b,c",
    help="Vary a field, in place of or beside the file's sweep.",
)
@click.option("--flops", type=click.Choice(FLOPS_CONVENTIONS), default=None, help="How FLOPs and MFU are counted.")
@click.option("--json", "as_json", is_flag=True, help='Print {"format": 1, "points": [...]} and nothing else.')
@figure_options
@click.option("--save/--no-save", default=True, help="Write the run directory.")
@click.option(
    "--engine",
    type=click.Choice(("auto", "fast", "queue", "reference", "both")),
    default="auto",
    help="fast: the compiled engine that applies; queue: event queue; reference: SimPy; both: auto's choice checked by SimPy.",
)
@click.option("--all", "every", is_flag=True, help="Print every point, and where its step goes, before the answer.")
@click.option("--why", is_flag=True, help="Print policies, memory, critical circuit, engines and provenance before it.")
@click.option(
    "--sensitivity", "sensitive", is_flag=True, help="What 1 % of each number does to the largest point's step."
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Write the largest point's step (with --duration: a whole run) for Perfetto, speedscope, chrome://tracing; "
    "compressed if the name ends in .gz.",
)
@REPORT
@click.option(
    "--point",
    default=None,
    metavar="POINT",
    help="Of which point step, trace and report tell: 3, or model=...,systems=16.",
)
@run_options
def command(
    experiment: str,
    out: Path,
    sets: tuple[str, ...],
    sweeps: tuple[str, ...],
    flops: str | None,
    as_json: bool,
    figures: bool,
    formats: tuple[str, ...],
    save: bool,
    engine: Engine,
    every: bool,
    why: bool,
    sensitive: bool,
    trace: Path | None,
    report: bool,
    point: str | None,
    lasts: bool,
    runs: int,
    seed: int,
    cluster: str | None,
) -> None:
    """Simulate EXPERIMENT: a YAML file, or the name of a shipped one (`wafersim list experiments`).

    A file with `jobs` is answered by the whole runs of all of them on the systems that they share.
    """
    began = perf_counter()
    from wafersim.errors import Infeasible
    from wafersim.inputs.jobs import has_jobs
    from wafersim.inputs.loader import load_experiment
    from wafersim.inputs.sweep import expand
    from wafersim.planning.pointed import place_of
    from wafersim.planning.sensitivity import sensitivities
    from wafersim.planning.sweep import largest, run_points
    from wafersim.planning.what_if import what_would_help
    from wafersim.report import console, json_output
    from wafersim.report.circuit import circuit_lines
    from wafersim.report.run import save_run
    from wafersim.report.run_directory import check_writable
    from wafersim.report.screen import Found, run_screen, show, width_of
    from wafersim.report.sensitivity import sensitivity_table
    from wafersim.report.words import line_name

    if has_jobs(experiment):
        from wafersim.cli.jobs_run import JobsOptions, run_jobs

        if typed(OF_ONE_EXPERIMENT):
            raise click.UsageError(f"{experiment} has jobs: {ONLY} are of one experiment")
        run_jobs(experiment, JobsOptions(runs, seed, out, save, figures, formats, report, as_json, every), began)
        return
    refuse_without_duration(lasts)
    check_report_asked(report, save)
    spec = load_experiment(experiment, (*sets, *([f"flops={flops}"] if flops else [])), sweeps=sweeps)
    if save:
        check_writable(out)
    if trace is not None:
        from wafersim.report.trace.file import check_trace_path

        check_trace_path(trace)
    simulate = simulating(cluster) if lasts else None
    points = expand(spec)
    place = None if point is None else place_of(points, point)
    with console.progress(len(points), f"{spec.name}: ") as advance:
        results = run_points(
            points,
            lambda each: advance(f"{each.experiment.model_name} on {each.experiment.system.count}"),
            engine,
            place,
        )
    rows, title = [result.to_json() for result in results], spec.title or spec.name
    shown = largest(results) if place is None else results[place]
    if shown is None or shown.simulated is None:
        if as_json:  # whoever reads it needs the reasons, too
            sys.stdout.write(json_output.document(points=rows) + "\n")
        refused = results if shown is None else [shown]
        raise Infeasible("\n".join(dict.fromkeys(f"{spec.name}: {result.infeasible}" for result in refused)))
    place = results.index(shown)
    found = sensitivities(shown.simulated) if sensitive else None
    helps = what_would_help(shown.simulated) if report or not (as_json or lasts) else []
    run = None
    if simulate is not None:
        from wafersim.report.screen.duration import Lasted, duration_screen
        from wafersim.training_run.duration import duration_of

        run = duration_of(shown.point.experiment, shown.simulated.prediction, runs, seed, simulate=simulate)
    page = step = None
    if report:
        from wafersim.report.html.of_run import RunFindings, run_page

        findings = RunFindings.of(spec, rows, shown, place, helps=helps, sensitive=found, duration=run)
        page, step = run_page(findings), findings.step
    directory = save_run(out, spec, results, shown, figures, found, helps, formats, run, page, step) if save else None
    if trace is not None:
        _save_trace(shown.simulated, run, f"{line_name(rows[place])} on {rows[place]['n_systems']}: {title}", trace)
    if as_json:
        extra: dict[str, Any] = {} if found is None else {"sensitivity": [one.to_json() for one in found]}
        extra |= {} if run is None else {"duration": run.to_json()}
        sys.stdout.write(json_output.document(points=rows, **extra) + "\n")
        return
    screen, largest_row = console.new_console(), rows[place]
    if every:
        console.print_points(title, rows, screen)
        if not why:  # which says it, too
            console.print_imports(rows, screen)
    if why:
        console.print_reasons(rows, circuit_lines(shown), helps, screen)
    if found is not None:
        console.print_table(screen, sensitivity_table(line_name(largest_row), found))
    if run is not None:
        of_one = title if len(results) == 1 else f"{line_name(largest_row)}, of {spec.name}"
        whole = Lasted(
            of_one,
            experiment,
            run,
            shown.point.experiment.run.published,
            directory,
            perf_counter() - began,
            trace,
            report,
            figures,
        )
        show(screen, duration_screen(whole, width_of(screen)))
        return
    answer = Found(
        title, experiment, rows, largest_row, helps, directory, perf_counter() - began, figures, trace, report
    )
    show(screen, run_screen(answer, width_of(screen)))


def _save_trace(simulated: Simulated, run: Duration | None, title: str, path: Path) -> None:
    """Of a whole run where one was simulated, else of the step."""
    if run is None:
        from wafersim.report.trace.step import save_step

        save_step(simulated, title, path)
    else:
        from wafersim.report.trace.whole_run import save_run

        save_run(run, title, path)
