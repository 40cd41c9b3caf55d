"""What somebody types for a machine, and what is said of it."""

from pathlib import Path

import pytest

from wafersim.errors import WafersimError
from wafersim.inputs.typed_machine import typed_machine


@pytest.mark.parametrize(
    ("text", "profile", "assumed"),
    [
        ("h100", "dgx-h100", "h100 taken as dgx-h100 (80 GB)"),
        ("H100", "dgx-h100", "H100 taken as dgx-h100 (80 GB)"),
        ("b200", "dgx-b200", "b200 taken as dgx-b200"),
        ("gb200", "gb200-nvl72", "gb200 taken as gb200-nvl72 (in a rack of 72)"),
        ("cs3", "cs3", "cs3 with memoryx-cs3-36tb and swarmx-cs3"),
        ("CS-2", "cs2", "CS-2 with memoryx-cs2-12tb and swarmx-cs2"),
        ("wse3", "cs3", "wse3 taken as cs3 with memoryx-cs3-36tb and swarmx-cs3"),
        ("Andromeda", "andromeda", ""),
        ("Mosaic-H100", "mosaic-h100", ""),
        ("condor galaxy 1", "condor-galaxy-1", ""),
        ("dgx-h100", "dgx-h100", ""),
        ("selene", "dgx-a100-80gb", "selene taken as dgx-a100-80gb"),
    ],
)
def test_a_name_in_any_case_is_a_profile_and_says_what_it_leaves_open(text: str, profile: str, assumed: str) -> None:
    found = typed_machine(text)
    assert (found.profile, found.name, found.assumed) == (profile, profile, assumed)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("h1000", "unknown hardware profile 'h1000'; did you mean \"h100\"?"),
        ("andromda", 'did you mean "andromeda"?'),
        ("MI300X", "unknown hardware profile 'MI300X'; `wafersim list hardware` shows all"),
        ("", "unknown hardware profile ''"),
        ("x" * 5000, "`wafersim list hardware` shows all"),
        ("a100-pcie", "is a gpu; a cluster or a system is needed"),
        ("megatron-lm", "is a gpu-software; a cluster or a system is needed"),
        ("nowhere/chip.yaml", "no such file 'nowhere/chip.yaml'"),
    ],
)
def test_what_is_no_machine_is_refused_in_one_line(text: str, line: str) -> None:
    with pytest.raises(WafersimError) as refused:
        typed_machine(text)
    assert line in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_a_file_of_ones_own_comes_before_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "base: cs3\nvalues: {clock: {value: 2.2 GHz, kind: assumed, source: ours, date: '2026'}}\n"
    (tmp_path / "h100.yaml").write_text(own)
    beside = typed_machine("h100", tmp_path)
    assert beside.name == "h100" and not isinstance(beside.profile, str) and beside.profile.kind == "system"
    assert beside.assumed == "h100 with memoryx-cs3-36tb and swarmx-cs3"
    monkeypatch.chdir(tmp_path)
    assert typed_machine("h100.yaml").profile == beside.profile
    assert typed_machine("h100").profile == "dgx-h100"  # a name typed anywhere means what is shipped
