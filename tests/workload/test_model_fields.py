"""Fields of a model: parameter counts of released models, one for each thing that a model file can say; contradictions."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from wafersim.errors import InputFaults
from wafersim.inputs.foreign_names import FIELDS
from wafersim.inputs.model import ADAPTER, Model, read_model
from wafersim.workload.model import active_parameters, main_parameters, mtp_parameters

LLAMA = {
    "name": "m", "family": "public", "max_sequence": 4096, "source": "config.json", "mlp": "swiglu", "norm": "rmsnorm",
    "attention_bias": False, "mlp_bias": False, "position_kind": "rotary", "tied_embeddings": False,
}  # fmt: skip
T5 = {"tied_embeddings": True, "mlp": "gelu", "position_kind": "none", "relative_buckets": 32}


def a_model(**fields: Any) -> Model:
    return ADAPTER.validate_python({**LLAMA, **fields})


DEEPSEEK_V3 = {
    "layers": 61, "d_model": 7168, "heads": 128, "head_dim": 128, "rope_head_dim": 64, "value_head_dim": 128, "q_rank": 1536,
    "kv_rank": 512, "d_ffn": 18432, "vocab": 129280, "experts": 256, "experts_per_token": 8, "expert_ffn": 2048,
    "shared_ffn": 2048, "dense_blocks": 3, "router_bias": True, "mtp_blocks": 1,
}  # fmt: skip
QWEN15_MOE = {
    "layers": 24, "d_model": 2048, "heads": 16, "d_ffn": 5632, "vocab": 151936, "experts": 60, "experts_per_token": 4,
    "expert_ffn": 1408, "shared_ffn": 5632, "shared_gate": True, "qkv_bias": True,
}  # fmt: skip
GPT_OSS_20B = {
    "layers": 24, "d_model": 2880, "heads": 64, "kv_heads": 8, "head_dim": 64, "d_ffn": 2880, "vocab": 201088,
    "experts": 32, "experts_per_token": 4, "attention_bias": True, "expert_bias": True, "router_bias": True,
    "attention_sinks": True, "windows": (128, 0),
}  # fmt: skip

RELEASED = {
    # Counts of the tensors of released checkpoints, without an image encoder where there is one.
    "latent attention, dense blocks first: DeepSeek-V3": (DEEPSEEK_V3, 671_026_419_200),
    "latent attention, whole queries: DeepSeek-V2-Lite": (
        {"layers": 27, "d_model": 2048, "heads": 16, "head_dim": 128, "rope_head_dim": 64, "value_head_dim": 128,
         "kv_rank": 512, "d_ffn": 10944, "vocab": 102400, "experts": 64, "experts_per_token": 6, "expert_ffn": 1408,
         "shared_ffn": 2816, "dense_blocks": 1},
        15_706_484_224,
    ),
    "gated shared expert, biases of queries, keys and values: Qwen1.5-MoE-A2.7B": (QWEN15_MOE, 14_315_784_192),
    "norms of heads: Qwen3-30B-A3B": (
        {"layers": 48, "d_model": 2048, "heads": 32, "kv_heads": 4, "head_dim": 128, "d_ffn": 6144, "vocab": 151936,
         "experts": 128, "experts_per_token": 8, "expert_ffn": 768, "qk_norm": "head"},
        30_532_122_624,
    ),
    "norms of all heads together: OLMo-2-7B": (
        {"layers": 32, "d_model": 4096, "heads": 32, "d_ffn": 11008, "vocab": 100352, "qk_norm": "width"},
        7_298_617_344,
    ),
    "sinks, biases of router and experts: gpt-oss-20b": (GPT_OSS_20B, 20_914_757_184),
    "experts in every other block: Llama 4 Maverick": (
        {"layers": 48, "d_model": 5120, "heads": 40, "kv_heads": 8, "head_dim": 128, "d_ffn": 16384, "vocab": 202048,
         "experts": 128, "experts_per_token": 1, "expert_ffn": 8192, "shared_ffn": 8192, "expert_every": 2},
        400_711_848_960,
    ),
    "four norms a block: Gemma 3 1B": (
        {"layers": 26, "d_model": 1152, "heads": 4, "kv_heads": 1, "head_dim": 256, "d_ffn": 6912, "vocab": 262144,
         "tied_embeddings": True, "block_norms": 4, "qk_norm": "head", "windows": (512, 512, 512, 512, 512, 0)},
        999_885_952,
    ),
    "encoder and decoder: T5 11B": (
        {**T5, "layers": 24, "encoder_layers": 24, "d_model": 1024, "heads": 128, "head_dim": 128, "d_ffn": 65536,
         "vocab": 32128},
        11_307_321_344,
    ),
    "the same, gated and untied: Flan-T5 XL": (
        {**T5, "layers": 24, "encoder_layers": 24, "d_model": 2048, "heads": 32, "head_dim": 64, "d_ffn": 5120,
         "vocab": 32128, "tied_embeddings": False, "mlp": "swiglu"},
        2_849_757_184,
    ),
    "the same with positions and norms of both embeddings: BART large": (
        {"layers": 12, "encoder_layers": 12, "d_model": 1024, "heads": 16, "d_ffn": 4096, "vocab": 50265,
         "tied_embeddings": True, "mlp": "gelu", "attention_bias": True, "mlp_bias": True, "norm": "layernorm",
         "positions": 1026, "position_kind": "learned", "embedding_norm": True, "final_norm": False},
        406_291_456,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RELEASED)
def test_released_models_are_met_to_the_parameter(name: str) -> None:
    fields, count = RELEASED[name]
    assert main_parameters(a_model(**fields)) == count


def test_parameters_that_a_token_meets() -> None:
    assert active_parameters(a_model(**QWEN15_MOE)) == 2_689_173_504
    # DeepSeek-AI 2024 says 37 B, with one of two tables; the other has 129,280 x 7,168 = 0.93 B.
    assert active_parameters(a_model(**DEEPSEEK_V3)) - 129280 * 7168 == pytest.approx(37e9, rel=0.02)
    # The gpt-oss model card says 3.61 B and counts the output table alone.
    assert active_parameters(a_model(**GPT_OSS_20B)) - 201088 * 2880 == pytest.approx(3.61e9, rel=0.002)


def test_modules_of_multi_token_prediction() -> None:
    # DeepSeek-V3's README_WEIGHTS: 11.5 B unique parameters, without the shared tables.
    assert mtp_parameters(a_model(**DEEPSEEK_V3)) == pytest.approx(11.5e9, rel=0.01)
    assert mtp_parameters(a_model(**{**DEEPSEEK_V3, "mtp_blocks": 0})) == 0


DENSE = {"layers": 4, "d_model": 64, "heads": 4, "d_ffn": 128, "vocab": 100}
MIXED = {**DENSE, "experts": 4, "experts_per_token": 2}


@pytest.mark.parametrize(
    ("fields", "blamed", "said"),
    [
        ({**DENSE, "expert_ffn": 8}, "expert_ffn", "experts must be 2 or more"),
        ({**DENSE, "shared_ffn": 8}, "shared_ffn", "experts must be 2 or more"),
        ({**DENSE, "expert_every": 2}, "expert_every", "experts must be 2 or more"),
        ({**MIXED, "shared_gate": True}, "shared_gate", "which have a shared_ffn"),
        ({**MIXED, "dense_blocks": 4}, "dense_blocks", "none of the 4 layers"),
        ({**MIXED, "dense_blocks": 2, "expert_every": 3}, "expert_every", "none of the 4 layers"),
        ({**DENSE, "windows": (8, 8, 8, 8, 0)}, "windows", "longer than the 4 layers"),
        ({**DENSE, "window_kind": "chunked"}, "window_kind", "give windows"),
        ({**DENSE, "q_rank": 8}, "q_rank", "which has a kv_rank"),
        ({**DENSE, "rope_head_dim": 8}, "rope_head_dim", "which has a kv_rank"),
        ({**DENSE, "kv_rank": 8, "kv_heads": 2}, "kv_heads", "as many as heads, 4"),
        ({**DENSE, "kv_rank": 8, "qk_norm": "head"}, "qk_norm", "must be none"),
        ({**DENSE, "mtp_blocks": 1, "causal": False}, "mtp_blocks", "must be causal"),
        ({**DENSE, "encoder_layers": 4, "causal": False}, "causal", "give layers only"),
        ({**MIXED, "encoder_layers": 4}, "experts", "does not go with encoder_layers"),
        ({**DENSE, "encoder_layers": 4, "windows": (8,)}, "windows", "does not go with encoder_layers"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_by_name(fields: dict, blamed: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        a_model(**fields)
    assert caught.value.errors()[0]["ctx"]["error"].path == blamed


@pytest.mark.parametrize("wrong", [{"windows": (-1,)}, {"windows": (1.5,)}, {"windows": 8}, {"window_kind": "round"},
                                   {"qk_norm": "all"}, {"kv_rank": -1}, {"qkv_bias": 1}, {"mtp_blocks": 10**9}])  # fmt: skip
def test_what_is_no_value_of_a_field_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        a_model(**DENSE, **wrong)


def test_a_name_of_another_file_is_answered_with_ours(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("name: m\nsliding_window: 4096\nnum_hidden_layers: 2\nsystems: 3\n")
    with pytest.raises(InputFaults) as refused:
        read_model(path)
    said = str(refused.value)
    assert "m.yaml:2: sliding_window: unknown field; here it is windows, keys by block as a pattern: [4096]" in said
    assert "m.yaml:3: num_hidden_layers: unknown field; here it is layers" in said
    assert "m.yaml:4: systems: unknown field; allowed: " in said
    assert {ours.split(",")[0] for ours in FIELDS.values()} <= {field.name for field in fields(Model)}
