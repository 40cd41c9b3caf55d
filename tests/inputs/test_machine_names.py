"""What people call a machine: all of its words, or nothing."""

import pytest

from wafersim.errors import Infeasible, InputFaults
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import load_any, load_gpu_machine
from wafersim.inputs.machine_names import _table, gpus_called
from wafersim.report.screen.comparison import _trust
from wafersim.simulation import simulate


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
    assert gpus_called(text).profile == profile


def test_every_line_leads_to_a_machine() -> None:
    for called in _table()[1].values():
        assert load_any(called.profile).name == called.profile


@pytest.mark.parametrize("text", ["CS-3", "cs2", "WSE-3", "Andromeda"])
def test_a_table_of_gpus_has_no_wafers(text: str) -> None:
    with pytest.raises(Infeasible, match="no such machine is known"):
        gpus_called(text)


@pytest.mark.parametrize(
    ("text", "near"), [("H100 PCIe", "h100"), ("B300", "b200"), ("GH200", "h200"), ("A100 320GB", "a100")]
)
def test_an_unknown_device_is_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(Infeasible, match=f"no such machine is known; did you mean .*{near}"):
        gpus_called(text)


def test_an_experiment_takes_a_name_that_says_everything() -> None:
    sets = ("system.gpus=96", "system.software=megatron-lm")
    named = load_experiment("gpt_neox20b_96a100", ["system.profile=A100 SXM 40 GB", *sets])
    assert named == load_experiment("gpt_neox20b_96a100", ["system.profile=dgx-a100-40gb", *sets])


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("A100", "A100 taken as dgx-a100-80gb (80 GB)"),
        ("GB200", "GB200 taken as gb200-nvl72 (in a rack of 72)"),
        ("A100 80GB", ""),
        ("dgx-a100-80gb", ""),
    ],
)
def test_what_a_name_leaves_open_is_assumed_and_said(name: str, line: str) -> None:
    written = load_experiment(
        "gpt_neox20b_96a100", [f"system.profile={name}", "system.gpus=64", "strategy.data=8", "training.batch=1024"]
    )
    said = simulate(written).to_json()["notes"]
    assert [note for note in said if "taken as" in note] == ([line] if line else [])


@pytest.mark.parametrize(
    ("name", "profile"), [("b200", "dgx-b200"), ("h200", "dgx-h200"), ("h100-80gb", "dgx-h100"), ("h100", "h100")]
)
def test_a_chips_name_means_the_machine_that_is_made_of_it(name: str, profile: str) -> None:
    # h100 leaves its memory open and stays as it is written, so that every result says what was taken
    found = load_experiment("gpt_neox20b_96a100", [f"system.profile={name}", "system.software=megatron-core"]).system
    assert found.profile == profile and found.on_gpus
    assert load_gpu_machine(found.profile).gpu.name.startswith(name.removesuffix("-80gb"))


def test_a_wafer_goes_by_its_names_too() -> None:
    by_name = [load_experiment("hello_111m", [f"system.profile={name}"]) for name in ("cs2", "CS-2", "wse2", "WSE-2")]
    assert all(one == by_name[0] for one in by_name)
    assert load_experiment("hello_111m", ["system.profile=Andromeda"]).system.profile == "andromeda"


def test_a_comparison_says_it_too() -> None:
    near = {"half_width": 0.1, "outside": []}
    sides = [{"profile": name, "interval": near} for name in ("A100", "A100", "cs2")]
    assert [text for text in _trust(sides, roomy=False) if "taken as" in text] == [
        "A100 taken as dgx-a100-80gb (80 GB)"
    ]


def test_an_experiment_with_an_unknown_machine_is_refused() -> None:
    with pytest.raises(InputFaults, match="unknown hardware profile 'MI300X'"):
        load_experiment("gpt_neox20b_96a100", ["system.profile=MI300X"])
