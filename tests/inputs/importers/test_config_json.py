"""What a config.json of Hugging Face says beyond counts: windows, experts, defaults of its class, keys that are left over."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import wafersim
from tests.checkout import ROOT
from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.imported import UNKNOWN, Imported
from wafersim.inputs.importers.hugging_face import FAMILIES
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.model import Model
from wafersim.inputs.model_file import read_model_file

SMALL = {
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 6,
    "intermediate_size": 128,
    "vocab_size": 100,
    "num_key_value_heads": 4,
}


def model(folder: Path, model_type: str, **keys: Any) -> Model:
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, **SMALL, **keys}))
    return read_model_file(folder / "config.json").model


def said(found: Model) -> Imported:
    assert found.imported is not None
    return found.imported


@pytest.mark.parametrize(
    ("model_type", "keys", "windows"),
    [
        ("llama", {}, ()),
        ("mistral", {}, (4096,)),  # MistralConfig's default
        ("mistral", {"sliding_window": None}, ()),
        ("mistral", {"sliding_window": 512}, (512,)),
        ("mixtral", {}, ()),
        ("phi3", {"sliding_window": 2047}, (2047,)),
        ("gemma2", {"sliding_window": 4096}, (4096, 0)),  # the first block has the window
        ("gemma3_text", {"sliding_window": 1024}, (1024,) * 5 + (0,)),
        ("gemma3_text", {"sliding_window": 1024, "sliding_window_pattern": 2}, (1024, 0)),
        ("gpt_oss", {}, (128, 0)),
        ("qwen2", {"sliding_window": 32768, "max_window_layers": 4}, ()),  # use_sliding_window is false by default
        ("qwen2", {"use_sliding_window": True, "sliding_window": 99, "max_window_layers": 4}, (0, 0, 0, 0, 99, 99)),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 99, "max_window_layers": 0}, (99,)),
        ("gemma2", {"layer_types": ["full_attention"] * 6}, ()),
        ("gemma2", {"sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"] * 3}, (0, 8)),
        ("llama4_text", {}, (8192, 8192, 8192, 0)),
        ("llama4_text", {"no_rope_layers": [1, 0, 1, 0, 1, 0], "attention_chunk_size": 16}, (16, 0)),
        ("llama4_text", {"attention_chunk_size": None}, ()),
    ],
)  # fmt: skip
def test_windows_are_a_pattern_over_the_blocks(tmp_path: Path, model_type: str, keys: Any, windows: Any) -> None:
    found = model(tmp_path, model_type, **keys)
    assert found.windows == windows
    assert found.window_kind == ("chunked" if windows and model_type == "llama4_text" else "sliding")


def with_experts(found: Model) -> list[int]:
    return [block for block in range(found.layers) if found.has_experts(block)]


@pytest.mark.parametrize(
    ("model_type", "keys", "blocks"),
    [
        ("mixtral", {}, [0, 1, 2, 3, 4, 5]),
        ("qwen3_moe", {"decoder_sparse_step": 2}, [1, 3, 5]),
        ("qwen3_moe", {"mlp_only_layers": [0, 1]}, [2, 3, 4, 5]),
        ("qwen3_moe", {"decoder_sparse_step": 2, "mlp_only_layers": [1]}, [3, 5]),
        ("llama4_text", {"interleave_moe_layer_step": 3}, [2, 5]),
        ("llama4_text", {"interleave_moe_layer_step": 6}, [5]),
        ("llama4_text", {"moe_layers": [1, 3, 5]}, [1, 3, 5]),
        ("deepseek_v3", {"first_k_dense_replace": 2}, [2, 3, 4, 5]),
        ("deepseek_v2", {"first_k_dense_replace": 1, "moe_layer_freq": 2}, [2, 4]),
    ],
)  # fmt: skip
def test_blocks_with_experts_are_those_of_the_class(tmp_path: Path, model_type: str, keys: Any, blocks: Any) -> None:
    assert with_experts(model(tmp_path, model_type, **keys)) == blocks


def test_shared_experts_and_their_gate(tmp_path: Path) -> None:
    qwen = model(tmp_path, "qwen2_moe", shared_expert_intermediate_size=96, moe_intermediate_size=48)
    assert (qwen.expert_ffn, qwen.shared_ffn, qwen.shared_gate, qwen.d_ffn) == (48, 96, True, 128)
    deepseek = model(tmp_path, "deepseek_v2", n_shared_experts=3, moe_intermediate_size=32, first_k_dense_replace=1)
    assert (deepseek.expert_ffn, deepseek.shared_ffn, deepseek.shared_gate) == (32, 96, False)


def test_latent_attention_with_and_without_compressed_queries(tmp_path: Path) -> None:
    ranks = {"kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 12}
    found = model(tmp_path, "deepseek_v3", q_lora_rank=None, **ranks)
    assert (found.q_rank, found.kv_rank, found.head_dim, found.rope_head_dim, found.value_dim) == (0, 16, 8, 4, 12)
    assert model(tmp_path, "deepseek_v3", q_lora_rank=24, **ranks).q_rank == 24


def test_the_head_of_an_encoder_is_that_of_its_architecture(tmp_path: Path) -> None:
    def ends(*names: str) -> tuple[str, bool]:
        found = model(tmp_path, "bert", **({"architectures": list(names)} if names else {}))
        assert not found.causal
        return found.head, found.pooler

    assert ends("BertForMaskedLM") == ("masked-lm", False)
    assert ends("BertForPreTraining") == ("masked-lm", True)
    assert ends("BertModel") == ("none", True)
    assert ends("BertForSequenceClassification") == ("none", True)
    assert ends() == ("masked-lm", False)


def test_a_classifier_has_no_head_over_the_vocabulary(tmp_path: Path) -> None:
    heads = {name: model(tmp_path, "llama", architectures=[name]).head for name in (
        "LlamaForCausalLM", "LlamaModel", "LlamaForSequenceClassification",
    )}  # fmt: skip
    assert list(heads.values()) == ["lm", "lm", "none"]
    with pytest.raises(InputFaults, match="encoder of T5EncoderModel without its decoder"):
        model(tmp_path, "t5", architectures=["T5EncoderModel"])


def test_what_a_config_leaves_out_is_the_default_of_its_class_and_said_to_be_assumed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    found = read_model_file(tmp_path / "config.json").model
    assert (found.layers, found.d_model, found.heads, found.kv_heads, found.head_dim) == (32, 4096, 32, 32, 128)
    assert said(found).assumed["layers"] == "32 (default of LlamaConfig)"
    assert said(found).assumed["kv_heads"] == "32 (as heads)"
    assert said(found).assumed["head_dim"] == "128 (d_model / heads)"
    assert said(found).read == {"model_type": "family llama"}


def test_every_key_has_one_fate(tmp_path: Path) -> None:
    found = model(tmp_path, "llama", rope_theta=1e4, torch_dtype="bfloat16", frobnicate={"a": 1}, head_dim=None)
    one = said(found)
    assert one.read["hidden_size"] == "d_model 64"
    assert one.ignored["frobnicate"] == UNKNOWN and one.unknown == ("frobnicate",)
    assert one.ignored["rope_theta"] != UNKNOWN and "strategy.precision" in one.ignored["torch_dtype"]
    keys = {"model_type", *SMALL, "rope_theta", "torch_dtype", "frobnicate"}
    assert set(one.read) | set(one.ignored) == keys and not set(one.read) & set(one.ignored)
    assert one.file == "config.json" and one.layout == "Hugging Face llama"


def test_a_crowd_of_unknown_keys_is_counted(tmp_path: Path) -> None:
    one = said(model(tmp_path, "llama", **{f"x{i}" + "y" * 100: 1 for i in range(1000)}))
    assert len(one.ignored) == 201 and one.ignored["..."] == "and 800 more"
    assert max(map(len, one.ignored)) <= 60
    odd = said(model(tmp_path, "llama", **{"a\nb": 1}))
    assert odd.unknown == ("a\\nb",)  # in one line


@pytest.mark.parametrize(
    ("path", "config", "name"),
    [
        ("tiny/config.json", {}, "tiny"),
        ("tiny/mine.json", {}, "mine"),
        ("tiny/config.json", {"_name_or_path": "somebody/Llama-2-7b-hf"}, "Llama-2-7b-hf"),
        ("tiny/config.json", {"_name_or_path": "x" * 500}, "tiny"),
        (
            "models--meta-llama--Llama-2-7b-hf/snapshots/01c7f73d771dfac7d292323805ebc428287df4f9/config.json",
            {},
            "Llama-2-7b-hf",
        ),
        ("01c7f73d771dfac7d292323805ebc428287df4f9/config.json", {}, "llama"),
        ("u/config.json", {}, "llama"),
        ("tiny/config.json", {"_name_or_path": ["a"]}, "tiny"),
        ("tiny/config.json", {"_name_or_path": "a\nb"}, "tiny"),
    ],
)
def test_what_a_model_is_called(tmp_path: Path, path: str, config: Any, name: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(json.dumps({"model_type": "llama", **config}))
    assert read_model_file(tmp_path / path).model.name == name


def test_a_multimodal_model_is_its_language_model(tmp_path: Path) -> None:
    text = {"model_type": "gemma3_text", **SMALL}
    whole = {"model_type": "gemma3", "text_config": text, "vision_config": {"hidden_size": 9}, "odd": 1}
    (tmp_path / "config.json").write_text(json.dumps(whole))
    found = read_model_file(tmp_path / "config.json").model
    assert found.d_model == 64
    assert said(found).read["text_config.hidden_size"] == "d_model 64"
    assert "language model alone" in said(found).ignored["vision_config"]
    assert said(found).unknown == ("odd",)


def test_only_the_architecture_is_enough(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["GPT2LMHeadModel"]}')
    assert read_model_file(tmp_path / "config.json").model.family == "gpt2"


def test_null_is_what_the_class_makes_of_it(tmp_path: Path) -> None:
    """MistralConfig has 8 groups of keys where nothing is said, and as many as heads where null is."""
    (tmp_path / "config.json").write_text('{"model_type": "mistral", "num_key_value_heads": null, "head_dim": null}')
    found = read_model_file(tmp_path / "config.json").model
    assert (found.kv_heads, found.head_dim) == (32, 128)
    (tmp_path / "config.json").write_text('{"model_type": "mistral"}')
    assert read_model_file(tmp_path / "config.json").model.kv_heads == 8


def test_the_page_names_every_architecture() -> None:
    page = (ROOT / "docs" / "howto" / "own_model.md").read_text(encoding="utf-8")
    said = page.split("\nRead are ", 1)[1].split("Others are refused", 1)[0]
    named = set(re.findall(r"\b[a-z]+[0-9]?(?:_[a-z0-9]+)?\b", said))
    assert {family.model_types[0].removesuffix("_text") for family in FAMILIES} <= named


def test_a_path_that_is_typed_is_looked_for_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder, layers in ((there, 3), (here, 5)):
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_layer": layers}))
    text = "name: x\nmodel: config.json\nsystem: {profile: cs3, systems: 1}\ntraining: {batch: 1}\n"
    (there / "x.yaml").write_text(text)
    monkeypatch.chdir(here)

    def layers(*sets: str) -> int:
        found = load_experiment(there / "x.yaml", sets).model
        assert not isinstance(found, str)
        return found.layers

    assert (layers(), layers("model=config.json"), layers("model={from: config.json}")) == (3, 5, 5)
    (here / "config.json").unlink()
    assert layers("model=config.json") == 3


def test_a_model_is_loaded_from_python_by_path_or_name(tmp_path: Path) -> None:
    read = model(tmp_path, "llama")
    assert wafersim.load_model(tmp_path / "config.json") == wafersim.load_model(str(tmp_path / "config.json")) == read
    assert wafersim.load_model(read) is read
    assert wafersim.load_model("gpt2-small").layers == 12
    with pytest.raises(WafersimError, match="no such file"):
        wafersim.load_model(tmp_path / "nothing.json")
    with pytest.raises(WafersimError, match='did you mean "gpt2-small"'):
        wafersim.load_model("gpt2-smal")


def test_fields_that_are_given_replace_what_the_file_says_and_defaults_follow(tmp_path: Path) -> None:
    types = 3 * ["full_attention", "sliding_attention"]
    config = {"model_type": "gemma2", **SMALL, "layer_types": types, "head_dim": None}
    (tmp_path / "config.json").write_text(json.dumps(config))
    given = "{from: config.json, name: mine, layers: 4, d_model: 128}"
    text = f"name: x\nmodel: {given}\nsystem: {{profile: cs3, systems: 1}}\ntraining: {{batch: 1}}\n"
    (tmp_path / "x.yaml").write_text(text)
    found = load_experiment(tmp_path / "x.yaml").model
    assert not isinstance(found, str)
    assert (found.name, found.layers, found.d_model, found.head_dim, found.windows) == ("mine", 4, 128, 32, (0, 4096))
    assert said(found).kept == {"layers": "4 is given", "d_model": "128 is given"}


def test_a_model_file_may_be_made_of_another_one_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **SMALL}))
    (tmp_path / "mine.yaml").write_text("from: config.json\nname: mine\nlayers: 3\n")
    (tmp_path / "loop.yaml").write_text("from: loop.yaml\nname: mine\n")
    (tmp_path / "wrong.yaml").write_text("from: config.json\nname: mine\nlayers: 0\n")
    found = wafersim.load_model(tmp_path / "mine.yaml")
    assert (found.name, found.layers, found.d_model) == ("mine", 3, 64)
    for name, problem in (
        ("loop", "loop.yaml:1: from: is of another file in turn"),
        ("wrong", "wrong.yaml:3: layers: must be"),
    ):
        with pytest.raises(InputFaults, match=problem):
            wafersim.load_model(tmp_path / f"{name}.yaml")


def test_a_shipped_model_with_fields_of_ones_own_needs_a_name_of_its_own(tmp_path: Path) -> None:
    text = "name: x\nmodel: {from: llama3-8b, layers: 16}\nsystem: {profile: cs3, systems: 1}\ntraining: {batch: 1}\n"
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputFaults, match="a changed llama3-8b needs a name of its own"):
        load_experiment(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_text(text.replace("layers: 16", "layers: 16, name: half"))
    found = load_experiment(tmp_path / "x.yaml").model
    assert not isinstance(found, str)
    assert (found.layers, found.kv_heads, found.published_parameters, found.published) == (16, 8, 0.0, None)
