"""A name that is suggested is one that was meant."""

import pytest

from wafersim.errors import did_you_mean
from wafersim.inputs.resources import names

FIELDS = ["system", "system.systems", "training.batch", "training.sequence_length"]


@pytest.mark.parametrize(
    ("asked", "suggested"),
    [
        ("gpt5", ""),  # was gpt3-350m
        ("bert", '"bert-large"'),
        ("gpt-5", ""),
        ("chinchilla", ""),
        ("claude", ""),
        ("Llama3_8B", '"llama3-8b"'),
        ("llama3.1-8b", '"llama3-8b", "llama3.2-1b" or "llama3.2-3b"'),
        ("llama-3-70b", '"llama3-70b"'),
        ("cerebras-gpt-13", '"cerebras-gpt-13b"'),
        ("cerebras-gpt-112m", '"cerebras-gpt-111m"'),
        ("crebras-gpt-13b", '"cerebras-gpt-13b"'),
        ("llama3", '"llama3-8b", "llama3-70b" or "llama3-405b"'),
        ("mixtral", '"mixtral-8x7b" or "mixtral-8x22b"'),
        ("", ""),
        ("7", ""),
    ],
)
def test_of_models(asked: str, suggested: str) -> None:
    assert did_you_mean(asked, names("models")) == (f"; did you mean {suggested}?" if suggested else "")


@pytest.mark.parametrize(
    ("asked", "known", "suggested"),
    [
        ("rnu", ["run", "show"], '"run"'),  # two letters swapped
        ("cs9", ["cs1", "cs2", "cs3", "h200"], '"cs1", "cs2" or "cs3"'),
        ("b300", ["b200", "h200", "cs3"], '"b200"'),
        ("systems", FIELDS, '"system.systems"'),  # the path that ends in it, before the word that looks like it
        ("sistem", FIELDS, '"system"'),
        ("batch_size", ["batch", "optimizer"], '"batch"'),
        ("dgx-a100", ["dgx-a100-40gb", "dgx-a100-80gb", "dgx-h100"], '"dgx-h100"'),
        ("a", ["b"], ""),
        ("x" * 5000, ["x" * 79], '"' + "x" * 79 + '"'),
    ],
)
def test_of_fields_and_commands(asked: str, known: list[str], suggested: str) -> None:
    assert did_you_mean(asked, known) == (f"; did you mean {suggested}?" if suggested else "")
