"""`wafersim schema experiment|profile`."""

from __future__ import annotations

import sys

import click


@click.command("schema")
@click.argument("what", type=click.Choice(["experiment", "profile"]), default="experiment")
def command(what: str) -> None:
    """Print the JSON Schema of experiments (default) or hardware profiles."""
    from wafersim.inputs.schema import experiment_schema, profile_schema
    from wafersim.report import json_output

    schema = experiment_schema() if what == "experiment" else profile_schema()
    sys.stdout.write(json_output.dumps(schema) + "\n")
