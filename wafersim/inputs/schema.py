"""JSON Schema of experiments, comparisons, lists of jobs, plans and profiles, for editors."""

from __future__ import annotations

from typing import Any

from wafersim.inputs.comparison import Comparison
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.goal import PlanSpec
from wafersim.inputs.jobs import OWN, JobSet
from wafersim.inputs.model_file import FROM
from wafersim.inputs.profile import ADAPTER

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def experiment_schema() -> dict[str, Any]:
    """The schema of an experiment file."""
    schema = Experiment.model_json_schema()
    overrides = schema["$defs"]["SystemSpec"]["properties"]["overrides"]
    overrides["additionalProperties"] = {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "object"}]}
    # `auto`, and the kind left out, are what the machine does: `with_kind` fills them in before anything is checked.
    schema["properties"]["strategy"]["anyOf"] = [{"const": "auto"}, *schema["properties"]["strategy"].pop("oneOf")]
    schema["$defs"]["GpuParallelSpec"].pop("required", None)
    _derived(schema)
    return {"$schema": DRAFT, "title": "wafersim experiment", **{k: v for k, v in schema.items() if k != "title"}}


def _derived(schema: dict[str, Any]) -> None:
    """A model is also {from: PATH, ...}, with any field of a model; and what its file may fill is required of nobody."""
    said = {"type": "string", "description": "A config.json, a params.yaml or a model file; a name of a shipped model."}
    fields = {name: field for name, field in schema["$defs"]["Model"]["properties"].items() if name != "imported"}
    derived = {
        "type": "object",
        "properties": {FROM: said, **fields},
        "required": [FROM],
        "additionalProperties": False,
    }
    schema["properties"]["model"]["anyOf"] = [*schema["properties"]["model"].pop("oneOf"), derived]
    schema["required"] = [name for name in schema["required"] if name != "training"]


def comparison_schema() -> dict[str, Any]:
    """The schema of a comparison file. What its sides share, and what each has, are fields of an experiment, not all of one."""
    schema, whole = Comparison.model_json_schema(), experiment_schema()
    some = {name: field for name, field in whole["properties"].items() if name not in ("name", "title", "sweep")}
    fields = {"type": "object", "properties": some}
    side = schema["$defs"]["SideSpec"]["properties"]
    for place, name in ((schema["properties"], "common"), (side, "fields")):
        place[name] = {
            **fields,
            "default": {},
            "description": place[name].get("description", "Fields that sides share."),
        }
    schema["$defs"] |= whole["$defs"]
    return {"$schema": DRAFT, "title": "wafersim comparison", **{k: v for k, v in schema.items() if k != "title"}}


def plan_schema() -> dict[str, Any]:
    """The schema of a plan's file. What candidates share, and what each has, are fields of an experiment, not all of one."""
    schema, whole = PlanSpec.model_json_schema(), experiment_schema()
    left = ("name", "title", "sweep", "system")
    some = {name: field for name, field in whole["properties"].items() if name not in left}
    fields = {"type": "object", "properties": {**some, "system": {"type": "object"}}, "default": {}}
    for place, name in ((schema["properties"], "common"), (schema["$defs"]["CandidateSpec"]["properties"], "fields")):
        place[name] = {**fields, "description": place[name].get("description", "Fields that candidates share.")}
    schema["$defs"] |= whole["$defs"]
    return {"$schema": DRAFT, "title": "wafersim plan", **{k: v for k, v in schema.items() if k != "title"}}


def jobs_schema() -> dict[str, Any]:
    """The schema of a file with jobs: fields of an experiment beside them, none of which is needed where a job says it."""
    schema, whole = JobSet.model_json_schema(), experiment_schema()
    some = {name: field for name, field in whole["properties"].items() if name not in (*OWN, "sweep")}
    schema["properties"] |= some
    said = schema["$defs"].pop("JobSpec")["properties"]
    own = {"type": "object", "properties": some}
    job = {"type": "object", "properties": {**some, **said, "fields": own}, "additionalProperties": False}
    schema["properties"]["jobs"]["items"] = {"anyOf": [{"type": "string"}, job]}
    schema["$defs"] |= whole["$defs"]
    return {"$schema": DRAFT, "title": "wafersim jobs", **{k: v for k, v in schema.items() if k != "title"}}


def profile_schema() -> dict[str, Any]:
    """The schema of a hardware profile file."""
    return {"$schema": DRAFT, "title": "wafersim hardware profile", **ADAPTER.json_schema()}
