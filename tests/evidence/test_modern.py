"""Rows of today's GPUs: read by their columns, reported by what they ran on and what they trained."""

import pytest

from wafersim.errors import Infeasible
from wafersim.evidence.sets.collective import read_row as read_collective
from wafersim.evidence.sets.gpu import published_rows
from wafersim.evidence.sets.gpu_row import GpuRow
from wafersim.inputs.machine_names import gpus_called


def row(name: str) -> GpuRow:
    return published_rows().measured[name]


def test_a_dense_row_is_what_its_columns_say() -> None:
    found = row("mb2511_h100_Llama370B_64_B128")
    assert (found.profile, found.software, found.group) == ("dgx-h100", "megatron-bridge", "dense h100 and h200")
    assert (found.model.kv_heads, found.model.gated, found.model.tied_embeddings) == (8, True, False)
    said = {
        "tensor": 4,
        "pipeline": 8,
        "data": 2,
        "context": 1,
        "virtual_stages": 5,
        "micro_batch": 1,
        "precision": "fp8",
    }
    assert said.items() <= found.settings.items() and found.settings["recompute"] == "none"


def test_experts_and_context_come_from_columns() -> None:
    moe = row("mb2602_h100_Qwen3-30B_16")
    assert (moe.model.experts, moe.model.experts_per_token, moe.settings["expert"]) == (128, 8, 8)
    assert (moe.model.heads, moe.model.head_dim, moe.group) == (32, 128, "moe")  # 32 x 128 is twice the width
    assert row("b200_llama3_405b_l4_tp2_cp4_pp1_dp1_seq131072_mbc4").settings["context"] == 4


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("nemo2502_b200_Llama38B_8", "b200 fp8"),
        ("b200_llama3_70b_l12_tp1_pp2_dp4_mbc4", "b200 bf16"),
        ("mb2511_gb300_Llama370B_64", "gb200 and gb300"),
        ("titan_h200_8B_32", "dense h100 and h200"),
        ("titan2412_8B_cp1_32k", "titan"),
        ("nar21_t2_ZeRO-3_529.6B_1120", "nar21_t2 zero-3"),
        ("nar21_t2_PTD-P_529.6B_560", "nar21_t2"),
    ],
)
def test_rows_are_grouped_by_columns(name: str, group: str) -> None:
    assert row(name).group == group


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("NVIDIA H100 80GB HBM3", "dgx-h100"),  # as nvidia-smi says it
        ("B200 SXM (one node of 8)", "dgx-b200"),
        ("GB200 NVL72", "gb200-nvl72"),
        ("A100-SXM4-40GB", "dgx-a100-40gb"),
        ("jean-zay", "jean-zay"),
    ],
)
def test_a_machine_is_known_by_its_words(text: str, profile: str) -> None:
    assert gpus_called(text).profile == profile and not gpus_called(text).assumed


def test_what_the_words_do_not_say_is_said() -> None:
    assert gpus_called("A100").assumed == "hardware A100: dgx-a100-80gb, 80 GB"


@pytest.mark.parametrize("text", ["H100 PCIe", "XB200", "RTX A100", "gpux", "", "megatron-core"])
def test_an_unknown_machine_is_refused(text: str) -> None:
    with pytest.raises(Infeasible, match="no such machine is known"):
        gpus_called(text)


def test_what_a_study_remarks_is_a_setting() -> None:
    assert row("b200_llama3_405b_l4_tp2_cp4_pp1_dp1_seq131072_mbc4").settings["context_kind"] == "all-to-all"
    assert row("mb2509_b200_Qwen330B-A3B_8").settings["expert_capacity"] == 1.0
    assert "expert_capacity" not in row("mb2511_b200_Qwen330B-A3B_8").settings  # dropless since 25.11


def test_a_gpu_of_a_collective_is_known_by_its_words_too() -> None:
    cells = {"id": "a", "collective": "all-reduce", "n_gpus": "8", "bytes": "1e6", "seconds": "1e-3", "busbw_GBps": ""}
    assert read_collective({**cells, "hardware": "H100-SXM5-80GB"}).profile == "h100-80gb"
    with pytest.raises(Infeasible, match="hardware 'XB2000': no such machine is known"):
        read_collective({**cells, "hardware": "XB2000"})
