"""`wafersim compare COMPARISON`."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import click

from wafersim.cli.figure_options import figure_options
from wafersim.cli.run_options import REPORT, check_report_asked, refuse_without_duration, run_options, simulating
from wafersim.inputs.flops import FLOPS_CONVENTIONS


@click.command("compare")
@click.argument("comparison")
@click.option("--out", "out", type=click.Path(path_type=Path), default=Path("runs"), help="Where the directory goes.")
@click.option("--flops", type=click.Choice(FLOPS_CONVENTIONS), default=None, help="How FLOPs and MFU are counted.")
@click.option("--json", "as_json", is_flag=True, help='Print {"format": 1, "sides": [...]} and nothing else.')
@figure_options
@click.option("--save/--no-save", default=True, help="Write the comparison's directory.")
@click.option("--all", "every", is_flag=True, help="Print every number of every side before the answer.")
@click.option(
    "--why", is_flag=True, help="Print what binds, what is not measured and where prices come from before it."
)
@REPORT
@run_options
def command(
    comparison: str,
    out: Path,
    flops: str | None,
    as_json: bool,
    figures: bool,
    formats: tuple[str, ...],
    save: bool,
    every: bool,
    why: bool,
    report: bool,
    lasts: bool,
    runs: int,
    seed: int,
    cluster: str | None,
) -> None:
    """Set the sides of COMPARISON beside each other: a YAML file, or the name of a shipped one.

    Sides may be sized to match the first one's peak FLOP/s, rated power or hourly price, or to meet a deadline.
    """
    began = perf_counter()
    from wafersim.errors import Infeasible
    from wafersim.inputs.comparison import load_comparison
    from wafersim.planning.comparison import compare_sides
    from wafersim.report import console, json_output
    from wafersim.report.comparison import print_comparison, print_reasons, save_comparison
    from wafersim.report.run_directory import check_writable
    from wafersim.report.screen.comparison import Compared, comparison_screen
    from wafersim.report.screen.layout import show, width_of

    refuse_without_duration(lasts)
    check_report_asked(report, save)
    spec, experiments = load_comparison(comparison, flops)
    if save:
        check_writable(out)
    simulate = simulating(cluster) if lasts else None
    with console.progress(len(experiments), f"{spec.name}: ") as advance:
        sides = compare_sides(spec, experiments, advance)
    rows = [side.to_json(sides[0]) for side in sides]
    if all(side.prediction is None for side in sides):
        raise Infeasible("\n".join(f"{side.name}: {side.infeasible}" for side in sides))
    whole = None
    if simulate is not None:
        from wafersim.planning.durations import durations_of
        from wafersim.report.screen.durations import durations_screen

        whole = durations_of(sides, runs, seed, simulate)
        rows = [
            row | ({} if run is None else {"duration": run.to_json()}) for row, run in zip(rows, whole, strict=True)
        ]
    page = None
    if report:
        from wafersim.report.html.of_comparison import ComparisonFindings, comparison_page

        page = comparison_page(
            ComparisonFindings(spec.title or spec.name, rows, [side.experiment for side in sides], whole)
        )
    directory = save_comparison(out, spec, sides, figures, formats, page) if save else None
    if as_json:
        sys.stdout.write(json_output.document(sides=rows) + "\n")
        return
    screen, title = console.new_console(), spec.title or spec.name
    if every:
        print_comparison(title, rows, screen)
        if not why:  # which says it, too
            console.print_imports(rows, screen)
    if why:
        print_reasons(rows, screen)
    if whole is not None:
        names, took = [side.name for side in sides], perf_counter() - began
        show(screen, durations_screen(title, names, whole, took, width_of(screen), directory, report))
        return
    answer = Compared(title, rows, directory, perf_counter() - began, report, figures)
    show(screen, comparison_screen(answer, width_of(screen)))
