"""FLOPs under conventions with names, by hand."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli import commands
from wafersim.errors import InputFaults
from wafersim.evidence.judge import validate_own
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.flops import FLOPS_CONVENTIONS
from wafersim.workload.flops import CONVENTIONS, flops_per_token, hardware_flops_per_token
from wafersim.workload.transformer import build_workload, workload_of

TOKENS = 4 * 8192


@pytest.mark.parametrize(("convention", "tflop"), [("megatron-2021", 1721.22), ("causal", 1510.11)])
def test_llama2_7b_as_megatron_and_as_maxtext_count_it(convention, tflop: float) -> None:
    # Published for 4 sequences of 8,192 tokens: shared/cases/README.md.
    found = flops_per_token(build_workload("llama2-7b", 8192), convention) * TOKENS / 1e12
    assert found == pytest.approx(tflop, abs=0.005)


def test_palm_counts_every_parameter_and_square_scores() -> None:
    # 6 x 6.738 B parameters (266,240 of them norms, which nobody multiplies by) and 12 x 32 blocks x 4,096 x 8,192 tokens.
    found = flops_per_token(build_workload("llama2-7b", 8192), "palm")
    assert found == pytest.approx(6 * (6_738_415_616 - 266_240) + 12 * 32 * 4096 * 8192, rel=1e-9)


def test_a_gpt_recomputed_in_full_is_equation_3_of_narayanan() -> None:
    # 96 B s l h^2 (1 + s / 6h + V / 16lh), without recompute 72 and V / 12lh; GPT-3: l 96, h 12,288, s 2,048, V 50,257.
    gpt = build_workload("gpt3-175b", 2048)
    h, layers, s, v = 12288, 96, 2048, 50257
    full = 96 * layers * h * h * (1 + s / (6 * h) + v / (16 * layers * h))
    none = 72 * layers * h * h * (1 + s / (6 * h) + v / (12 * layers * h))
    assert hardware_flops_per_token(gpt, "megatron-2021", "full") == pytest.approx(full, rel=1e-9)
    assert hardware_flops_per_token(gpt, "megatron-2021", "none") == pytest.approx(none, rel=1e-9)
    # Selective recompute repeats the two products of scores: 4 s h a block and token.
    selective = hardware_flops_per_token(gpt, "megatron-2021", "selective")
    assert selective - none == pytest.approx(4 * s * h * layers, rel=1e-6)


def test_an_encoder_has_no_mask_that_halves_anything() -> None:
    bert = build_workload("bert-large", 512)
    assert flops_per_token(bert, "causal") == flops_per_token(bert, "megatron-2021")


def test_a_forward_pass_is_a_third() -> None:
    model = build_workload("gpt3-6.7b").model
    for convention in FLOPS_CONVENTIONS:
        whole, forward = (flops_per_token(workload_of(model, mode=mode), convention) for mode in ("train", "forward"))
        assert whole == pytest.approx(3 * forward)


def test_weights_that_are_zero_do_no_work_in_any() -> None:
    workload = build_workload("cerebras-gpt-111m")
    for convention in FLOPS_CONVENTIONS:
        dense, half = (flops_per_token(workload, convention, density) for density in (1.0, 0.5))
        scores = flops_per_token(workload, convention, 1e-12)
        assert half - scores == pytest.approx((dense - scores) / 2, rel=1e-6)


def test_every_convention_says_what_it_counts_and_where_it_is_from() -> None:
    assert tuple(CONVENTIONS) == FLOPS_CONVENTIONS
    assert all(each.words and each.source for each in CONVENTIONS.values())


def run(*words: str) -> dict:
    done = CliRunner().invoke(commands, [*words, "--json", "--no-save"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_a_record_counts_in_one_convention_and_says_which() -> None:
    mfu = {}
    for convention in FLOPS_CONVENTIONS:
        (point,) = run("run", "bloom176b_384a100", "--flops", convention)["points"]
        assert point["flops_convention"] == convention
        steps = point["tokens"] / (point["batch"] * point["sequence_length"])
        assert point["training_flops"] == pytest.approx(point["model_flops_per_step"] * steps)
        mfu[convention] = point["mfu"]
    assert mfu["causal"] < mfu["megatron-2021"] <= mfu["palm"]


def test_sides_count_alike() -> None:
    (first, second, *_) = run("compare", "cs2_vs_a100", "--flops", "causal")["sides"]
    assert first["flops_convention"] == second["flops_convention"] == "causal"


def test_sides_that_count_otherwise_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixed.yaml"
    path.write_text(
        "name: mixed\ncommon: {model: llama3-8b, system: {profile: dgx-h100, gpus: 8}, training: {batch: 64}}\nsides:\n"
        "  - {name: a, fields: {flops: palm}}\n  - {name: b, fields: {flops: causal}}\n"
    )
    with pytest.raises(
        InputFaults, match=r"mixed.yaml:5.*b: counts FLOPs as causal, the first side as palm; --flops settles it"
    ):
        load_comparison(path)
    assert [side.flops for side in load_comparison(path, "palm")[1]] == ["palm", "palm"]


def test_a_row_of_ones_own_is_compared_in_its_own_convention(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    head = (
        "id,hardware,software,n_gpus,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch,tp,pp,dp,recompute,"
        "metric,value,mlp,kv_heads,zero_stage,flops\n"
    )
    row = "dgx-h100,megatron-core,8,32,4096,32,16384,50257,8192,64,1,1,1,8,none,model_tflops_per_gpu,400,gelu,32,1"
    path.write_text(head + f"a,{row},megatron-2021\nb,{row},causal\nc,{row},\nd,{row},mine\n")
    report = validate_own(path)
    square, causal, unsaid = report.rows
    # Blocks 12 x 4,096^2 weights, scores 2 x 8,192 x 4,096 square: the whole and the half of them, with logits.
    weights, scores = 32 * 12 * 4096**2 + 50257 * 4096, 32 * 2 * 8192 * 4096
    assert square.predicted / causal.predicted == pytest.approx((weights + scores) / (weights + scores / 2), rel=1e-6)
    assert unsaid.predicted == square.predicted and "FLOPs as megatron-2021 counts them" in unsaid.assumed
    assert report.skipped == {"d": "flops 'mine' is none of megatron-2021, palm, causal"}
