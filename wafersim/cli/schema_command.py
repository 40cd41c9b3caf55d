"""`wafersim schema experiment|comparison|jobs|plan|profile`."""

from __future__ import annotations

import sys

import click


@click.command("schema")
@click.argument(
    "what", type=click.Choice(["experiment", "comparison", "jobs", "plan", "profile"]), default="experiment"
)
def command(what: str) -> None:
    """Print the JSON Schema of experiments (default), comparisons, lists of jobs, plans or hardware profiles."""
    from wafersim.inputs.schema import comparison_schema, experiment_schema, jobs_schema, plan_schema, profile_schema
    from wafersim.report import json_output

    schemas = {"experiment": experiment_schema, "comparison": comparison_schema, "jobs": jobs_schema,
               "plan": plan_schema, "profile": profile_schema}  # fmt: skip
    sys.stdout.write(json_output.dumps(schemas[what]()) + "\n")
