"""What people call a machine: all of its words, or nothing."""

import pytest

from wafersim.errors import Infeasible, InputFaults
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.machine_names import _table, machine_called


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("8 x NVIDIA H100 80 GB", "dgx-h100"),
        ("dgx-H100", "dgx-h100"),
        ("GB300-NVL72", "gb300-nvl72"),
        ("B200-192GB (DGX-B200)", "dgx-b200"),
        ("H800", "hgx-h800"),
    ],
)
def test_spelling_is_free(text: str, profile: str) -> None:
    assert machine_called(text).profile == profile


def test_every_line_leads_to_a_cluster() -> None:
    for called in _table()[1].values():
        assert load_gpu_machine(called.profile).name == called.profile


@pytest.mark.parametrize(
    ("text", "near"), [("H100 PCIe", "h100"), ("B300", "b200"), ("GH200", "h200"), ("A100 320GB", "a100")]
)
def test_an_unknown_device_is_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(Infeasible, match=f"no such machine is known; did you mean .*{near}"):
        machine_called(text)


def test_an_experiment_takes_a_name_that_says_everything() -> None:
    sets = ("system.gpus=96", "system.software=megatron-lm")
    named = load_experiment("gpt_neox20b_96a100", ["system.profile=A100 SXM 40 GB", *sets])
    assert named == load_experiment("gpt_neox20b_96a100", ["system.profile=dgx-a100-40gb", *sets])


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("A100", "'A100' does not say everything: write dgx-a100-80gb (80 GB)"),
        ("GB200", "'GB200' does not say everything: write gb200-nvl72 (in a rack of 72)"),
        ("MI300X", "unknown hardware profile 'MI300X'"),
    ],
)
def test_an_experiment_is_told_what_a_name_leaves_open(name: str, line: str) -> None:
    with pytest.raises(InputFaults) as found:
        load_experiment("gpt_neox20b_96a100", [f"system.profile={name}"])
    assert line in str(found.value)
