"""The short way to list what is shipped says what reading every file in full says."""

import subprocess
import sys
from pathlib import Path

import pytest

from wafersim.inputs.machine import load_any
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import find, names
from wafersim.inputs.typed_machine import typed_machine
from wafersim.report.listing import list_experiments, list_hardware, question


@pytest.mark.parametrize("width", [44, 80, 200])
def test_hardware_is_listed_as_its_profiles_name_themselves(width: int) -> None:
    lines = list_hardware(width).splitlines()
    assert max(map(len, lines)) <= width
    machines, parts = ("\n".join(lines).split("\n\n")[at].splitlines()[1:] for at in (0, 1))
    whole = [_joined(machines), _joined(parts)]
    for name in names("hardware"):
        profile = load_profile(name)
        found = [each for listed in whole for each in listed if each.split()[0] == name]
        assert len(found) == 1 and profile.kind in found[0].split() and found[0].endswith(profile.title)
    assert all(load_any(line.split()[0]).name == line.split()[0] for line in whole[0])
    assert not any(line.split()[0] in ("cs3", "dgx-h100") for line in whole[1])


def _joined(lines: list[str]) -> list[str]:
    """Entries, each in one line again."""
    return [" ".join(entry.split()) for entry in "\n".join(lines).replace("\n ", " ").splitlines()]


def test_short_names_stand_beside_the_machines_that_they_mean() -> None:
    rows = [line.split() for line in list_hardware(200).split("\n\n")[0].splitlines()[1:]]
    short = {row[0]: row[1] for row in rows if row[1] != "-"}
    assert short["dgx-h100"] == "h100" and short["dgx-b200"] == "b200" and short["cs3"] == "wse3"
    assert all(typed_machine(name).profile == profile for profile, name in short.items())


EXPERIMENTS = [find(kind, name) for kind in ("experiments", "comparisons", "jobs", "plans") for name in names(kind)]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_opens_with_its_question(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ") and question(path).endswith("?")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_experiments_are_listed_with_their_questions_in_the_width_of_the_terminal(width: int) -> None:
    lines = list_experiments(width).splitlines()
    assert max(map(len, lines)) <= width
    names_listed = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names_listed == [path.stem for path in EXPERIMENTS]
    whole = " ".join(" ".join(lines).split())
    assert all(question(path) in whole for path in EXPERIMENTS)


def test_listing_hardware_loads_no_schema() -> None:
    code = (
        "import sys\nfrom wafersim.report.listing import list_hardware\nlist_hardware()\n"
        "print([name for name in ('pydantic', 'numpy', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
