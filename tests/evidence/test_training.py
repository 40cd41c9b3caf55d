"""Whole runs: read by their columns, simulated, beside what is published and beside one MFU for each kind of GPU."""

import csv
from math import exp, log
from pathlib import Path

import pytest

from wafersim.errors import Infeasible
from wafersim.evidence.judge import validate, validate_own
from wafersim.evidence.rows import ValidatedRow, ValidationReport
from wafersim.evidence.sets.training import published_rows, residuals_of_fit
from wafersim.evidence.sets.training_cells import run_of
from wafersim.evidence.sets.training_practice import Residual, practice_of, residuals

DATA = Path(__file__).resolve().parents[2] / "wafersim" / "evidence" / "data" / "training_runs.csv"
LLAMA_7B = {
    "id": "X", "model": "LLaMA 7B", "params": "6.738e9", "tokens": "1T", "layers": "32", "d_model": "4096", "heads": "32",
    "d_ffn": "11008", "vocab": "32000", "seq_len": "2048", "device": "A100-SXM-80GB", "n_devices": "256", "accel_hours": "82432",
}  # fmt: skip


@pytest.fixture(scope="module")
def report() -> ValidationReport:
    return validate(("training",))


@pytest.fixture(scope="module")
def rows(report: ValidationReport) -> dict[str, ValidatedRow]:
    return {row.id: row for row in report.rows}


def own(tmp_path: Path, *changes: dict[str, str]) -> ValidationReport:
    """What `validate --data` makes of LLaMA 7B with changed cells."""
    table = [{**LLAMA_7B, **change} for change in changes]
    path = tmp_path / "mine.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in table for name in row)), restval="")
        writer.writeheader()
        writer.writerows(table)
    return validate_own(path)


def test_each_quantity_of_a_run_is_a_row(report: ValidationReport, rows: dict[str, ValidatedRow]) -> None:
    assert {"RBLOOM:hours", "RBLOOM:days", "R27B:hours", "ROPT:days"} <= set(rows)
    assert "R27B:days" not in rows and "ROPT:hours" not in rows  # not published
    bloom = [rows["RBLOOM:hours"], rows["RBLOOM:days"]]
    assert [row.unit for row in bloom] == ["device h", "d"]
    # 384 GPUs: 24 x 384 device hours a day.
    assert bloom[0].predicted == pytest.approx(bloom[1].predicted * 24 * 384)
    assert {row.id for row in validate(("training",), "RBLOOM").rows} == {"RBLOOM:hours", "RBLOOM:days"}
    assert {row.id for row in validate(("training",), "RBLOOM:days").rows} == {"RBLOOM:days"}


def test_what_is_published_of_no_run_is_listed(report: ValidationReport) -> None:
    assert report.skipped["RC111M"] == "no hours or days are published (steps known, time not published)"
    assert "a little over a week" in report.skipped["RC13B:days"]
    assert "of how many devices is not stated" in report.skipped["RFLOR:days"]


def test_rows_that_set_nothing_but_by_others_err_less_than_one_mfu(rows: dict[str, ValidatedRow]) -> None:
    hours = [row for row in rows.values() if row.id.endswith(":hours") and row.use == "fit"]
    ours = sorted(abs((row.left_out or (row.predicted,))[0] / row.published - 1) for row in hours)
    rule = sorted(abs(row.baseline / row.published - 1) for row in hours if row.baseline is not None)
    assert len(hours) == 11 and len(rule) == 10  # SmolLM3 is the only fit row on H100
    assert ours[5] < 0.15 < rule[5]  # the issue asks for a median below 15 %
    inside = [one[1] <= row.published <= one[2] for row in hours if (one := row.left_out)]
    assert 0.7 <= sum(inside) / len(inside) <= 0.9


def test_the_gap_of_practice_is_what_the_fit_runs_say_today() -> None:
    found = residuals_of_fit()
    assert set(found) == set(residuals())
    for name, one in residuals().items():
        said = f"  {name}: {{error: {found[name].error:.4f}, sigma: {found[name].sigma:.4f}}}"
        assert (one.error, one.sigma) == pytest.approx((found[name].error, found[name].sigma), abs=2e-3), said


def test_a_row_that_is_left_out_sets_nothing() -> None:
    some = {"a": Residual(0.1, 0.1), "b": Residual(0.3, 0.1), "c": Residual(0.8, 0.3)}
    # Without c: mean 0.2, standard deviation of 0.1 and 0.3 is 0.1414.
    without = practice_of(some, "c")
    assert (without.gap, without.spread, without.runs) == pytest.approx((0.2, 0.1414, 2), abs=1e-4)
    assert practice_of(some).gap == pytest.approx(0.4)
    # A step that is less certain than theirs widens the interval, one that is more certain does not narrow it.
    assert without.half_width(0.05) == without.half_width(0.1) < without.half_width(0.4)


def test_a_stated_split_leaves_no_gap(rows: dict[str, ValidatedRow]) -> None:
    bloom, llama = (published_rows().measured[name] for name in ("RBLOOM:days", "R27B:hours"))
    assert not bloom.run.searched and llama.run.searched
    assert bloom.judge().predicted == bloom.simulation.days
    assert llama.judge().predicted / llama.simulation.hours == pytest.approx(exp(practice_of(residuals()).gap))
    # 70 MW for 0.1 s: the residual is of the steps alone.
    assert llama.residual.error == pytest.approx(log(184_320 / llama.simulation.hours))


def test_failures_and_saves_are_inside_where_the_published_value_holds_them() -> None:
    found = published_rows().measured
    steps = found["RP12B:days"].simulation
    assert steps.goodput.median == 1.0 and steps.days == steps.prediction.days_to_train
    bloom = found["RBLOOM:days"].simulation
    assert bloom.days == pytest.approx(bloom.prediction.days_to_train / bloom.goodput.median)
    # 0.87 in 102 days of the run itself (F408); its loss spikes and hangs come from other runs here.
    assert 0.85 < bloom.goodput.median < 0.98
    # What is not known of the goodput widens the interval: hypot(0.3, half of ln(high / low)).
    assert bloom.widened(0.3) == pytest.approx(
        (0.3**2 + 0.25 * log(bloom.goodput.high / bloom.goodput.low) ** 2) ** 0.5
    )


def test_bloom_ran_its_ramp_on_its_own_split() -> None:
    run = published_rows().measured["RBLOOM:days"].run
    assert (run.experiment.strategy.tensor, run.experiment.strategy.pipeline, run.experiment.strategy.data) == (
        4,
        12,
        8,
    )
    assert run.experiment.training.batch_ramp.start == 192 and run.experiment.training.batch == 2048


@pytest.mark.parametrize(("kind", "losses"), [
    ("reported", True), ("reported, incl. restarts", True), ("", True), ("computed from logged step time", False),
    ("steps x step time, no failures", False),
])  # fmt: skip
def test_kind_says_whether_failures_are_inside(kind: str, losses: bool) -> None:
    assert run_of({**LLAMA_7B, "kind": kind}).losses == losses


@pytest.mark.parametrize(("cells", "batch", "said"), [
    ({}, 2048, "4 M tokens"),  # 1,953 sequences: the nearest multiple of 256
    ({"global_batch": "1024"}, 1024, ""),
    ({"global_batch": "2M tokens"}, 1024, "2 M tokens"),
    ({"global_batch": "4194304"}, 2048, "4.1943 M tokens"),  # no batch has 4 million sequences
    ({"global_batch": "2.36M", "n_devices": "384", "seq_len": "4096"}, 576, "2.36 M tokens"),  # 768 would be 33 % more
    ({"global_batch": "2047", "n_devices": "440"}, 1980, "2,047 do not go round 440 devices"),
    ({"global_batch": "1000"}, 1000, ""),  # on 8 replicas of 32 GPUs
    ({"notes": "batch 1024 x 2048, 143,000 steps"}, 1024, ""),
    ({"notes": "TP 8; batch 2M tokens"}, 1024, "2 M tokens"),
    ({"n_devices": "440"}, 1760, "4 M tokens"),
    ({"n_devices": "2048", "seq_len": "8192"}, 512, "4 M tokens"),  # 488: of a quarter of the GPUs
    ({"n_devices": "16384", "seq_len": "8192"}, 2048, "17 M tokens"),  # 1,024 tokens for each
])  # fmt: skip
def test_the_batch_comes_from_its_column_or_the_remarks_or_is_4_million_tokens(cells, batch: int, said: str) -> None:
    run = run_of({**LLAMA_7B, **cells})
    assert run.experiment.training.batch == batch
    assert any(said in one for one in run.assumed if one.startswith("batch")) == bool(said)


def test_hours_need_no_number_of_devices_and_days_do(tmp_path: Path) -> None:
    found = own(tmp_path, {"n_devices": "", "elapsed_days": "20"})
    (hours,) = found.rows
    assert hours.id == "X:hours" and any("devices: about a month" in one for one in hours.assumed)
    assert found.skipped == {"X:days": "elapsed_days of how many devices is not stated (n_devices)"}
    # About as many hours as on the 256 that it says.
    (stated,) = own(tmp_path, {}).rows
    assert hours.predicted == pytest.approx(stated.predicted, rel=0.1)  # on 128


@pytest.mark.parametrize(("change", "said"), [
    ({"device": "TPU v4"}, "hardware 'TPU v4': no such machine is known"),
    ({"d_ffn": ""}, "d_ffn is not stated"),
    ({"tokens": ""}, "tokens is not stated"),
    ({"tokens": "many"}, "tokens must be a number of tokens"),
    ({"params": "70e9"}, "the shape has 6.74e+09 parameters, params says 7e+10"),
    ({"accel_hours": "a lot"}, "accel_hours must be a number > 0 (got 'a lot')"),
    ({"accel_hours": "-5"}, "accel_hours must be a number > 0"),
    ({"accel_hours": "", "kind": "not reported"}, "no hours or days are published"),
    ({"global_batch": "some"}, "global_batch must be sequences or tokens, such as 1024 or 4 M tokens (got 'some')"),
    ({"software": "pytorch"}, "pytorch"),
    ({"layers": "3.5"}, "layers must be whole"),
    ({"tp": "3"}, "tensor 3 does not divide the 32 heads"),
    ({"recompute": "some"}, "strategy"),
])  # fmt: skip
def test_what_cannot_be_predicted_is_listed_with_the_reason(tmp_path: Path, change: dict[str, str], said: str) -> None:
    found = own(tmp_path, {"id": "Y"}, change)
    assert [row.id for row in found.rows] == ["Y:hours"]
    (reason,) = found.skipped.values()
    assert said in reason and "\n" not in reason


def test_grouped_heads_and_gates_follow_from_the_parameters() -> None:
    smol = published_rows().measured["RSMOL3:hours"].run.model
    assert (smol.kv_heads, smol.mlp, smol.tied_embeddings) == (4, "swiglu", True)
    pythia = published_rows().measured["RP1B:hours"].run.model
    assert (pythia.kv_heads, pythia.mlp, pythia.tied_embeddings) == (8, "gelu", False)


def test_a_run_on_wafers_is_simulated_on_wafers(tmp_path: Path) -> None:
    (row,) = own(tmp_path, {"device": "CS-2", "n_devices": "16", "accel_hours": "", "elapsed_days": "10"}).rows
    assert row.id == "X:days" and "16 condor-galaxy-1" in row.what and row.baseline is None and row.covers is not None


def test_a_machine_that_nobody_has_is_no_row() -> None:
    with pytest.raises(Infeasible, match="device is not stated"):
        run_of({**LLAMA_7B, "device": "-"})
