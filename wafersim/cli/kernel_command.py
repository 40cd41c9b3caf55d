"""`wafersim kernel`."""

from __future__ import annotations

import sys
from math import isnan
from pathlib import Path
from time import perf_counter

import click

from wafersim.errors import WafersimError

DATAFLOWS = ("weight-streaming", "interleaved", "summa", "cannon")
FORMATS = (".png", ".svg", ".pdf")
LONGEST_NAME = 255
SIDE = click.IntRange(1, 10_000_000)


@click.command("kernel")
@click.option(
    "--dataflow",
    type=click.Choice(DATAFLOWS),
    default="weight-streaming",
    help="How operands and sums move over the grid.",
)
@click.option("--m", "m", type=SIDE, required=True, help="Rows of the left matrix: tokens.")
@click.option("--k", "k", type=SIDE, required=True, help="The inner, stationary dimension: hidden features.")
@click.option("--n", "n", type=SIDE, required=True, help="Columns of the right matrix: outputs.")
@click.option(
    "--density", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Non-zero share of the weights."
)
@click.option("--profile", default="cs2", help="A system profile by name, alias (wse2) or path.")
@click.option("--compare", is_flag=True, help="All dataflows side by side.")
@click.option(
    "--heatmap", type=click.Path(path_type=Path), help="Draw busy fraction and wait of every PE: PNG, SVG or PDF."
)
@click.option("--sweep", type=click.Path(path_type=Path), help="Draw efficiency against size: PNG, SVG or PDF.")
@click.option("--all", "every", is_flag=True, help="Print every number of every dataflow before the answer.")
@click.option("--why", is_flag=True, help="Print what binds, why tiles do not fit and whose loops ran, before it.")
@click.option("--json", "as_json", is_flag=True, help="Print one object and nothing else.")
def command(
    dataflow: str, m: int, k: int, n: int, density: float, profile: str, compare: bool, heatmap: Path | None,
    sweep: Path | None, every: bool, why: bool, as_json: bool,
) -> None:  # fmt: skip
    """Cycles, time, efficiency and bound of one matmul (m x k by k x n) on a wafer."""
    began = perf_counter()
    from wafersim.inputs.profile import SystemProfile
    from wafersim.inputs.profile_file import find_profile, read_profile

    if isnan(density):  # which lies in every range
        raise WafersimError("--density: must be a share above 0 and up to 1 (got nan)")
    _drawable("--heatmap", heatmap)
    _drawable("--sweep", sweep)
    if heatmap is not None and not compare and dataflow != DATAFLOWS[0]:
        raise WafersimError(f"--heatmap: drawn for weight-streaming, not for {dataflow}")
    system = read_profile(find_profile(profile, Path()))
    if not isinstance(system, SystemProfile):
        raise WafersimError(f"--profile {profile}: is a {system.kind}; a system is needed, such as cs2")

    from wafersim.kernel import kernel_cost
    from wafersim.report import console, json_output
    from wafersim.report.kernel_table import print_kernel_reasons, print_kernels
    from wafersim.report.screen.kernel import kernel_screen
    from wafersim.report.screen.layout import show, width_of

    chosen = DATAFLOWS if compare else (dataflow,)
    costs = [kernel_cost(system, name, m, k, n, density) for name in chosen]
    if heatmap is not None or sweep is not None:
        from wafersim.report.figures.kernel import heatmap_figure, sweep_figure

        if heatmap is not None:
            heatmap_figure(system, costs[0], heatmap)
        if sweep is not None:
            sweep_figure(system, chosen, (m, k, n), sweep)
    if as_json:
        rows = [cost.to_json() for cost in costs]
        sys.stdout.write(json_output.document(**({"dataflows": rows} if compare else rows[0])) + "\n")
        return
    screen = console.new_console()
    if every:
        print_kernels(system.name, costs, screen)
    if why:
        print_kernel_reasons(costs, screen)
    written = [path for path in (heatmap, sweep) if path is not None]
    show(screen, kernel_screen(system.name, costs, written, perf_counter() - began, width_of(screen)))


def _drawable(option: str, path: Path | None) -> None:
    """Raises WafersimError for a figure that could not be written, before any work is done for it."""
    if path is None:
        return
    if path.suffix.lower() not in FORMATS:
        raise WafersimError(f"{option} {_short(path)}: must end in {', '.join(FORMATS)}")
    if len(path.name) > LONGEST_NAME:
        raise WafersimError(f"{option} {_short(path)}: a file name has up to {LONGEST_NAME} characters")
    try:
        there = path.parent.is_dir()
    except OSError:
        there = False
    if not there:
        raise WafersimError(f"{option} {_short(path)}: there is no folder {_short(path.parent)}")


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 80 else f"{text[:77]}..."
