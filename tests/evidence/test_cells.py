"""Cells as people write them, and own tables of which one row is odd."""

import csv
from io import StringIO
from pathlib import Path

import pytest

from wafersim.errors import Infeasible
from wafersim.evidence.cells import flag, number, whole, zero_stage
from wafersim.evidence.judge import validate_own
from wafersim.evidence.rows import ValidationReport

WAFER = {
    "id": "a", "system": "andromeda", "n_systems": "4", "model": "cerebras-gpt-1.3b", "seq_len": "2048", "layers": "",
    "d_model": "", "heads": "",
    "micro_batch_per_system": "132", "global_batch": "528", "software": "R2.1", "metric": "train_throughput",
    "value": "376", "unit": "samples/s",
}  # fmt: skip
GPU = {
    "id": "a", "hardware": "dgx-h100", "n_gpus": "64", "model": "ours", "layers": "32", "d_model": "4096", "heads": "32",
    "d_ffn": "16384", "vocab": "50257", "seq_len": "2048", "global_batch": "512", "micro_batch": "2", "tp": "2", "pp": "1",
    "dp": "32", "recompute": "none", "zero_stage": "1", "seq_parallel": "no", "mlp": "gelu", "kv_heads": "32",
    "metric": "tokens_per_s_per_gpu", "value": "10400",
}  # fmt: skip


def report(tmp_path: Path, usual: dict[str, str], *odd: dict[str, str]) -> ValidationReport:
    """Of rows that differ from the usual one, which stands at the end as `good`."""
    text = StringIO()
    writer = csv.DictWriter(text, list(usual))
    writer.writeheader()
    writer.writerows([*({**usual, "id": f"odd{at}", **cells} for at, cells in enumerate(odd)), {**usual, "id": "good"}])
    path = tmp_path / "mine.csv"
    path.write_text(text.getvalue())
    return validate_own(path)


@pytest.mark.parametrize(
    ("text", "value"), [("4", 4), ("4.0", 4), ("1,024", 1024), ("2e3", 2000), ("1,234,567", 1234567)]
)
def test_whole_numbers(text: str, value: int) -> None:
    assert whole("n", text) == value


@pytest.mark.parametrize("text", ["4.5", "0", "-1", "inf", "1e400", "nan", "four", "1,02", "1e30", "0x10", "1;2"])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(Infeasible, match="n must be"):
        whole("n", text)


def test_a_number_may_have_a_part() -> None:
    assert number("value", "1,234.5") == 1234.5


@pytest.mark.parametrize(("text", "on"), [("0", 0), ("TRUE", 1), ("1.0", 1), ("1", 1), ("yes", 1), ("on", 1), ("", 0),
                                           ("0.0", 0), ("False", 0), ("no", 0), ("-", 0), ("none", 0)])  # fmt: skip
def test_flags(text: str, on: int) -> None:
    assert flag("seq_parallel", text) is bool(on)


@pytest.mark.parametrize("text", ["2", "maybe"])
def test_what_is_no_flag(text: str) -> None:
    with pytest.raises(Infeasible, match="must be true or false"):
        flag("seq_parallel", text)


@pytest.mark.parametrize(("text", "stage"), [("none", 0), ("None", 0), ("0", 0), ("1", 1), ("ZeRO-1", 1), ("zero3", 3),
                                             ("2.0", 2), ("stage 2", 2), ("ZeRO stage-3", 3)])  # fmt: skip
def test_zero_stages(text: str, stage: int) -> None:
    assert zero_stage(text) == stage


@pytest.mark.parametrize("text", ["4", "1.5", "fsdp2", "-1"])
def test_what_is_no_zero_stage(text: str) -> None:
    with pytest.raises(Infeasible, match="zero_stage must be"):
        zero_stage(text)


def test_wafer_rows_written_another_way_are_the_same_rows(tmp_path: Path) -> None:
    same = [
        {"id": "run 1 (March)"},
        {"id": "größe=1"},
        {"n_systems": "4.0"},
        {"micro_batch_per_system": "132.0", "seq_len": "2,048"},
    ]
    found = report(tmp_path, WAFER, *same)
    assert not found.skipped
    assert {row.id for row in found.rows} == {"run 1 (March)", "größe=1", "odd2", "odd3", "good"}
    assert len({row.predicted for row in found.rows}) == 1


def test_gpu_rows_written_another_way_are_the_same_rows(tmp_path: Path) -> None:
    same = [{"id": "run 1"}, {"zero_stage": "ZeRO-1"}, {"zero_stage": "1.0", "seq_parallel": "no"}, {"n_gpus": "64.0"},
            {"recompute": "None"}, {"id": "März/1"}]  # fmt: skip
    found = report(tmp_path, GPU, *same)
    assert not found.skipped
    assert len({row.predicted for row in found.rows}) == 1 and len(found.rows) == 7
    assert {row.group for row in found.rows} == {"own"}


def test_what_is_written_in_words_counts(tmp_path: Path) -> None:
    """Sequence parallelism changes a time; no ZeRO is no stage 1."""
    found = report(tmp_path, GPU, {"seq_parallel": "true"}, {"seq_parallel": "1.0"}, {"seq_parallel": "1"},
                   {"zero_stage": "none"}, {"zero_stage": "0"})  # fmt: skip
    *parallel, none, zero, good = (row.predicted for row in found.rows)
    assert len(set(parallel)) == 1 and parallel[0] > 1.02 * good
    assert none == zero != good


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"n_systems": "4.5"}, "n_systems must be whole (got '4.5')"),
        ({"n_systems": "many"}, "n_systems must be a number > 0"),
        ({"n_systems": "1e30"}, "n_systems must be at most"),
        ({"seq_len": "1e14"}, "seq_len must be at most 1,000,000,000"),
        ({"seq_len": "1e9"}, "does not fit"),
        ({"layers": "1e14"}, "layers must be at most 10,000"),
        ({"heads": "31", "layers": "12"}, "heads 31 do not divide d_model 2048"),
        ({"value": ""}, "value is missing"),
        ({"value": "1e-400"}, "value must be a number > 0"),
    ],
)
def test_an_odd_wafer_row_is_listed_and_the_others_are_predicted(
    tmp_path: Path, cells: dict[str, str], reason: str
) -> None:
    found = report(tmp_path, WAFER, cells)
    assert [row.id for row in found.rows] == ["good"]
    assert reason in found.skipped["odd0"] and "\n" not in found.skipped["odd0"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"zero_stage": "5"}, "zero_stage must be none, 0, 1, 2 or 3 (got '5')"),
        ({"seq_parallel": "half"}, "seq_parallel must be true or false (got 'half')"),
        ({"n_gpus": "1e14", "dp": "5e13"}, "n_gpus must be at most 1,000,000"),
        ({"layers": "1e14"}, "layers must be at most 10,000"),
        ({"pp": "64"}, "tp 2 x pp 64 x dp 32 do not multiply out to 64 GPUs"),
        ({"heads": "31", "kv_heads": "31"}, "tensor 2 does not divide the 31 heads"),
        ({"vocab": "50k"}, "vocab must be a number > 0 (got '50k')"),
    ],
)
def test_an_odd_gpu_row_is_listed_and_the_others_are_predicted(
    tmp_path: Path, cells: dict[str, str], reason: str
) -> None:
    found = report(tmp_path, GPU, cells)
    assert [row.id for row in found.rows] == ["good"]
    assert reason in found.skipped["odd0"] and "\n" not in found.skipped["odd0"]


@pytest.mark.parametrize("text", ["1e-320", "1e-13", "1e31", "1e308"])
def test_what_nothing_measures_is_no_number(text: str) -> None:
    with pytest.raises(Infeasible, match=r"value must be from 1e-12 to 1e\+30"):
        number("value", text)


def test_numbers_of_wafers_that_no_job_has_are_told_with_their_column(tmp_path: Path) -> None:
    """A step's time whose rate is none, a batch that no experiment takes, weights that are all zeros and more."""
    time = {"metric": "step_time", "unit": "s"}
    odd = [
        {**time, "value": "1e-320"},
        {"micro_batch_per_system": "1e15"},
        {"global_batch": "1e12"},
        {"mode": "forward", "baked_in_zeros_percent": "100"},
    ]
    usual = {**WAFER, "mode": "train", "baked_in_zeros_percent": ""}
    found = report(tmp_path, usual, *odd)
    assert [row.id for row in found.rows] == ["good"]
    for at, column in enumerate(("value", "micro_batch_per_system", "global_batch", "baked_in_zeros_percent")):
        assert found.skipped[f"odd{at}"].startswith(f"{column} must be ")


def test_numbers_of_gpus_that_make_no_model_are_told_with_their_column(tmp_path: Path) -> None:
    odd = [
        {"d_model": "1e15"},
        {"d_model": "3"},
        {"params_b": "1e29", "layers": ""},
        {"params_b": "0.001", "layers": ""},
    ]
    found = report(tmp_path, {**GPU, "params_b": ""}, *odd)
    assert [row.id for row in found.rows if not row.id.endswith("memory")] == ["good"]
    said = [found.skipped[f"odd{at}"] for at in range(len(odd))]
    assert [text.split()[0] for text in said] == ["d_model", "heads", "params_b", "params_b"]
