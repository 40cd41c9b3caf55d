"""`training.tokens` as people write it."""

import re

import pytest

from wafersim.errors import InputFaults
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.schema import experiment_schema
from wafersim.simulation import job_of

PARAMETERS = 111_050_496  # of cerebras-gpt-111m

ACCEPTED = [
    ("2T", 2e12),
    ("2 T", 2e12),
    ("300 B", 300e9),
    ("300B", 300e9),
    ("1.5B", 1.5e9),
    ("250 M", 250e6),
    ("64 K", 64e3),
    ("7e9", 7e9),
    ("7e9", 7e9),
    ("7000000000", 7e9),
    ("20 per parameter", 20 * PARAMETERS),
    ("20 tokens per parameter", 20 * PARAMETERS),
    ("1.5 per parameter", 1.5 * PARAMETERS),
]


def asked(tokens: str) -> Experiment:
    return load_experiment("hello_111m", [f"training.tokens={tokens}"])


@pytest.mark.parametrize(("written", "tokens"), ACCEPTED)
def test_what_is_accepted(written: str, tokens: float) -> None:
    experiment = asked(written)
    assert job_of(experiment).training.tokens == pytest.approx(tokens, rel=1e-3 if "param" in written else 1e-12)
    # Resolved, as a run directory has it, it says the same.
    again = Experiment.model_validate(experiment.model_dump(mode="json"))
    assert again.training.tokens == experiment.training.tokens


@pytest.mark.parametrize("written", [written for written, _ in ACCEPTED] + ["published"])
def test_the_schema_accepts_it_as_text(written: str) -> None:
    (tokens,) = [
        field["anyOf"]
        for name, field in experiment_schema()["$defs"]["TrainingSpec"]["properties"].items()
        if name == "tokens"
    ]
    patterns = [one["pattern"] for one in tokens if one["type"] == "string"]
    assert any(re.search(pattern, written) for pattern in patterns)


ALLOWED = 'must be a number of tokens such as 300 B, "20 per parameter" or published'


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("lots", f"{ALLOWED} (got 'lots')"),
        ("2 t", f"unknown unit 't' (units are case-sensitive: T) (got '2 t'); {ALLOWED}"),
        ("3 GB", f"GB is a unit of size, not of number of tokens (got '3 GB'); {ALLOWED}"),
        ("0", "must be above 0 and below 1e+18 (got 0)"),
        ("-2T", "must be above 0 and below 1e+18 (got '-2T')"),
        ("0 per parameter", "must be above 0 and below 1e+18 (got '0 per parameter')"),
        ("99999999T", "must be above 0 and below 1e+18 (got '99999999T')"),
        ("per parameter", f"{ALLOWED} (got 'per parameter')"),
        ("true", f"{ALLOWED} (got True)"),
        ("[1]", f"{ALLOWED} (got [1])"),
    ],
)
def test_what_is_refused_says_what_is_allowed(written: str, problem: str) -> None:
    with pytest.raises(InputFaults) as caught:
        asked(written)
    assert str(caught.value) == f"--set training.tokens: {problem}"
