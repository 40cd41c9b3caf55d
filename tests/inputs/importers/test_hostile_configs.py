"""A config.json or params.yaml that is broken or meant to do harm is refused in one line, at once and in little memory."""

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.importers.hugging_face import BY_TYPE
from wafersim.inputs.json_reader import read_json_text
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.model_file import read_model_file
from wafersim.inputs.yaml_reader import Refused

LLAMA = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
SECONDS = 10.0  # of one refusal, on a slow machine that others share
MEGABYTES = 200  # that it may add to the most memory the process has had


@contextmanager
def bounded() -> Iterator[None]:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - began < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


def refusal(path: Path) -> str:
    with bounded(), pytest.raises(InputFaults) as caught:
        read_model_file(path)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 900
    return line.removeprefix(f"{path.parent}/")


def refused(tmp_path: Path, text: str, name: str = "config.json") -> str:
    (tmp_path / name).write_text(text)
    return refusal(tmp_path / name)


def changed(**keys: object) -> str:
    return json.dumps({**LLAMA, **keys}, indent=1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"model_type": ' + "[" * 100_000, "config.json:1: broken JSON: nested more than 40 deep"),
        ('{"a": ' * 20_000, "config.json:1: broken JSON: nested more than 40 deep"),
        ('{"a": [' + "0," * 90_000 + "0]}", "config.json:1: holds more than 10000 values"),
        ('{"model_type": "llama",\n "hidden_size": NaN}', "config.json:2: numbers must be finite (got NaN)"),
        ('{"model_type": "llama",\n "hidden_size": -Infinity}', "config.json:2: numbers must be finite (got -Infinity)"),
        ('{"hidden_size": 1e309}', "config.json:1: numbers must be finite (got 1e309)"),
        ('{"hidden_size": ' + "9" * 100_000 + "}", "config.json:1: 99999999999999999999... is a number of 100000 characters"),
        ('{"hidden_size": 99999999999999999999}', "config.json:1: 99999999999999999999 is a whole number beyond 64 bits"),
        ('{"a": 1,\n\n"a": 2}', 'config.json:3: found duplicate key "a"'),
        ('{"a\\nb": 1, "a\\nb": 2}', "config.json:1: found duplicate key 'a\\nb'"),
        ('{"a": "\\u001b[2J"}', "config.json:1: broken JSON: text with the control character '\\x1b' is not read"),
        ('{"a": "\\ud800"}', "config.json:1: broken JSON: text with the control character"),
        ('{"a": "x', "config.json:1: broken JSON: unterminated string starting at"),
        ('{"a": 1 "b": 2}', "config.json:1: broken JSON: comma or } is needed here ('\"' stands)"),
        ("{'a': 1}", "config.json:1: broken JSON: a key in double quotes is needed"),
        ('{"a": }', "config.json:1: broken JSON: a value is needed here ('}' stands)"),
        ('{"a": 01}', "config.json:1: broken JSON: comma or } is needed here ('1' stands)"),
        ('{"a": 1} {"b": 2}', "config.json:1: broken JSON: something follows the end"),
        ("[1, 2]", "config.json:1: must be a mapping at the top (got a list)"),
        ("", "config.json: is empty; a JSON mapping is needed"),
        ("{}", "config.json: is no config.json of Hugging Face: it has neither model_type nor architectures"),
        ('{"d_model": 3}', "config.json"),
    ],
)  # fmt: skip
def test_what_is_no_json_of_ours(tmp_path: Path, text: str, line: str) -> None:
    with bounded(), pytest.raises(InputFaults) as caught:
        (tmp_path / "config.json").write_text(text)
        read_model_file(tmp_path / "config.json")
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(line)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"hidden_size": True}, "hidden_size: must be a whole number from 1 to 1000000000 (got True)"),
        ({"hidden_size": "64"}, "hidden_size: must be a whole number from 1 to 1000000000 (got '64')"),
        ({"hidden_size": 1e308}, "hidden_size: must be a whole number from 1 to 1000000000 (got 1e+308)"),
        ({"hidden_size": 64.5}, "hidden_size: must be a whole number from 1 to 1000000000 (got 64.5)"),
        ({"hidden_size": -64}, "hidden_size: must be a whole number from 1 to 1000000000 (got -64)"),
        ({"hidden_size": [64]}, "hidden_size: must be a whole number from 1 to 1000000000 (got [64])"),
        ({"hidden_size": 10**12}, "hidden_size: must be a whole number from 1 to 1000000000 (got 1000000000000)"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers: must be a whole number from 1 to 10000 (got 1000000000)"),
        ({"num_attention_heads": 0}, "num_attention_heads: must be a whole number from 1 to 1000000000 (got 0)"),
        ({"num_attention_heads": 10**8}, "num_attention_heads: must be <= 1000000 (got 100000000)"),
        ({"num_key_value_heads": 3}, "num_key_value_heads: must divide the 4 heads (got 3)"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings: must be true or false (got 1)"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings: must be true or false (got 'yes')"),
        ({"model_type": 3}, "model_type: must be text (got 3)"),
        ({"model_type": "gemma2", "layer_types": ["full_attention"]}, "layer_types: must have one word for each of 2 blocks"),
        ({"model_type": "gemma2", "layer_types": ["full_attention", "x"]}, "layer_types: must hold full_attention or sliding_"),
        ({"model_type": "gemma2", "layer_types": 3}, "layer_types: must be a list of words (got 3)"),
        ({"model_type": "qwen3_moe", "mlp_only_layers": [True]}, "mlp_only_layers: must be a list of whole numbers"),
        ({"model_type": "qwen3_moe", "mlp_only_layers": [0, 1]}, "mlp_only_layers: blocks with experts must be every n-th"),
        ({"model_type": "qwen3_moe", "num_experts_per_tok": 500}, "num_experts_per_tok: must be <= experts 128 (got 500)"),
        ({"model_type": "llama4_text", "moe_layers": [10**9]}, "moe_layers: must be blocks from 0 to 1"),
        ({"model_type": "gpt2", "add_cross_attention": True}, "add_cross_attention: decoders with cross attention are read of"),
        ({"model_type": "mpt", "d_model": 64, "attn_config": 3}, "attn_config: must be a mapping (got 3)"),
        ({"model_type": "gpt_neo", "attention_types": [[["x"], 1]]}, 'attention_types: must be one pattern of "global"'),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_is_named_with_what_is_allowed(tmp_path: Path, keys: dict[str, object], line: str) -> None:
    text = changed(**keys)
    number = next(i for i, one in enumerate(text.splitlines(), 1) if f'"{list(keys)[-1]}"' in one)
    assert refused(tmp_path, text).startswith(f"config.json:{number}: {line}")


def test_an_architecture_that_nobody_knows_is_refused_by_name_with_those_that_are_known(tmp_path: Path) -> None:
    line = refused(tmp_path, changed(model_type="mamba2"))
    assert line.startswith(
        "config.json:2: model_type: architecture 'mamba2' is not known; known: bert, bloom, deepseek_v2"
    )
    assert "a model file says any transformer's geometry" in line
    assert 'did you mean "qwen3"' in refused(tmp_path, changed(model_type="qwen_3"))
    only_named = json.dumps({"architectures": ["WhisperForConditionalGeneration"]})
    assert "architecture 'WhisperForConditionalGeneration' is not known" in refused(tmp_path, only_named)
    nested = json.dumps({"model_type": "gemma3", "text_config": {"model_type": "rwkv"}})
    assert "text_config.model_type: architecture 'rwkv' is not known" in refused(tmp_path, nested)
    assert "architecture 'llava' is not known" in refused(
        tmp_path, json.dumps({"model_type": "llava", "text_config": {"model_type": "llama"}})
    )


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    (tmp_path / "large.json").write_text("{" + " " * 100_000_000 + "}")
    said = {
        "folder": "model: 'folder' is a directory; a file is needed",
        "pipe.json": "model: 'pipe.json' is a device or a pipe; a file is needed",
        "/dev/zero": "model: '/dev/zero' is a device or a pipe; a file is needed",
        "loop.json": "model: no such file 'loop.json' beside it",
        "../../../etc/nothing.json": "model: no such file '../../../etc/nothing.json' beside it",
        "large.json": "large.json: is 100000002 bytes; at most 200000 are read",
    }
    for reference, problem in said.items():
        for written in (f"{{from: '{reference}'}}", f"'{reference}'"):
            text = f"name: x\nmodel: {written}\nsystem: {{profile: cs2, systems: 1}}\ntraining: {{batch: 1}}\n"
            (tmp_path / "x.yaml").write_text(text)
            with bounded(), pytest.raises(InputFaults) as caught:
                load_experiment(tmp_path / "x.yaml")
            line = str(caught.value).replace("model.from: ", "model: ")
            assert "\n" not in line and problem in line


@pytest.mark.parametrize(
    "text", ['{"model_type": "llama"}', '{"model": {"hidden_size": 3}, "optimizer": {}}', '{"d_model": 3}']
)
def test_a_model_that_is_run_is_told_to_be_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputFaults) as caught:
        load_experiment(tmp_path / "config.json")
    line = str(caught.value)
    assert "is a model and no experiment; one names it and a machine: model: {from: " in line and "\n" not in line


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")
def test_a_file_that_says_another_size_is_read_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of /proc say that they have no bytes."""
    monkeypatch.setattr("wafersim.inputs.yaml_file.LARGEST_BYTES", 100)
    (tmp_path / "config.json").symlink_to("/proc/self/maps")
    assert refusal(tmp_path / "config.json") == "config.json: is larger than 100 bytes; no more are read"


def test_what_from_may_be(tmp_path: Path) -> None:
    for written, problem in (
        ("3", "x.yaml:2: model.from: must be a path or the name of a shipped model (got 3)"),
        ("[a]", "x.yaml:2: model.from: must be a path or the name of a shipped model (got ['a'])"),
        ("null", "x.yaml:2: model.from: must be a path or the name of a shipped model (got None)"),
        ("gpt2-smal", "x.yaml:2: model.from: unknown model 'gpt2-smal'; did you mean \"gpt2-small\"?"),
    ):
        text = f"name: x\nmodel: {{from: {written}}}\nsystem: {{profile: cs2, systems: 1}}\ntraining: {{batch: 1}}\n"
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(InputFaults) as caught:
            load_experiment(tmp_path / "x.yaml")
        assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(problem)


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOMB, "params.yaml:5: holds more than 10000 values"),
        ("trainer: " + "[" * 5000, "params.yaml:1: broken YAML: nested more than 40 deep"),
        ("trainer: [1, 2]\n", "params.yaml:1: trainer: must be a mapping; of several runs in a list one is read (got [1, 2])"),
        ("trainer: {init: 3}\n", "params.yaml:1: trainer.init: must be a mapping"),
        ("trainer: {init: {}}\n", "params.yaml:1: trainer.init.model: is missing"),
        ("model: {}\noptimizer: {}\n", "params.yaml:1: model: is missing"),
        ("model: {hidden_size: .inf}\noptimizer: {}\n", "params.yaml:1: numbers must be finite"),
        ("model: {hidden_size: 3, hidden_size: 4}\noptimizer: {}\n", 'params.yaml:1: found duplicate key "hidden_size"'),
        ("model: {image_size: 224}\noptimizer: {}\n", "params.yaml:1: model.image_size: vision models are not read"),
    ],
)  # fmt: skip
def test_what_is_no_params_yaml_of_ours(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with bounded(), pytest.raises(InputFaults) as caught:
        read_model_file(tmp_path / "params.yaml")
    first = str(caught.value).splitlines()[0].removeprefix(f"{tmp_path}/")
    assert first.startswith(line)


def test_a_pattern_of_windows_that_repeats_late_is_read_at_once(tmp_path: Path) -> None:
    types = ["sliding_attention"] * 4999 + ["full_attention"]
    text = changed(model_type="gemma2", num_hidden_layers=5000, layer_types=types)
    (tmp_path / "config.json").write_text(text)
    with bounded():
        assert len(read_model_file(tmp_path / "config.json").model.windows) == 5000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_value_of_any_key_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    family = BY_TYPE[data.draw(st.sampled_from(sorted(BY_TYPE)))]
    known = [key.name for key in family.keys.values()] + list(family.only) + [
        "sliding_window", "layer_types", "use_sliding_window", "moe_layers", "no_rope_layers", "mlp_only_layers", "q_lora_rank",
        "n_routed_experts", "architectures", "attn_config", "attention_types", "num_local_experts", "text_config", "num_layers",
    ]  # fmt: skip
    drawn = data.draw(st.dictionaries(st.sampled_from(known) | st.text(max_size=8), json_values, max_size=6))
    path = tmp_path_factory.getbasetemp() / "config.json"
    path.write_text(json.dumps({"model_type": family.model_types[0], **drawn}))
    try:
        read_model_file(path)
    except InputFaults as found:
        assert all("\n" not in str(fault) for fault in found.faults)


ZOO = {
    "model": [
        "hidden_size", "num_hidden_layers", "num_heads", "filter_size", "vocab_size", "max_position_embeddings", "nonlinearity",
        "moe_params", "extra_attention_params", "attention_inner_dim", "fp16_type", "mixed_precision", "num_segments",
    ],
    "optimizer": ["optimizer_type", "AdamW", "max_gradient_norm", "loss_scaling_factor"],
    "train_input": ["batch_size", "micro_batch_size", "max_sequence_length"],
    "runconfig": ["max_steps", "num_csx"],
    "sparsity": ["sparsity", "type"],
}  # fmt: skip
WHOLE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_heads": 4,
    "filter_size": 8,
    "vocab_size": 9,
    "max_position_embeddings": 8,
}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_value_of_a_params_yaml_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    parts = {
        part: data.draw(
            json_values | st.dictionaries(st.sampled_from(keys) | st.text(max_size=6), json_values, max_size=5)
        )
        for part, keys in ZOO.items()
    }
    if isinstance(parts["model"], dict) and data.draw(st.booleans()):
        parts["model"] = {**WHOLE, **parts["model"]}
    folder = tmp_path_factory.getbasetemp()
    (folder / "params.yaml").write_text(json.dumps(parts))  # which is YAML, too
    text = "name: x\nmodel: {from: params.yaml}\nsystem: {profile: cs2}\n"
    (folder / "zoo.yaml").write_text(text)
    try:
        load_experiment(folder / "zoo.yaml")
    except InputFaults as found:
        assert all("\n" not in str(fault) for fault in found.faults)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_what_is_read_is_what_python_reads(value: object) -> None:
    text = json.dumps(value)
    try:
        assert read_json_text(text)[0] == json.loads(text)
    except Refused as refused:
        assert any(word in refused.problem for word in ("finite", "64 bits", "control", "characters", "duplicate"))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_anything_but_a_value_or_a_refusal(text: str) -> None:
    try:
        read_json_text(text)
    except Refused:
        return
    json.loads(text)


def test_a_fault_of_a_model_that_is_given_inside_is_at_the_experiment(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    text = "name: x\nmodel:\n  from: config.json\n  layers: 0\n  frobs: 3\nsystem: {profile: cs2, systems: 1}\n"
    (tmp_path / "x.yaml").write_text(text + "training: {batch: 1}\n")
    with pytest.raises(WafersimError) as caught:
        load_experiment(tmp_path / "x.yaml")
    lines = [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]
    assert lines[0].startswith("x.yaml:4: model.layers: must be >= 1 (got 0)")
    assert lines[1].startswith("x.yaml:5: model.frobs: unknown field")


@pytest.mark.parametrize(
    ("name", "written", "line"),
    [
        ("config.json", '{"model_type": "gpt2", "n_embd": 1600,\n"n_head": 17}',
         "config.json:2: n_head: must divide the width 1600 (got 17 heads)"),
        ("params.yaml", "model:\n  hidden_size: 2048\n  num_heads: 17\n  num_hidden_layers: 2\n"
         "  vocab_size: 100\n  filter_size: 8192\n  max_position_embeddings: 2048\n"
         "train_input:\n  batch_size: 8\nrunconfig:\n  max_steps: 9\n",
         "params.yaml:3: model.num_heads: must divide the width 2048 (got 17 heads)"),
    ],
)  # fmt: skip
def test_heads_divide_the_width_where_nothing_else_says_theirs(
    tmp_path: Path, name: str, written: str, line: str
) -> None:
    (tmp_path / name).write_text(written)
    with pytest.raises(InputFaults) as found:
        read_model_file(tmp_path / name)
    assert line in str(found.value)


def test_a_family_whose_classes_round_down_does_so_here(tmp_path: Path) -> None:
    config = {"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 33, "num_key_value_heads": 33}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_model_file(tmp_path / "config.json").model.head_dim == 124
