"""What is shipped is right: every file loads and passes the schema that `wafersim schema` prints."""

import jsonschema
import pytest
from ruamel.yaml import YAML

from wafersim.errors import InputFaults
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import load_machine
from wafersim.inputs.profile_file import load_profile, read_profile
from wafersim.inputs.resources import find, names
from wafersim.inputs.schema import experiment_schema, profile_schema
from wafersim.inputs.sourced import Sourced
from wafersim.inputs.sweep import expand


@pytest.fixture(scope="module")
def of_profiles():
    """What checks a profile against the schema."""
    return checking(profile_schema())


@pytest.fixture(scope="module")
def of_experiments():
    """What checks an experiment against the schema."""
    return checking(experiment_schema())


def checking(schema):
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def plain(path):
    return YAML(typ="safe", pure=True).load(path.read_text())


@pytest.mark.parametrize("name", names("experiments"))
def test_experiments_load_and_pass_the_schema(of_experiments, name: str) -> None:
    assert expand(load_experiment(name))
    of_experiments.validate(plain(find("experiments", name)))


@pytest.mark.parametrize("name", names("hardware"))
def test_profiles_load_and_pass_the_schema(of_profiles, name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    of_profiles.validate(plain(find("hardware", name)))
    numbers = [number for _, number in profile.values if isinstance(number, Sourced)]
    assert numbers and all(number.source and number.date for number in numbers)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("values", "clock", "value"), "1.1 GB"),
        (("values", "clock", "kind"), "guessed"),
        (("values", "cores", "value"), "many"),
    ],
)
def test_the_schema_refuses_a_wrong_unit(of_profiles, change, wrong) -> None:
    profile = plain(find("hardware", "cs2"))
    a, b, c = change
    profile[a][b][c] = wrong
    with pytest.raises(jsonschema.ValidationError):
        of_profiles.validate(profile)


def test_an_alias_finds_its_profile() -> None:
    assert load_profile("wse2").name == "cs2"


def test_published_figures_of_the_machines() -> None:
    # Andromeda's 120 PF dense over 16 systems; 1.2 Tb/s is 150 GB/s.
    values = load_machine("andromeda").system.values
    peak = values.cores.value * values.simd_width.value * 2 * values.clock.value
    assert peak == pytest.approx(120e15 / 16, rel=0.01)
    assert values.io_bandwidth.value == 150e9


def test_an_override_is_assumed_and_leaves_the_profile_alone() -> None:
    machine = load_machine("andromeda", {"swarmx.link_bandwidth": "2.4 Tb/s"})
    assert machine.swarmx.values.link_bandwidth.value == 300e9
    assert machine.swarmx.values.link_bandwidth.kind == "assumed"
    assert load_machine("andromeda").swarmx.values.link_bandwidth.value == 150e9


def test_a_number_like_another_profiles_follows_it() -> None:
    backward = load_profile("h100-80gb").values.gemm_backward
    theirs = load_profile("h200").values.gemm_backward
    assert (theirs.value, theirs.kind, theirs.like) == (backward.value, "assumed", "h100-80gb")
    pair = load_profile("b200").values.pair_bandwidth
    assert pair.value == pytest.approx(3 * load_profile("a100-80gb").values.pair_bandwidth.value, rel=1e-3)


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("{like: h300, source: guess, date: '2026'}", "like: unknown hardware profile 'h300'; did you mean \"h200\"?"),
        ("{like: cs2, source: guess, date: '2026'}", "like cs2: it has no gemm_backward"),
        ("{like: mine, source: guess, date: '2026'}", "like mine: goes round"),
        ("{like: h200, value: 2, source: guess, date: '2026'}", "has a value and a like"),
    ],
)
def test_a_wrong_like_is_a_line(tmp_path, number: str, problem: str) -> None:
    lines = find("hardware", "h200").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  gemm_backward:"))
    lines[at] = f"  gemm_backward: {number}"
    (tmp_path / "mine.yaml").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputFaults) as found:
        read_profile(tmp_path / "mine.yaml")
    assert str(found.value) == f"{tmp_path}/mine.yaml:{at + 1}: values.gemm_backward: {problem}"


def test_every_comparison_loads() -> None:
    for name in names("comparisons"):
        comparison, experiments = load_comparison(name)
        assert len(comparison.sides) == len(experiments)
