"""The reference of files: every field says what it is, in which unit, and has an example that a test reads."""

import re
from pathlib import Path

import pytest

from documentation.fields import Field, Section, as_written, sections_of
from documentation.reference import comparison_sections, experiment_sections, plan_sections, profile_sections
from documentation.shipped import EXAMPLES
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.goal import offers_of, plan_file
from wafersim.inputs.jobs import load_jobs
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.profile_file import read_profile
from wafersim.inputs.schema import experiment_schema
from wafersim.inputs.yaml_file import read_scalar, read_yaml

# What a number without a dimension is counted in, or that it is one of two things over another.
UNITS = re.compile(
    r"\b(a number|adapters|bits?|blocks?|buckets|bytes?|checkpoints|children|chips|chunks|columns|cores|cycles?|days|efficiency|"
    r"elements?|experts|factor|failures|GPUs?|heads|layers|micro-batch|modules|multiply-accumulates|nats|nodes|over|parameters?|"
    r"PEs|points|ratio|reach(es)?|relative|replicas|rows|runs|seconds|seed|sequences?|shares?|sigma|speed|splits|stages|steps?|"
    r"systems?|times|tokens?|units?|wafers?|Weibull's k|year)\b",
    re.IGNORECASE,
)  # fmt: skip
PLURAL = {"count", "fraction"}  # dimensions whose unit is no more than a number
PAGES = {
    "experiment": experiment_sections,
    "profile": profile_sections,
    "plan": plan_sections,
    "comparison": comparison_sections,
}


@pytest.fixture(scope="module", params=list(PAGES))
def fields(request: pytest.FixtureRequest) -> list[Field]:
    sections: list[Section] = PAGES[request.param]()
    found = [field for section in sections for field in section.fields]
    assert len(found) > 15
    return found


def test_every_field_says_what_it_is(fields: list[Field]) -> None:
    assert [field.path for field in fields if len(field.said.split()) < 2 or not field.said.endswith(".")] == []


def test_every_quantity_says_its_unit(fields: list[Field]) -> None:
    """One with a dimension has the units of that; of a bare number the description tells what it counts."""
    bare = [field for field in fields if PLURAL & set(field.dimensions) or (field.numeric and not field.dimensions)]
    assert [field.path for field in bare if not UNITS.search(field.said)] == []


def test_every_field_says_what_it_takes_and_has_an_example_from_a_file(fields: list[Field]) -> None:
    assert [field.path for field in fields if not field.takes or not field.example] == []


def test_an_example_is_read_as_it_was_written(fields: list[Field]) -> None:
    for field in fields:
        assert field.example is not None
        value = field.example.partition(": ")[2]
        assert as_written(read_scalar(value)) == value, field.path


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_of_examples_is_one(path: Path) -> None:
    values = read_yaml(path).values
    if path.parent.name == "hardware":
        assert read_profile(path).kind == values["kind"]
    elif "jobs" in values:
        assert load_jobs(path).experiments
    elif "sides" in values:
        assert len(load_comparison(path)[1]) == 3
    elif "goal" in values:
        file, beside = plan_file(path)
        if "common" in values:
            assert len(offers_of(file, beside)[1]) == 3
    else:
        assert load_experiment(path).name == values["name"]


def test_a_field_without_a_word_is_seen() -> None:
    schema = experiment_schema()
    schema["$defs"]["TrainingSpec"]["properties"]["batch"].pop("description")
    (batch,) = [f for s in sections_of(schema, []) for f in s.fields if f.path == "training.batch"]
    assert (batch.said, batch.example) == ("", None)
    assert batch.takes == "a whole number from 1 to 1,000,000,000 or `published`"
