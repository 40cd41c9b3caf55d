"""Models and machines of one's own: found by path, whole in the experiment, as uncertain as what nobody has measured."""

import json
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli import commands
from wafersim.errors import InputFaults
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import load_gpu_machine, load_machine, numbers
from wafersim.inputs.profile_file import load_profile, read_profile
from wafersim.inputs.resources import find
from wafersim.inputs.sweep import expand
from wafersim.simulation import simulate
from wafersim.strategies.weight_streaming.settings import sram_notes
from wafersim.workload.model import parameters, read_model

EXPERIMENT = """\
name: own
model: cerebras-gpt-111m
system: {profile: cs3, systems: 1}
training: {batch_per_system: 120}
"""
TWICE = """\
base: cs3
name: twice
values:
  sram: {value: "88 GB", kind: assumed, source: "what if", date: "2026"}
"""
LLAMA = "mlp: swiglu, norm: rmsnorm, attention_bias: false, mlp_bias: false"


def experiment(folder: Path, text: str, *sets: str) -> Experiment:
    (folder / "x.yaml").write_text(text)
    return load_experiment(folder / "x.yaml", sets)


@pytest.mark.parametrize(
    ("geometry", "count"),
    [
        # Parameter counts of the public checkpoints, from their own configurations (the model cards of each).
        (f"layers: 18, d_model: 2048, heads: 8, kv_heads: 1, head_dim: 256, d_ffn: 16384, vocab: 256000, {LLAMA}",
         2_506_172_416),  # Gemma 2B
        (f"layers: 28, d_model: 3072, heads: 16, kv_heads: 16, head_dim: 256, d_ffn: 24576, vocab: 256000, {LLAMA}",
         8_537_680_896),  # Gemma 7B
        (f"layers: 16, d_model: 2048, heads: 32, kv_heads: 8, head_dim: 64, d_ffn: 8192, vocab: 128256, {LLAMA}",
         1_235_814_400),  # Llama 3.2 1B
        (f"layers: 32, d_model: 3072, heads: 32, d_ffn: 8192, vocab: 32064, tied_embeddings: false, {LLAMA}",
         3_821_079_552),  # Phi-3 mini
        ("layers: 36, d_model: 1280, heads: 20, d_ffn: 5120, vocab: 50257, positions: 1024", 774_030_080),  # GPT-2 large
    ],
)  # fmt: skip
def test_public_models_have_their_parameters_from_a_file_anywhere(tmp_path: Path, geometry: str, count: int) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{{name: m, family: public, max_sequence: 1024, source: public config, {geometry}}}\n")
    assert parameters(read_model(path)) == count


def test_a_path_is_looked_for_beside_then_in_the_searched_folders_then_among_the_shipped(tmp_path, monkeypatch) -> None:
    here, lib = tmp_path / "here", tmp_path / "lib"
    for folder, size in ((here, "70 GB"), (lib, "60 GB")):
        folder.mkdir()
        (folder / "chip.yaml").write_text(TWICE.replace("88 GB", size))
    (lib / "cs3.yaml").write_text(TWICE.replace("88 GB", "50 GB"))
    monkeypatch.setenv("WAFERSIM_PATH", f"{tmp_path / 'nowhere'}:{lib}")

    def sram(reference: str, folder: Path = here) -> float:
        loaded = experiment(folder, EXPERIMENT.replace("cs3", str(reference)))
        return load_machine(loaded.system.profile).system.values.sram.value

    assert sram("chip.yaml") == sram("chip") == 70e9
    assert sram(lib / "chip.yaml") == 60e9
    (here / "chip.yaml").unlink()
    assert sram("chip.yaml") == sram("chip") == 60e9
    assert sram("cs3") == sram("cs3.yaml") == 50e9
    monkeypatch.delenv("WAFERSIM_PATH")
    assert sram("cs3") == sram("cs3.yaml") == 44e9
    assert sram("wse3") == 44e9  # an alias


def test_an_experiment_that_is_called_like_its_machine_means_the_machine(tmp_path: Path) -> None:
    (tmp_path / "cs3.yaml").write_text(EXPERIMENT)
    assert load_experiment(tmp_path / "cs3.yaml").system.profile == "cs3"


def test_what_is_shipped_stays_a_name_and_what_is_not_is_whole(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text(TWICE)
    assert experiment(tmp_path, EXPERIMENT).system.profile == "cs3"
    own = experiment(tmp_path, EXPERIMENT.replace("cs3", "twice.yaml"))
    (tmp_path / "twice.yaml").unlink()
    assert own.system.profile_name == "twice"
    again = Experiment.model_validate(own.model_dump(mode="json", exclude_none=True))
    assert again == own == pickle.loads(pickle.dumps(own))
    assert simulate(again) == simulate(own)


def test_a_base_is_kept_but_for_what_is_written(tmp_path: Path) -> None:
    kernel = "kernel_code: {mesh-gemm: {sync: {value: 100, kind: assumed, source: guess, date: '2026'}}}\n"
    (tmp_path / "twice.yaml").write_text(
        TWICE + kernel + "releases: {R9: {value: 1.2, kind: assumed, source: mine, date: 2026}}\n"
    )
    mine, cs3 = read_profile(tmp_path / "twice.yaml"), load_profile("cs3")
    changed = {
        name for name, number in mine.values if number is not None and number.value != getattr(cs3.values, name).value
    }
    assert changed == {"sram"}
    assert mine.values.weight_issue.kind == "calibrated"
    assert mine.values.weight_issue.standard_error == cs3.values.weight_issue.standard_error is not None
    assert mine.kernel_code["mesh-gemm"]["sync"].value == 100
    assert mine.kernel_code["mesh-gemm"]["per_k"].value == cs3.kernel_code["mesh-gemm"]["per_k"].value
    assert (mine.releases["R2.1"].value, mine.releases["R9"].value) == (1.0, 1.2)
    assert mine.aliases == ()


def test_calibration_still_applies_to_what_a_base_keeps(tmp_path: Path) -> None:
    text = TWICE + '  weight_issue: {value: 20, kind: measured, source: "my own", date: "2026"}\n'
    (tmp_path / "twice.yaml").write_text(text)
    origins = {path: origin for path, _, origin in numbers(load_machine(read_profile(tmp_path / "twice.yaml")))}
    assert origins["system.group_cost"] == "cs3: values.group_cost"
    assert origins["system.clock"] == "cs3: values.clock"
    assert origins["system.weight_issue"] == "twice: values.weight_issue"
    assert origins["memoryx.latency"] == "memoryx-cs3-36tb: values.latency"


@pytest.mark.parametrize("name", ["mychip", "cs3"])
def test_a_copied_chip_is_less_certain_than_the_one_that_was_measured(tmp_path: Path, name: str) -> None:
    """As a copy under its own name, and, with a number changed, under the name of the shipped one."""
    copied = find("hardware", "cs3").read_text().replace("name: cs3", f"name: {name}").replace("aliases: [wse3]\n", "")
    (tmp_path / "chip.yaml").write_text(copied.replace('power: {value: "23 kW"', 'power: {value: "24 kW"'))
    shipped = simulate(experiment(tmp_path, EXPERIMENT))
    mine = simulate(experiment(tmp_path, EXPERIMENT.replace("cs3", "chip.yaml")))
    assert mine.step_time_s == shipped.step_time_s
    assert mine.uncertainty.constants == shipped.uncertainty.constants
    assert mine.uncertainty.transfer > 0 == shipped.uncertainty.transfer
    assert mine.uncertainty.half_width > shipped.uncertainty.half_width
    assert mine.uncertainty.outside[0].measure.startswith("no measured run of ")


def test_an_exact_copy_is_the_machine_itself(tmp_path: Path) -> None:
    (tmp_path / "cs3.yaml").write_text(find("hardware", "cs3").read_text())
    mine = simulate(experiment(tmp_path, EXPERIMENT.replace("cs3", "./cs3.yaml")))
    assert mine.uncertainty == simulate(experiment(tmp_path, EXPERIMENT)).uncertainty


def test_a_cluster_is_made_of_parts_by_path_or_inline(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "twice.yaml").write_text(TWICE)
    (tmp_path / "parts" / "many.yaml").write_text(
        "base: andromeda\nname: many\nsystem: twice.yaml\n"
        'swarmx: {base: swarmx-cs3, values: {hop_latency: {value: "9 us", kind: assumed, source: guess, date: "2026"}}}\n'
    )
    machine = load_machine(experiment(tmp_path, EXPERIMENT.replace("cs3", "parts/many.yaml")).system.profile)
    assert (machine.name, machine.system.values.sram.value) == ("many", 88e9)
    assert machine.swarmx.values.hop_latency.value == 9e-6
    assert machine.memoryx == load_profile("memoryx-cs2-12tb")


def test_gpus_of_ones_own_with_their_software(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(
        "base: megatron-core\nname: stack\nvalues: {host_factor: {value: 2, kind: assumed, source: guess, date: '2026'}}\n"
    )
    (tmp_path / "pod.yaml").write_text(
        "base: dgx-h100\nname: pod\n"
        "gpu: {base: h100-80gb, values: {memory: {value: '160 GB', kind: assumed, source: guess, date: '2026'}}}\n"
    )
    text = """\
name: own
model: cerebras-gpt-111m
system: {profile: pod.yaml, gpus: 8, software: stack.yaml}
training: {batch: 64}
"""
    loaded = experiment(tmp_path, text)
    machine = load_gpu_machine(loaded.system.profile, loaded.system.software)
    assert (machine.gpu.values.memory.value, machine.software.values.host_factor.value) == (160e9, 2)
    mine, shipped = simulate(loaded), simulate(experiment(tmp_path, text, "system.profile=dgx-h100"))
    assert mine.uncertainty.constants > 0
    assert "no measured run of stack on pod, one node" in map(str, mine.uncertainty.outside)
    assert shipped.step_time_s == pytest.approx(mine.step_time_s)


def test_a_sweep_goes_over_files_and_says_their_names(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text(TWICE)
    tiny = "{name: tiny, family: x, layers: 1, d_model: 64, heads: 4, d_ffn: 256, vocab: 100, max_sequence: 64, source: abc}"
    swept = EXPERIMENT + f"sweep: {{system.profile: [cs3, twice.yaml], model: [cerebras-gpt-111m, {tiny}]}}\n"
    loaded = experiment(tmp_path, swept)
    assert [tuple(point.overrides.values()) for point in expand(loaded)] == [
        ("cs3", "cerebras-gpt-111m"), ("cs3", "tiny"), ("twice", "cerebras-gpt-111m"), ("twice", "tiny"),
    ]  # fmt: skip
    (tmp_path / "twice.yaml").unlink()
    again = experiment(tmp_path, json.dumps(loaded.model_dump(mode="json", exclude_none=True)))
    assert [point.experiment for point in expand(again)] == [point.experiment for point in expand(loaded)]


@pytest.mark.parametrize(
    ("profile", "line"),
    [
        ("base: cs33\nname: x\n", 'p.yaml:1: base: base: unknown hardware profile \'cs33\'; did you mean "cs3"?'),
        ("base: p\nname: x\n", "p.yaml:1: base: base p: goes round"),
        ("base: [cs3]\nname: x\n", "p.yaml:1: base: base: must be the name or path of a profile"),
        ("base: cs3\nkind: cluster\n", "p.yaml:2: kind: must be system, as that of its base cs3"),
        ("base: cs3\ndefault_swarmx: memoryx-cs3-36tb\n", "p.yaml:2: default_swarmx: 'memoryx-cs3-36tb' is a memoryx"),
        (TWICE.replace("88 GB", "88 s"), "p.yaml:4: values.sram: s is a unit of time, not of size"),
        (TWICE.replace("sram", "srm"), 'p.yaml:4: values.srm: unknown field; did you mean "sram"?'),
        (TWICE + "  power: 23 kW\n", "p.yaml:5: values.power: must be {value: ..., kind: ..., source: ..., date: ...}"),
    ],
)  # fmt: skip
def test_a_wrong_profile_is_one_line_in_its_own_file(tmp_path: Path, profile: str, line: str) -> None:
    (tmp_path / "p.yaml").write_text(profile)
    with pytest.raises(InputFaults) as caught:
        experiment(tmp_path, EXPERIMENT.replace("cs3", "p.yaml"))
    assert str(caught.value).startswith(f"{tmp_path}/{line}") and "\n" not in str(caught.value)


def test_profiles_that_rest_on_each_other_go_round(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: b.yaml\n")
    (tmp_path / "b.yaml").write_text("base: a.yaml\n")
    with pytest.raises(InputFaults, match="goes round"):
        read_profile(tmp_path / "a.yaml")


def test_what_a_newcomer_leaves_out_is_said_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TWICE.replace(', date: "2026"', ""))
    with pytest.raises(InputFaults, match=r"values\.sram\.date: is missing: of the number, such as 2026 or 2026-03"):
        experiment(tmp_path, EXPERIMENT.replace("cs3", "mine.yaml"))
    with pytest.raises(InputFaults, match=r"training: is missing: the job, such as"):
        experiment(tmp_path, EXPERIMENT.rpartition("training")[0])


GPT_SHAPE = (
    "name: m, layers: 4, d_model: 512, heads: 8, d_ffn: 2048, vocab: 1000, max_sequence: 512, family: f, source: own"
)
LEFT = ["mlp", "norm", "position_kind", "kv_heads", "attention_bias", "mlp_bias", "tied_embeddings"]


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ("", LEFT),
        ("mlp: gelu, positions: 512, kv_heads: 8", ["norm", "attention_bias", "mlp_bias", "tied_embeddings"]),
        ("qkv_bias: true, output_bias: false, position_kind: none", ["mlp", "norm", "kv_heads", "mlp_bias", "tied_embeddings"]),
        (f"{LLAMA}, tied_embeddings: false, kv_heads: 2, position_kind: rotary", []),
    ],
)  # fmt: skip
def test_what_a_model_leaves_to_defaults_is_said(tmp_path: Path, more: str, left: list[str]) -> None:
    """Of a file, of one that is changed, and of a mapping in the experiment alike; a shipped model's defaults are its own."""
    (tmp_path / "m.yaml").write_text("{" + ", ".join(filter(None, (GPT_SHAPE, more))) + "}")
    inline = "{" + ", ".join(filter(None, (GPT_SHAPE, more))) + "}"
    for written in ("m.yaml", "{from: m.yaml, name: n, layers: 3}", inline):
        said = experiment(tmp_path, EXPERIMENT.replace("cerebras-gpt-111m", written)).imported.get("imported")
        assert list(said["assumed"] if said else []) == left, written
    assert experiment(tmp_path, EXPERIMENT).imported == {}


def test_the_screen_names_defaults_and_a_directory_says_them_again(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("{" + GPT_SHAPE + "}")
    (tmp_path / "x.yaml").write_text(EXPERIMENT.replace("cerebras-gpt-111m", "m.yaml"))
    run = ["run", "--no-figures", "--out", str(tmp_path / "runs")]
    first = CliRunner().invoke(commands, [*run, str(tmp_path / "x.yaml"), "--why"]).output
    again = CliRunner().invoke(commands, [*run, str(next((tmp_path / "runs").glob("*/experiment.yaml")))]).output
    for said in (first, again):
        line = " ".join(said[said.index("\nModel") :].split())
        assert line.startswith(
            "Model m.yaml (model file); left to defaults: mlp gelu, norm layernorm, position_kind none and 4 more"
        )
    assert "kv_heads: 8 (as many as heads)" in first


@pytest.mark.parametrize(
    ("sram", "core", "noted"),
    [("44 GB", "48 KB", False), ("88 GB", "96 KB", False), ("88 GB", "48 KB", True), ("30 GB", "48 KB", True)],
)
def test_memory_of_a_wafer_and_of_its_cores_that_are_not_of_one_chip(
    tmp_path: Path, sram: str, core: str, noted: bool
) -> None:
    """900,000 cores of 48 KB have 43.2 GB."""
    overrides = f"{{system.sram: {sram}, system.core_sram: {core}}}"
    said = simulate(
        experiment(tmp_path, EXPERIMENT.replace("systems: 1}", f"systems: 1, overrides: {overrides}}}"))
    ).provenance.notes
    assert any("system.sram" in note for note in said) is noted
    if noted:
        assert f"system.sram is {sram}, but 900,000 cores of core_sram 48 KB have 43.2 GB" in " ".join(said)


def test_shipped_chips_have_the_memory_of_their_cores() -> None:
    for name in ("cs1", "cs2", "cs3"):
        assert sram_notes(load_machine(name)) == ()
