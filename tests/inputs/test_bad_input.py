"""Every wrong input gets one clear line per fault, with its place; never a traceback."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand

GOOD = """\
name: good
model: cerebras-gpt-111m
system:
  profile: cs2
  systems: 1
strategy:
  micro_batch: auto
training:
  batch: 120
"""


def faults(tmp_path: Path, text: str, sets: tuple[str, ...] = ()) -> list[str]:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InputFaults) as caught:
        load_experiment(path, sets)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


def test_the_good_one_is_good(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(GOOD)
    assert load_experiment(tmp_path / "x.yaml").training.batch == 120


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("systems: 1", "systems: 0", "x.yaml:5: system.systems: must be >= 1 or published (got 0)"),
        ("systems: 1", "systems: two", "x.yaml:5: system.systems: must be a whole number or published (got 'two')"),
        ("systems: 1", "systems: true", "x.yaml:5: system.systems: must be a whole number or published (got True)"),
        ("profile: cs2", "profile: cs2\n  softwear: R2", 'x.yaml:5: system.softwear: unknown field; did you mean "software"?'),
        ("cs2", "cs22", "x.yaml:4: system.profile: unknown hardware profile 'cs22'; did you mean \"cs2\"?"),
        ("cs2", "swarmx-cs2", "x.yaml:4: system.profile: profile 'swarmx-cs2' is a swarmx; a cluster or a system"),
        ("-111m", "-112m", 'x.yaml:2: model: unknown model \'cerebras-gpt-112m\'; did you mean "cerebras-gpt-1'),
        ("batch: 120", "tokens: 5", "x.yaml:8: training: exactly one of batch, batch_per_system and phases is needed (none"),
        ("batch: 120", "batch: 1\n  batch_per_system: 1",
         "x.yaml:8: training: exactly one of batch, batch_per_system and phases"),
        ("batch: 120", "batch: 120\n  batch: 121", "x.yaml:10: found duplicate key \"batch\""),
        ("batch: 120", "batch: 120\n  tokens: lots", "x.yaml:10: training.tokens: must be a number of tokens such as"),
        ("batch: 120", "batch: 120\n  density: 2", "x.yaml:10: training.density: must be <= 1.0 (got 2)"),
        ("micro_batch: auto", "micro_batch: some",
         "x.yaml:7: strategy.micro_batch: must be a whole number or auto, explore, published or none (got 'some')"),
        ("systems: 1", "systems: 1\n  overrides: {swarmx.hop_latency: 3 GB}",
         "x.yaml:6: system.overrides: swarmx.hop_latency: GB is a unit of size, not of time"),
        ("systems: 1", "systems: 1\n  overrides: {swarmx.fan_out: 1}",
         "x.yaml:6: system.overrides: swarmx.fan_out: must be >= 2 (got 1)"),
        ("systems: 1", "systems: 1\n  overrides: {system.clock: 0 GHz}",
         "x.yaml:6: system.overrides: system.clock: must be > 0 (got '0 GHz')"),
        ("systems: 1", "systems: 1\n  overrides: {swarmx.hop: 3 us}",
         "x.yaml:6: system.overrides: swarmx.hop: no such number 'swarmx.hop'; did you mean"),
        ("name: good", "name: ../bad", "x.yaml:1: name: "),
        ("name: good", "name: [good", "x.yaml:"),
    ],
)  # fmt: skip
def test_one_fault_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, line: str) -> None:
    (found,) = faults(tmp_path, GOOD.replace(old, new))
    assert found.startswith(line)


def test_every_fault_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = GOOD.replace("111m", "x").replace("systems: 1", "systems: -1").replace("batch: 120", "batch: 0")
    assert [line.split(": ")[1] for line in faults(tmp_path, text)] == ["model", "system.systems", "training.batch"]


def test_a_set_option_is_its_own_place(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD, ("system.systems=0",)) == ["--set system.systems: must be >= 1 or published (got 0)"]
    assert faults(tmp_path, GOOD, ("systems",)) == ["--set systems: must be PATH=VALUE, such as system.systems=8"]


def test_a_sweep_names_the_wrong_value(tmp_path: Path) -> None:
    wrong = GOOD + "sweep:\n  system.systems: [1, 0]\n  model:\n    - cerebras-gpt-111m\n    - nope\n"
    assert [line.split(" (")[0].split(";")[0] for line in faults(tmp_path, wrong)] == [
        "x.yaml:11: sweep.system.systems: must be >= 1 or published",
        "x.yaml:14: sweep.model: unknown model 'nope'",
    ]
    (line,) = faults(tmp_path, GOOD + "sweep:\n  system.sistems: [1]\n")
    assert line.startswith("x.yaml:11: sweep.system.sistems: unknown field")
    assert faults(tmp_path, GOOD + "sweep:\n  system.systems: 3\n") == [
        "x.yaml:11: sweep.system.systems: must be a list (got 3)"
    ]


def test_a_sweep_is_a_grid(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        GOOD + 'sweep:\n  system.systems: [1, 2]\n  system.overrides.swarmx.hop_latency: ["1 us", "2 us"]\n'
    )
    points = expand(load_experiment(path))
    assert [(p.experiment.system.systems, p.experiment.system.overrides["swarmx.hop_latency"]) for p in points] == [
        (1, "1 us"), (1, "2 us"), (2, "1 us"), (2, "2 us"),
    ]  # fmt: skip


def test_what_is_no_experiment_file(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "binary.yaml").write_bytes(b"\x89PNG\xff\x00")
    (tmp_path / "list.yaml").write_text("- 1\n")
    for name, problem in [
        ("empty.yaml", "is empty"),
        ("binary.yaml", "is not text"),
        ("list.yaml", "must be a mapping"),
        (".", "is a directory"),
        ("missing.yaml", "no such file"),
    ]:
        with pytest.raises(InputFaults, match=problem):
            load_experiment(tmp_path / name)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_no_text_is_anything_but_an_input_fault(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="ignore")
    with pytest.raises(WafersimError):
        load_experiment(path)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(GOOD.splitlines()),
    st.sampled_from(
        ["", "x: 1", "  systems: [1]", "training:", "  batch: {a: 1}", "sweep: 1", "model: 3", "system: cs2", "? x"]
    ),
)
def test_a_replaced_line_never_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "replaced.yaml"
    path.write_text(GOOD.replace(old, new))
    try:
        load_experiment(path)
    except InputFaults as found:
        assert all("\n" not in str(fault) for fault in found.faults)
