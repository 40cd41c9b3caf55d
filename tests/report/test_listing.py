"""The short way to list what is shipped says what reading every file in full says."""

import subprocess
import sys

from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import find, names
from wafersim.inputs.yaml_file import read_yaml
from wafersim.report.listing import list_experiments, list_hardware


def test_hardware_is_listed_as_its_profiles_name_themselves() -> None:
    listed = {tuple(line.split(maxsplit=2)) for line in list_hardware().splitlines()}
    profiles = [load_profile(name) for name in names("hardware")]
    assert listed == {(profile.name, profile.kind, profile.title) for profile in profiles}


def test_experiments_are_listed_by_their_titles() -> None:
    listed = dict(line.split(maxsplit=1) for line in list_experiments().splitlines())
    for kind in ("experiments", "comparisons"):
        for name in names(kind):
            title = read_yaml(find(kind, name)).values.get("title")
            assert title is None or listed[name].startswith(title)
    assert listed.keys() == {*names("experiments"), *names("comparisons")}


def test_listing_hardware_loads_no_schema() -> None:
    code = (
        "import sys\nfrom wafersim.report.listing import list_hardware\nlist_hardware()\n"
        "print([name for name in ('pydantic', 'numpy', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
