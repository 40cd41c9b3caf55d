"""params.yaml of Cerebras Model Zoo, old and new layout: geometry, and what an experiment may leave to it."""

from pathlib import Path
from typing import Any

import pytest

from wafersim.errors import InputFaults
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.imported import Imported
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.model_file import read_model_file
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.inputs.sweep import expand
from wafersim.workload.model import load_model, parameters

# The GPT-3 111M of Model Zoo, as its params_gpt3_111m.yaml has it.
OLD = """\
train_input:
    data_processor: "GptHDF5DataProcessor"
    data_dir: "./pile/train"
    max_sequence_length: 2048
    shuffle: False
    batch_size: 120
    micro_batch_size: explore
    num_workers: 8
model:
    use_position_embedding: True
    share_embedding_weights: True
    max_position_embeddings: 2048
    position_embedding_type: "learned"
    vocab_size: 50257
    embedding_layer_norm: False
    hidden_size: 768
    num_hidden_layers: 10
    dropout_rate: 0.0
    layer_norm_epsilon: 1.0e-5
    num_heads: 12
    attention_type: "scaled_dot_product"
    use_projection_bias_in_attention: True
    use_ffn_bias_in_attention: True
    use_ffn_bias: True
    filter_size: 3072
    nonlinearity: "gelu"
    use_bias_in_output: False
    mixed_precision: True
    fp16_type: cbfloat16
sparsity:
    type: "static"
    sparsity: 0.75
optimizer:
    optimizer_type: "AdamW"
    weight_decay: 0.1
    eps: 1e-9
    max_gradient_norm: 1.0
    loss_scaling_factor: "dynamic"
    learning_rate: [{scheduler: "Linear", initial_learning_rate: 0.0}]
runconfig:
    max_steps: 9037
    log_steps: 10
    num_csx: 2
    seed: 1
"""
# A Llama 3 8B in the layout of release 2.3 and later.
NEW = """\
trainer:
  init:
    backend:
      backend_type: CSX
      cluster_config: {num_csx: 4}
    seed: 1
    model:
      name: llama
      attention_module: multiquery_attention
      extra_attention_params: {num_kv_groups: 8}
      filter_size: 14336
      hidden_size: 4096
      max_position_embeddings: 8192
      nonlinearity: swiglu
      norm_type: rmsnorm
      num_heads: 32
      num_hidden_layers: 32
      position_embedding_type: rotary
      share_embedding_weights: false
      use_bias_in_output: false
      use_ffn_bias: false
      use_ffn_bias_in_attention: false
      use_projection_bias_in_attention: false
      vocab_size: 128256
    optimizer:
      Lion: {betas: [0.9, 0.95], weight_decay: 0.1}
    precision: {enabled: true, fp16_type: bfloat16, loss_scaling_factor: dynamic, max_gradient_norm: 1.0}
    sparsity: 0.5
    loop: {max_steps: 1000, eval_frequency: 100}
  fit:
    train_dataloader: {data_processor: GptHDF5MapDataProcessor, batch_size: 256, micro_batch_size: 16}
    val_dataloader: {batch_size: 8}
"""
WAFERS = "name: x\nmodel: {from: params.yaml}\nsystem: {profile: cs2}\n"
GPUS = "name: x\nmodel: {from: params.yaml}\nsystem: {profile: dgx-h100, gpus: 64}\n"


def experiment(folder: Path, params: str, text: str, *sets: str) -> Experiment:
    (folder / "params.yaml").write_text(params)
    (folder / "x.yaml").write_text(text)
    return load_experiment(folder / "x.yaml", sets)


def said(found: Experiment) -> Imported:
    assert not isinstance(found.model, str) and found.model.imported is not None
    return found.model.imported


def test_the_old_layout_is_the_shipped_model(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(OLD)
    found, shipped = read_model_file(tmp_path / "params.yaml").model, load_model("cerebras-gpt-111m")
    assert parameters(found) == parameters(shipped) == 111_050_496
    same = ("layers", "d_model", "heads", "d_ffn", "positions", "position_kind", "mlp", "norm", "qkv_biased")
    assert [getattr(found, one) for one in same] == [getattr(shipped, one) for one in same]


def test_the_new_layout_is_llama_3_8b(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(NEW)
    found = read_model_file(tmp_path / "params.yaml").model
    assert parameters(found) == 8_030_261_248  # of the published checkpoint
    assert (found.kv_heads, found.gated, found.position_kind, found.positions) == (8, True, "rotary", 0)
    assert found.imported is not None and found.imported.unknown == ()


def test_what_the_experiment_leaves_out_is_filled(tmp_path: Path) -> None:
    found = experiment(tmp_path, OLD, WAFERS)
    training = found.training
    assert (training.batch, training.sequence_length, training.steps) == (120, 2048, 9037)
    assert (training.optimizer, training.gradient_clipping, training.loss_scaling) == (
        "adamw",
        "global-norm",
        "dynamic",
    )
    assert (training.weight_precision, training.density) == ("fp16", 0.25)  # cbfloat16 has 16 bits
    assert (found.system.systems, found.strategy.micro_batch) == (2, "explore")
    assert said(found).filled["training.batch"] == "120 (train_input.batch_size 120)"
    assert said(found).filled["training.weight_precision"] == "fp16 (model.fp16_type cbfloat16)"
    assert not said(found).kept and not said(found).unknown


def test_the_new_layout_fills_the_same_fields(tmp_path: Path) -> None:
    found = experiment(tmp_path, NEW, WAFERS.replace("cs2", "cs3"))
    training = found.training
    assert (training.batch, training.steps, training.optimizer, training.density) == (256, 1000, "lion", 0.5)
    assert (training.weight_precision, found.system.systems, found.strategy.micro_batch) == ("bf16", 4, 16)


def test_what_the_experiment_says_is_never_replaced_and_that_is_said(tmp_path: Path) -> None:
    own = (
        WAFERS
        + "training: {batch_per_system: 16, tokens: 1T, optimizer: sgd, density: 1.0}\nstrategy: {micro_batch: none}\n"
    )
    found = experiment(tmp_path, OLD, own.replace("profile: cs2", "profile: cs2, systems: 1"))
    training = found.training
    assert (training.batch, training.batch_per_system, training.tokens, training.steps) == (None, 16, 1e12, None)
    assert (training.optimizer, training.density, found.system.systems, found.strategy.micro_batch) == (
        "sgd",
        1.0,
        1,
        "none",
    )
    kept = said(found).kept
    assert kept["training.batch"] == "training.batch_per_system 16 is given; train_input.batch_size 120 is left aside"
    assert kept["training.steps"].startswith("training.tokens '1T' is given; runconfig.max_steps 9037")
    assert {"training.optimizer", "training.density", "system.systems", "strategy.micro_batch"} < set(kept)
    assert not set(kept) & set(said(found).filled)


def test_an_option_is_what_the_experiment_says(tmp_path: Path) -> None:
    found = experiment(tmp_path, OLD, WAFERS, "training.batch=64")
    assert found.training.batch == 64 and "training.batch" in said(found).kept


def test_what_is_swept_is_not_filled(tmp_path: Path) -> None:
    found = experiment(
        tmp_path, OLD, WAFERS + "training: {batch: 60}\nsweep: {system.systems: [1, 2], training.steps: [5]}\n"
    )
    assert said(found).kept["system.systems"] == "system.systems is swept; runconfig.num_csx 2 is left aside"
    assert [point.experiment.system.systems for point in expand(found)] == [1, 2]
    several = WAFERS + 'training: {batch: 60}\nsweep: {"*": [{system.systems: 1}, {system: {systems: 4}}]}\n'
    assert "system.systems" in said(experiment(tmp_path, OLD, several)).kept


def test_on_gpus_what_wafers_alone_have_is_left_aside(tmp_path: Path) -> None:
    found = experiment(tmp_path, OLD, GPUS)
    assert found.training.batch == 120 and found.training.density == 1.0 and found.system.systems is None
    assert isinstance(found.strategy, GpuParallelSpec) and found.strategy.micro_batch == "auto"
    kept = said(found).kept
    assert {"training.density", "training.weight_precision", "system.systems", "strategy.micro_batch"} == set(kept) - {
        "training.loss_scaling"
    }
    assert "it is of weight-streaming" in kept["training.density"]
    assert experiment(tmp_path, NEW, GPUS).strategy.micro_batch == "auto"  # a wafer's 16 are not a GPU's


def test_models_of_a_sweep_set_no_field(tmp_path: Path) -> None:
    text = WAFERS.replace("{from: params.yaml}", "cerebras-gpt-111m").replace("cs2", "cs2, systems: 1")
    found = experiment(
        tmp_path, OLD, text + "training: {batch: 8}\nsweep:\n  model:\n  - {from: params.yaml}\n  - gpt2-small\n"
    )
    first, second = expand(found)
    assert said(first.experiment).kept["training.batch"].endswith("left aside: one of several models of a sweep")
    assert first.experiment.training.batch == second.experiment.training.batch == 8


def test_sides_of_a_comparison_are_filled_each_on_its_machine(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(OLD)
    (tmp_path / "c.yaml").write_text(
        "name: c\ncommon: {model: {from: params.yaml}}\nsides:\n- {name: a, fields: {system: {profile: cs2}}}\n"
        "- {name: b, fields: {system: {profile: dgx-h100, gpus: 8}, training.batch: 64}}\n"
        "- {name: c, fields: {model: gpt2-small, system: {profile: cs2, systems: 1}, training.batch: 64}}\n"
    )
    one, two, three = load_comparison(tmp_path / "c.yaml")[1]
    assert (one.system.systems, one.training.batch, one.training.density) == (2, 120, 0.25)
    assert (two.system.gpus, two.training.batch, two.training.density) == (8, 64, 1.0)
    assert three.training.steps is None and three.training.density == 1.0


def test_what_was_filled_travels_with_the_run(tmp_path: Path) -> None:
    many = "".join(f"    x{i}: 1\n" for i in range(900))
    crowd = OLD.replace("runconfig:\n", f"runconfig:\n{many}").replace("optimizer:\n", f"optimizer:\n{many}")
    crowd += "".join(f"y{i}: 1\n" for i in range(900))
    found = experiment(tmp_path, crowd, WAFERS)
    again = Experiment.model_validate(found.model_dump(mode="json"))
    assert again == found and said(again) == said(found)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("hidden_size: 768", "hidden_size: big", "params.yaml:16: model.hidden_size: must be a whole number from 1 to 10000"),
        ("hidden_size: 768", "width: 768", "model: hidden_size"),
        ('"gelu"', '"warp"', "params.yaml:26: model.nonlinearity: must be gelu or gelu_new"),
        ('"AdamW"', '"Shampoo"', "params.yaml:34: optimizer.optimizer_type: must be adamw or adam or lion or adafactor or sgd"),
        ("batch_size: 120", "batch_size: 0", "params.yaml:6: train_input.batch_size: must be a whole number from 1"),
        ("explore", "sometimes", "params.yaml:7: train_input.micro_batch_size: must be auto or explore or none"),
        ("cbfloat16", "int4", "params.yaml:29: model.fp16_type: must be float16 or cbfloat16 or bfloat16 or float32"),
        ("sparsity: 0.75", "sparsity: 1.5", "params.yaml:32: sparsity.sparsity: must be one share from 0 to below 1 (got 1.5)"),
        ("max_gradient_norm: 1.0", "max_gradient_norm: -1", "params.yaml:37: optimizer.max_gradient_norm: must be a number"),
        ("num_csx: 2", "num_csx: 200000", "params.yaml:43: runconfig.num_csx: must be up to 100000 (got 200000)"),
        ("num_heads: 12", "num_heads: 12\n    encoder_num_hidden_layers: 3", "model.encoder_num_hidden_layers: encoder-decoders"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    with pytest.raises(InputFaults) as caught:
        experiment(tmp_path, OLD.replace(old, new, 1), WAFERS)
    first = str(caught.value).splitlines()[0].removeprefix(f"{tmp_path}/")
    if new == "width: 768":
        assert first.startswith("params.yaml") and "model.hidden_size: is missing" in first
    else:
        assert line in first


@pytest.mark.parametrize(
    ("written", "density"),
    [
        ("0.9", 0.1),
        ("{algorithm: static, sparsity: 0.5}", 0.5),
        ("[{sparsity: 0.6, param_filter: a}, {sparsity: 0.6}]", 0.4),
    ],
)
def test_ways_to_write_sparsity(tmp_path: Path, written: str, density: float) -> None:
    params = NEW.replace("sparsity: 0.5", f"sparsity: {written}")
    assert experiment(tmp_path, params, WAFERS).training.density == pytest.approx(density)


def test_groups_of_different_sparsity_cannot_be_said(tmp_path: Path) -> None:
    with pytest.raises(InputFaults, match="must be one share from 0 to below 1"):
        experiment(tmp_path, NEW.replace("sparsity: 0.5", "sparsity: [{sparsity: 0.6}, {sparsity: 0.5}]"), WAFERS)


def test_no_clipping_is_none_stated(tmp_path: Path) -> None:
    found = experiment(tmp_path, OLD.replace("    max_gradient_norm: 1.0\n", ""), WAFERS)
    assert found.training.gradient_clipping == "none"
    assert said(found).filled["training.gradient_clipping"] == "none (no max_gradient_norm)"


def test_bert_of_the_zoo(tmp_path: Path) -> None:
    params: Any = (
        "model: {hidden_size: 1024, num_hidden_layers: 24, num_heads: 16, filter_size: 4096, vocab_size: 30522,"
        " max_position_embeddings: 512, num_segments: 2, mlm_nonlinearity: gelu, disable_nsp: false}\nrunconfig: {}\n"
    )
    (tmp_path / "params.yaml").write_text(params)
    found = read_model_file(tmp_path / "params.yaml").model
    # BERT-large for pre-training: 336,226,108 in PyTorch, of which 2,050 choose between two sentences and cannot be said.
    assert parameters(found) == 336_226_108 - 2_050
