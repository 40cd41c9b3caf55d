"""What was read of another program's file is on the first screen in a few words, with --all and --why and in JSON whole."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli import commands

CONFIG = {
    "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 128,
    "frobnicate": 1, "rope_theta": 10000.0,
}  # fmt: skip
RUN = "name: x\nmodel: config.json\nsystem: {profile: cs3, systems: 1}\ntraining: {batch: 8, sequence_length: 128}\n"
COMPARISON = """\
name: c
common: {model: config.json, training: {batch: 64, sequence_length: 128}}
sides:
  - {name: a, fields: {system: {profile: cs3, systems: 1}}}
  - {name: b, fields: {system: {profile: dgx-h100, gpus: 8}}}
"""


def printed(folder: Path, *command: str) -> str:
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "x.yaml").write_text(RUN)
    (folder / "c.yaml").write_text(COMPARISON)
    where = {"run": "x.yaml", "compare": "c.yaml"}[command[0]]
    done = CliRunner().invoke(
        commands, [command[0], str(folder / where), "--no-save", *command[1:]], catch_exceptions=False
    )
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("command", ["run", "compare"])
def test_the_screen_names_what_nobody_knows_first(tmp_path: Path, command: str) -> None:
    text = printed(tmp_path, command)
    said = text[text.index("\nModel ") :].splitlines()[1:3]
    joined = " ".join(line.strip() for line in said)
    assert "config.json (Hugging Face llama): 5 keys read; not known here: frobnicate" in joined
    assert "rope_theta" not in text and len(text.splitlines()) <= 25


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize("options", [("--all",), ("--why",), ("--all", "--why")])
def test_all_of_it_is_told_once(tmp_path: Path, command: str, options: tuple[str, ...]) -> None:
    text = printed(tmp_path, command, *options)
    assert text.count("rope_theta: how far positions reach") == 1
    assert text.count("vocab: 32000 (default of LlamaConfig)") == 1
    assert text.count("num_hidden_layers: layers 2") == 1


def test_json_has_it_of_points_and_sides(tmp_path: Path) -> None:
    point = json.loads(printed(tmp_path, "run", "--json"))["points"][0]["imported"]
    sides = json.loads(printed(tmp_path, "compare", "--json"))["sides"]
    assert [side["imported"] for side in sides] == [point, point]
    assert list(point) == ["file", "layout", "read", "assumed", "ignored", "filled", "kept"]
    assert point["ignored"]["frobnicate"] == "not known here"


def test_show_tells_it_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    done = CliRunner().invoke(commands, ["show", str(tmp_path / "config.json")], catch_exceptions=False)
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "hidden_size d_model 64" in lines and "frobnicate not known here" in lines
    assert "vocab 32000 (default of LlamaConfig)" in lines


def test_a_shipped_model_has_nothing_of_it() -> None:
    done = CliRunner().invoke(commands, ["run", "hello_111m", "--no-save", "--json"], catch_exceptions=False)
    assert "imported" not in json.loads(done.stdout)["points"][0]
