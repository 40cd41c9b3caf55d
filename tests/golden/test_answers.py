"""No number moves unnoticed: every shipped answer is what it was when it was kept, value for value, but for stated keys."""

import re

import pytest

from tests.golden.answers import COMMANDS, QUICK, answer, differences, kept

CHANGED = {
    # Keys that changed on purpose since the answers were kept, with the reason.
    r"format": "answers say their format",
    r".*\.assumed(\[\])?": "only assumed numbers that the prediction reads and that move it",
    r".*\.binding_part": "the part behind what binds, by key: nobody parses the words",
    r".*\.split": "how the job is split, in words and by dimension",
    r".*\.memory\.capacity_bytes": "one key for the size of any chip's memory",
    r".*\.interval\.outside(\[\])?": "what lies outside the measured range is a value, with its sentence as text",
    r".*\.phases": "a run's parts, of which most have one",
    r"sides\[\]\.price": "what an hour of a chip costs is a value, with its date and whether anybody checked it",
    r"sides\[\]\.scaling_efficiency": "belongs to the points of a sweep; sides never had one",
}


def check(name: str) -> None:
    found = differences(kept(name), answer(name))
    moved = {path: pair for path, pair in found.items() if not any(re.fullmatch(known, path) for known in CHANGED)}
    assert not moved


@pytest.mark.parametrize("name", QUICK)
def test_shipped_answers_are_what_they_were(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in QUICK])
def test_the_long_ones_too(name: str) -> None:
    check(name)
