"""A run as people type it, in this process: `--sweep` and what it writes, odd places to write to, what a shell completes."""

import csv
import json
import os
import shutil
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from wafersim.cli import commands
from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.resources import find, names
from wafersim.inputs.schema import comparison_schema
from wafersim.planning.results import run
from wafersim.report.run import save_run

HELLO = ("run", "hello_111m", "--no-figures")


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


def table(directory: Path) -> list[dict[str, str]]:
    with (directory / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_sweep_of_the_command_line_is_that_of_a_file(tmp_path: Path) -> None:
    options = ("--sweep", "training.batch_per_system=60,20000000", "--sweep", "training.tokens=2T,300 B")
    done = typed(*HELLO, *options, "--json", "--out", str(tmp_path))
    points = json.loads(done.stdout)["points"]
    assert [point["varied"] for point in points] == [
        {"training.batch_per_system": batch, "training.tokens": tokens}
        for batch in (60, 20_000_000)
        for tokens in ("2T", "300 B")
    ]
    assert [point.get("tokens") for point in points] == [2e12, 300e9, None, None]
    assert ["infeasible" in point for point in points] == [False, False, True, True]  # they stay, each with its reason

    (directory,) = tmp_path.iterdir()
    rows = table(directory)
    assert [row["training.tokens"] for row in rows] == ["2T", "300 B", "2T", "300 B"]
    assert [float(row["step_time_s"]) for row in rows[:2]] == [point["step_time_s"] for point in points[:2]]
    assert [row["infeasible"] for row in rows[2:]] == [point["infeasible"] for point in points[2:]]
    # What was typed is in the resolved experiment, which is the same run again.
    again = typed("run", str(directory / "experiment.yaml"), "--no-figures", "--json", "--out", str(tmp_path / "again"))
    assert json.loads(again.stdout)["points"] == points
    (other,) = (tmp_path / "again").iterdir()
    assert other.name == directory.name and table(other) == rows


def test_the_table_of_a_run_is_that_of_its_results(tmp_path: Path) -> None:
    experiment = Experiment.model_validate(FIELDS | {"sweep": {"system.systems": [1, 2]}})
    results = run(experiment)
    rows = table(save_run(tmp_path, experiment, results, figures=False))
    assert [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in results.rows()
    ] == rows
    assert rows[0]["model"] == "small"  # the name of a model of one's own, not all of it


FIELDS = {
    "name": "own",
    "model": {
        "name": "small", "family": "gpt2", "layers": 2, "d_model": 256, "heads": 4, "d_ffn": 1024, "vocab": 1000,
        "max_sequence": 128, "source": "a test",
    },
    "system": {"profile": "cs2", "systems": 1},
    "training": {"batch_per_system": 8},
}  # fmt: skip


def test_a_run_in_which_nothing_can_run_prints_its_points_too() -> None:
    done = typed(*HELLO, "--no-save", "--json", "--set", "training.batch_per_system=20000000")
    assert isinstance(done.exception, WafersimError)
    (point,) = json.loads(done.stdout)["points"]
    assert point["infeasible"] and point["infeasible"] in str(done.exception)


@pytest.mark.parametrize("option", ["system.sistems=1,2", "system.overrides.swarmx.link_bandwidth=1 GB"])
def test_a_wrong_sweep_is_one_line_before_anything_runs(option: str, tmp_path: Path) -> None:
    done = typed(*HELLO, "--sweep", option, "--json", "--out", str(tmp_path / "runs"))
    assert isinstance(done.exception, InputFaults) and done.stdout == ""
    assert str(done.exception).startswith(f"--sweep {option.split('=')[0]}: ") and "\n" not in str(done.exception)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["a b", "ü", "-x", "line\nbreak", "%s{}", "deep/er/est"])
def test_odd_places_to_write_to_are_fine(name: str, tmp_path: Path) -> None:
    done = typed(*HELLO, "--out", f"{tmp_path}/{name}")
    assert done.exit_code == 0
    assert [path.name[:10] for path in (tmp_path / name).iterdir()] == ["hello-111m"]


def unwritable(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    return [
        f"{tmp_path}/file",
        f"{tmp_path}/file/below",
        f"{tmp_path}/loop",
        f"{tmp_path}/{'n' * 300}",
        "/proc/nowhere",
        "/dev/null",
    ]


def test_places_that_cannot_be_written_to_are_one_line(tmp_path: Path) -> None:
    experiment = Experiment.model_validate(FIELDS)
    results = run(experiment)
    for place in unwritable(tmp_path):
        with pytest.raises(WafersimError) as caught:
            save_run(Path(place), experiment, results, figures=False)
        assert str(caught.value).startswith(f"--out {place}: ") and "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    experiment = Experiment.model_validate(FIELDS)
    with pytest.raises(WafersimError, match="cannot be written"):
        save_run(tmp_path, experiment, run(experiment), figures=False)


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ([], "sc", {"schema"}),
        (["run"], "hello", {"hello_111m"}),
        (["run"], "llama3_", {"llama3_405b_run", "llama3_cs3", "llama3_h100"}),
        (["run", "hello_111m"], "--sw", {"--sweep"}),
        (["run", "hello_111m", "--engine"], "q", {"queue"}),
        (["schema"], "c", {"comparison"}),
        (["list"], "", {"models", "hardware", "experiments"}),
    ],
)
def test_a_shell_completes(words: list[str], incomplete: str, offered: set[str]) -> None:
    found = ShellComplete(commands, {}, "wafersim", "_WAFERSIM_COMPLETE").get_completions(words, incomplete)
    assert {item.value for item in found if item.type == "plain"} == offered


def test_a_shell_offers_files_after_run() -> None:
    found = ShellComplete(commands, {}, "wafersim", "_WAFERSIM_COMPLETE").get_completions(["run"], "experiments/a")
    assert [(item.value, item.type) for item in found] == [("experiments/a", "file")]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_offers_the_names_that_begin_so(tmp_path: Path) -> None:
    program = tmp_path / "wafersim"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m wafersim "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(_WAFERSIM_COMPLETE=bash_source wafersim)"; COMP_WORDS=(wafersim run llama3_); COMP_CWORD=2; '
        '_wafersim_completion wafersim; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, env=os.environ | {"PATH": path}
    )
    assert done.stdout.split() == ["llama3_405b_run", "llama3_cs3", "llama3_h100"]


def plain(name: str) -> dict[str, object]:
    return dict(YAML(typ="safe", pure=True).load(find("comparisons", name).read_text(encoding="utf-8")))


@cache
def comparisons() -> jsonschema.Draft202012Validator:
    """Checks files against what `wafersim schema comparison` prints."""
    return jsonschema.Draft202012Validator(comparison_schema())


@pytest.mark.parametrize("name", names("comparisons"))
def test_comparisons_load_and_pass_the_schema(name: str) -> None:
    assert len(load_comparison(name)[1]) >= 2
    comparisons().validate(plain(name))


@pytest.mark.parametrize(
    "change",
    [
        {"sides": []},
        {"common": {"training": {"batch": 0}}},
        {"common": {"training": {"tokens": "3 GB"}}},
        {"sides": [{"name": "a", "fields": {"system": {"profil": "cs3"}}}] * 2},
        {"sides": [{"name": "a", "match": "size", "fields": {"system": {"profile": "cs3"}}}] * 2},
        {"side": 3},
    ],
)
def test_the_schema_of_comparisons_refuses_what_is_none(change: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        comparisons().validate(plain("llama3_8b") | change)
