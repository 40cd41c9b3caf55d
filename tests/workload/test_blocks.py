"""FLOPs, parameters and kept bytes of workloads whose blocks differ."""

import pytest

from tests.workload.test_model_fields import DEEPSEEK_V3, DENSE, GPT_OSS_20B, MIXED, QWEN15_MOE, RELEASED, a_model
from wafersim.workload.layer import Layer, Op
from wafersim.workload.model import active_parameters, parameters
from wafersim.workload.transformer import Workload, workload_of

MISTRAL_7B = {
    "layers": 32, "d_model": 4096, "heads": 32, "kv_heads": 8, "d_ffn": 14336, "vocab": 32000, "windows": (4096,),
}  # fmt: skip


def workload(sequence: int = 4096, mode: str = "train", **fields: object) -> Workload:
    return workload_of(a_model(**fields), sequence, mode)  # type: ignore[arg-type]


def op(layer: Layer, name: str) -> Op:
    (found,) = [op for op in layer.ops if op.name == name]
    return found


def test_flops_of_a_windowed_model() -> None:
    # Mistral 7B at 32,768 tokens, a window of 4,096: 6 x 7,110,660,096 matrix weights + 12 x 32 x 4,096 x 4,096 of attention.
    windowed = workload(32768, **MISTRAL_7B)
    assert windowed.model_flops_per_token == 6 * (7_241_732_096 - 65 * 4096 - 32000 * 4096) + 12 * 32 * 4096 * 4096
    assert windowed.model_flops_per_token == pytest.approx(4.91e10, rel=1e-3)
    assert workload(32768, **{**MISTRAL_7B, "windows": ()}).model_flops_per_token == pytest.approx(9.42e10, rel=1e-3)
    # What a mask hides of all keys is half; of a window of an eighth only the first queries' part, 1 / 16.
    assert windowed.met_attention_flops_per_token == windowed.attention_flops_per_token * 15 / 16
    whole = workload(4096, **MISTRAL_7B)
    assert whole.met_attention_flops_per_token == whole.attention_flops_per_token / 2
    # A forward pass alone is a third.
    alone = workload(32768, "forward", **MISTRAL_7B)
    assert 3 * alone.model_flops_per_token == windowed.model_flops_per_token


@pytest.mark.parametrize(
    ("windows", "kind", "met"),
    [
        ((1024, 0), "sliding", (896 + 2048) / 2),
        ((1024, 1024, 1024, 0), "chunked", (3 * 512 + 2048) / 4),
        ((9999,), "sliding", 2048),
    ],
)
def test_patterns_of_windows_repeat_over_the_blocks(windows: tuple[int, ...], kind: str, met: float) -> None:
    of = workload(**{**DENSE, "layers": 8}, windows=windows, window_kind=kind)
    seen = [op(block, "attention").elements / 4 for block in of.blocks]
    assert seen == [min(windows[i % len(windows)] or 4096, 4096) for i in range(8)]
    assert sum(op(block, "attention").met for block in of.blocks) / 8 / 4 == met
    # Two kinds of blocks are two values, whatever their number.
    assert len({id(block.ops) for block in of.blocks}) == len(set(seen))


def test_flops_of_experts_are_those_that_a_token_meets() -> None:
    of = workload(**QWEN15_MOE)
    matrices = of.model_flops_per_token - of.attention_flops_per_token
    assert matrices == pytest.approx(1.427e10, rel=1e-3)
    # All but the look-up table, and norms, gates and biases, which are not multiplied: 0.01 %.
    assert matrices == pytest.approx(6 * (active_parameters(of.model) - 151936 * 2048), rel=2e-4)
    # DeepSeek-V3 without its prediction module: 36.6 B active without the look-up table.
    main = workload(**{**DEEPSEEK_V3, "mtp_blocks": 0})
    assert main.model_flops_per_token - main.attention_flops_per_token == pytest.approx(6 * 36.6e9, rel=2e-3)
    # Of a latent head's 192 + 128 elements scores take 192 and values 128: 6 x 61 x 128 x 320 a key.
    assert main.attention_flops_per_token == 6 * 61 * 128 * (192 + 128) * 4096


def test_a_prediction_module_is_a_block_and_logits_more() -> None:
    main, more = workload(**{**DEEPSEEK_V3, "mtp_blocks": 0}), workload(**DEEPSEEK_V3)
    last = main.blocks[-1]
    of_block = sum(2 * op.k * op.n * op.share for op in last.ops if op.kind == "matmul")
    score = op(last, "attention")
    added = 3 * (of_block + 4 * score.elements * score.head_dim + 2 * 2 * 7168**2 + 2 * 7168 * 129280)
    assert more.model_flops_per_token - main.model_flops_per_token == pytest.approx(added, rel=1e-12)
    assert more.blocks[-1].name == "prediction module 1"


@pytest.mark.parametrize("name", RELEASED)
def test_layers_hold_all_parameters_and_their_ops_all_matrices(name: str) -> None:
    fields, _ = RELEASED[name]
    of = workload(**fields)
    table = of.model.vocab * of.model.d_model if of.model.tied_embeddings else 0  # streamed at both ends
    assert sum(layer.parameters for layer in of.layers) - table == parameters(of.model)
    for block in of.blocks:
        matrices = sum(op.parameters for op in block.ops if op.kind == "matmul")
        assert matrices <= block.parameters and matrices == pytest.approx(block.parameters, rel=3e-3)


def test_dense_blocks_come_first_and_experts_in_every_nth() -> None:
    kinds = ["router" in {op.name for op in block.ops} for block in workload(**MIXED, dense_blocks=1).blocks]
    assert kinds == [False, True, True, True]
    kinds = ["router" in {op.name for op in block.ops} for block in workload(**MIXED, expert_every=2).blocks]
    assert kinds == [False, True, False, True]


def test_an_encoder_comes_before_the_decoder_that_attends_to_it() -> None:
    of = workload(1000, **{**DENSE, "mlp": "gelu"}, encoder_layers=2)
    assert [block.name for block in of.blocks[:3]] == ["encoder block 1", "encoder block 2", "block 1"]
    encoder, decoder = of.blocks[0], of.blocks[2]
    assert {op.name for op in decoder.ops} - {op.name for op in encoder.ops} == {
        "cross queries", "cross keys and values", "cross attention", "cross projection", "cross norm, residual",
    }  # fmt: skip
    # Scores of an encoder's and of cross attention all count; of the decoder's own the mask leaves half.
    assert op(encoder, "attention").met == op(decoder, "cross attention").met == 4 * 1000
    assert op(decoder, "attention").met == 4 * 500
    assert decoder.kept_bytes > encoder.kept_bytes


def test_kept_bytes_follow_what_a_token_passes() -> None:
    # Width 64, 4 heads of 16: 10 h + 2 (q + k + v + projection input) + 3 f of 2 bytes, and 2 of the 4 experts are passed.
    dense = workload(**DENSE).blocks[0].kept_bytes
    assert dense == 10 * 64 + 2 * (3 * 64 + 64) + 3 * 2 * 128
    passed = workload(**MIXED, expert_ffn=32, shared_ffn=16).blocks[0].kept_bytes
    assert passed == dense - 3 * 2 * 128 + 2 * 3 * 2 * 32 + 3 * 2 * 16
    # Two norms more keep their inputs.
    assert workload(**DENSE, block_norms=4).blocks[0].kept_bytes == dense + 2 * 2 * 64


def test_adapters_stand_beside_every_expert() -> None:
    of = workload(mode="lora", **MIXED)
    down = op(of.blocks[0], "mlp up adapter down")
    assert (down.k, down.n, down.matrices, down.share) == (64, 16, 4, 2)
    # Rank 16 beside qkv (64 + 192), projection (64 + 64), router (64 + 4), up and down (64 + 256, 128 + 64) of each expert.
    assert of.trained == 4 * 16 * (256 + 128 + 68 + 4 * (320 + 192))


def test_active_parameters_of_gpt_oss_meet_its_flops() -> None:
    of = workload(**GPT_OSS_20B)
    assert of.model_flops_per_token - of.attention_flops_per_token == pytest.approx(6 * 3.61e9, rel=3e-3)
    # 128 and 4,096 keys in turn.
    assert of.attention_flops_per_token == 12 * 24 * 64 * 64 * (128 + 4096) / 2
