"""`wafersim validate`."""

from __future__ import annotations

import sys

import click


@click.command("validate")
@click.option(
    "--set",
    "which",
    type=click.Choice(["wafer", "gpu", "kernel", "collective"]),
    default="wafer",
    help="Which measurements.",
)
@click.option("--row", "row", default=None, help="One row, by id.")
@click.option("--json", "as_json", is_flag=True, help='Print {"rows": [...], "skipped": [...]} and nothing else.')
def command(which: str, row: str | None, as_json: bool) -> None:
    """Published measurements through the same path as `run`: predicted, published, error by row."""
    from wafersim.report import json_output
    from wafersim.report.validation_table import print_validation

    if which == "wafer":
        from wafersim.validation.wafer import validate_wafer

        report = validate_wafer(row)
    elif which == "gpu":
        from wafersim.validation.gpu import validate_gpus

        report = validate_gpus(row)
    elif which == "collective":
        from wafersim.validation.collectives import validate_collectives

        report = validate_collectives(row)
    else:
        from wafersim.validation.kernels import validate_kernels

        report = validate_kernels(row)
    if as_json:
        sys.stdout.write(json_output.dumps(report.to_json()) + "\n")
        return
    print_validation(report.to_json())
