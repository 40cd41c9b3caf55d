"""JSON Schema of experiments and profiles, for editors."""

from __future__ import annotations

from typing import Any

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.profile import ADAPTER

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def experiment_schema() -> dict[str, Any]:
    """The schema of an experiment file."""
    schema = Experiment.model_json_schema()
    overrides = schema["$defs"]["SystemSpec"]["properties"]["overrides"]
    overrides["additionalProperties"] = {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "object"}]}
    return {"$schema": DRAFT, "title": "wafersim experiment", **{k: v for k, v in schema.items() if k != "title"}}


def profile_schema() -> dict[str, Any]:
    """The schema of a hardware profile file."""
    return {"$schema": DRAFT, "title": "wafersim hardware profile", **ADAPTER.json_schema()}
