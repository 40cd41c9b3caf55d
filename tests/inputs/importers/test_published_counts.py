"""Public checkpoints, read from the keys of their config.json, have the parameters that were published of them.

configs.yaml has the keys and counts, and says how sure each of them is; none was computed here.
"""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from wafersim.inputs.model import Model, load_model
from wafersim.inputs.model_file import read_model_file
from wafersim.inputs.resources import names
from wafersim.workload.model import active_parameters, main_parameters

TABLE: dict[str, dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("configs.yaml"))
ACTIVE = [name for name, row in TABLE.items() if "active" in row]
LOOSE = 0.005
VISION = 0.01  # a published total with a vision tower of some 0.9 of 109 billion


def model(name: str, folder: Path) -> Model:
    path = folder / name / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(TABLE[name]["config"]))
    return read_model_file(path).model


def test_the_table_is_wide_enough() -> None:
    assert len(TABLE) >= 60 and len(ACTIVE) >= 10
    assert sum(bool(row.get("exact")) for row in TABLE.values()) >= 60


@pytest.mark.parametrize("name", TABLE)
def test_a_checkpoint_has_its_published_parameters(name: str, tmp_path: Path) -> None:
    row, found = TABLE[name], main_parameters(model(name, tmp_path))
    if row.get("exact"):
        assert found == row["published"]
    else:
        assert abs(found / row["published"] - 1) < (VISION if row.get("vision") else LOOSE)


SHIPPED = {
    "gpt2": "gpt2-small", "gpt-j-6b": "gptj-6b", "bloom": "bloom-176b", "llama-30b": "llama-33b", "phi-3-mini": "phi3-mini",
    "phi-4": "phi4", "llama3.1-405b": "llama3-405b",
}  # fmt: skip  # names of one checkpoint, where they differ
DERIVED = ("qkv_biased", "output_biased", "experts_biased", "key_dim", "value_dim", "expert_width")
OF_ITS_FILE = (
    "name", "family", "source", "note", "published", "published_parameters", "published_rounded", "imported",
    "max_sequence", "attention_bias", "qkv_bias", "output_bias", "expert_bias", "value_head_dim", "expert_ffn",
)  # fmt: skip  # or said by what is derived


@pytest.mark.parametrize("name", sorted(name for name in TABLE if SHIPPED.get(name, name) in names("models")))
def test_a_shipped_model_of_the_same_name_is_the_same_in_every_field(name: str, tmp_path: Path) -> None:
    """Two people wrote them from two sources: windows, experts, ranks and biases agree, not the count alone."""
    read, shipped = model(name, tmp_path), load_model(SHIPPED.get(name, name))
    if name == "mixtral-8x22b":  # the later release, with more words
        read = replace(read, vocab=shipped.vocab)
    own = [field.name for field in fields(Model) if field.name not in OF_ITS_FILE]
    for field in (*own, *DERIVED):
        assert getattr(read, field) == getattr(shipped, field), field


@pytest.mark.parametrize("name", ACTIVE)
def test_a_token_meets_the_published_active_parameters(name: str, tmp_path: Path) -> None:
    """Less than a unit of the card's last digit off, since cards cut digits off as well as round them, and within 2.5 %."""
    row, read = TABLE[name], model(name, tmp_path)
    table = read.vocab * read.d_model if row.get("without_table") else 0
    found, said = active_parameters(read) - table, float(row["active"])
    unit = 0.01e9 if said % 0.1e9 else 0.1e9 if said % 1e9 else 1e9
    assert abs(found - said) < unit and abs(found / said - 1) < 0.025


@pytest.mark.parametrize("name", TABLE)
def test_nothing_of_a_public_config_is_unknown(name: str, tmp_path: Path) -> None:
    imported = model(name, tmp_path).imported
    assert imported is not None and imported.unknown == ()
