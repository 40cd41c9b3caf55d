"""`wafersim schema experiment|comparison|jobs|profile`."""

from __future__ import annotations

import sys

import click


@click.command("schema")
@click.argument("what", type=click.Choice(["experiment", "comparison", "jobs", "profile"]), default="experiment")
def command(what: str) -> None:
    """Print the JSON Schema of experiments (default), comparisons, lists of jobs or hardware profiles."""
    from wafersim.inputs.schema import comparison_schema, experiment_schema, jobs_schema, profile_schema
    from wafersim.report import json_output

    schemas = {"experiment": experiment_schema, "comparison": comparison_schema, "jobs": jobs_schema,
               "profile": profile_schema}  # fmt: skip
    sys.stdout.write(json_output.dumps(schemas[what]()) + "\n")
