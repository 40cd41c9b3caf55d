"""Measured memory of GPUs: peaks beside predictions, and verdicts on jobs that ran."""

from dataclasses import replace
from pathlib import Path

import pytest

from wafersim.evidence.judge import validate, validate_own
from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.memory import lost_memory, published_rows
from wafersim.report.memory_judgement import refused_sentence, refused_that_ran


def test_every_measured_peak_is_read() -> None:
    rows = published_rows()
    assert len(rows.measured) == 64 and not rows.refused


def test_a_peak_is_judged_in_gib() -> None:
    # LLaMA2-7B, 6.738 B parameters on 8 GPUs: 2 + 4 bytes each, 12 / 8 of the optimizer: 47.1 GiB of states in any case.
    (row,) = validate(["memory"], "peak_llama2_7b_dp8").rows
    assert (row.unit, row.published, row.fits) == ("GiB", 69.1, True) and 47.1 < row.predicted < 80


def test_nvidia_smi_sees_what_a_job_cannot_use() -> None:
    # A100 80 GB: 80 GiB by nvidia-smi, of which a job has `usable_memory`.
    one = published_rows().measured["peak_bloomdev_L476"]
    seen, allocated = one.judge().predicted, replace(one, seen_by="allocator").judge().predicted
    assert seen - allocated == pytest.approx(lost_memory("jean-zay") / 2**30) and seen - allocated > 1


def test_a_table_of_peaks_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,hardware,software,n_gpus,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch,tp,pp,dp,recompute,"
        "mlp,kv_heads,zero_stage,metric,value,seen_by\n"
        "a,dgx-h100,megatron-lm,8,24,2048,16,8192,50257,2048,64,1,1,1,8,none,gelu,16,1,peak_memory,30,allocator\n"
        "b,dgx-h100,megatron-lm,8,24,2048,16,8192,50257,2048,64,1,1,1,8,none,gelu,16,1,peak_memory,30,htop\n"
        "c,dgx-h100,megatron-lm,8,24,2048,16,8192,50257,2048,64,,1,1,8,none,gelu,16,1,peak_memory,30,allocator\n"
    )
    report = validate_own(path)
    assert [(row.id, row.set, row.unit) for row in report.rows] == [("a", "memory", "GiB")]
    assert report.skipped == {"b": "seen_by 'htop' is none of allocator, nvidia-smi", "c": "micro_batch not stated"}


def test_a_peak_in_a_table_of_gpu_jobs_is_judged_beside_its_time(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,hardware,software,n_gpus,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch,tp,pp,dp,recompute,"
        "mlp,kv_heads,zero_stage,seq_parallel,vp_stages,metric,value,peak_memory_gib\n"
        "a,dgx-h100,megatron-lm,8,24,2048,16,8192,50257,2048,64,1,1,1,8,none,gelu,16,1,0,1,iteration_time,1.1,30\n"
        "b,dgx-h100,megatron-lm,8,24,2048,16,8192,50257,2048,64,1,1,1,8,none,gelu,16,1,0,1,iteration_time,1.1,\n"
        "c,dgx-h100,megatron-lm,8,24,2048,16,8192,50257,2048,64,,1,1,8,none,gelu,16,1,0,1,iteration_time,1.1,30\n"
    )
    report = validate_own(path)
    peaks = [row for row in report.rows if row.set == "memory"]
    assert [row.id for row in report.rows if row.set == "gpu"] == ["a", "b", "c"]
    assert [(row.id, row.published, row.unit) for row in peaks] == [("a memory", 30.0, "GiB")]
    assert "seen by the allocator" in peaks[0].assumed
    assert report.skipped == {"c memory": "micro_batch not stated"}


def test_jobs_that_ran_and_are_refused_are_counted_and_named() -> None:
    def row(name: str, fits: bool | None, use: str = "test", of: str = "gpu") -> ValidatedRow:
        return ValidatedRow(name, use, "a job", 1.0, 1.0, "s", set=of, fits=fits)

    rows = [row("a", True), row("b", False), row("c", None), row("d", False, "shown"), row("e", False, of="memory")]
    refused, told = refused_that_ran(rows)
    assert ([one.id for one in refused], told) == (["b"], 2)
    assert refused_sentence(rows) == "1 of 2 GPU jobs that ran are said not to fit in memory (50.0%): b."
    assert refused_sentence([row("c", None)]) == ""
