"""The short way to list what is shipped says what reading every file in full says."""

import subprocess
import sys
from pathlib import Path

import pytest

from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import find, names
from wafersim.report.listing import list_experiments, list_hardware, question


def test_hardware_is_listed_as_its_profiles_name_themselves() -> None:
    listed = {tuple(line.split(maxsplit=2)) for line in list_hardware().splitlines()}
    profiles = [load_profile(name) for name in names("hardware")]
    assert listed == {(profile.name, profile.kind, profile.title) for profile in profiles}


EXPERIMENTS = [find(kind, name) for kind in ("experiments", "comparisons", "jobs") for name in names(kind)]


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
