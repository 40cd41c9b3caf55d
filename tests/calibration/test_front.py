"""Fits give what was committed, and a user's own rows move them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.checkout import Commands
from wafersim.calibration.front import Calibration, calibrate, calibrate_own
from wafersim.cli import commands
from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.fit import Set, load_fit

COLLECTIVES = "id,hardware,n_gpus,collective,bytes,seconds,busbw_GBps\n"
GPUS = (
    "id,hardware,n_gpus,model,params_b,layers,d_model,heads,d_ffn,seq_len,global_batch,micro_batch,tp,pp,dp,recompute,"
    "zero_stage,kv_heads,vocab,metric,value,unit\n"
)
WAFERS = "id,system,n_systems,model,micro_batch_per_system,seq_len,software,metric,value,unit\n"


@pytest.mark.parametrize(
    "which",
    [
        "kernel",
        "collective",
        pytest.param("wafer", marks=pytest.mark.slow),
        pytest.param("gpu", marks=pytest.mark.slow),
    ],
)
def test_calibrating_again_finds_what_was_committed(which: Set) -> None:
    found, kept = calibrate(which).fit, load_fit(which)
    assert (found.rows, found.behind) == (kept.rows, kept.behind)
    for new, old in zip(found.constants, kept.constants, strict=True):
        assert (new.name, new.sets) == (old.name, old.sets)
        assert (new.value, new.standard_error) == pytest.approx((old.value, old.standard_error), rel=2e-3)
    assert found.spread == pytest.approx(kept.spread, rel=0.02)


def own(path: Path, text: str) -> Calibration:
    path.write_text(text)
    return calibrate_own(path)


def test_slower_rows_of_ones_own_slow_the_constants_down(tmp_path: Path) -> None:
    sizes = [2**power for power in range(24, 31)]
    rows = [f"mine{size},A100 NVLink,8,all-reduce,{size},{1e-4 + size / 1e11!r}," for size in sizes]
    found = own(tmp_path / "mine.csv", COLLECTIVES + "\n".join([*rows, "ag,A100 NVLink,8,all-gather,1e9,0.01,"]) + "\n")
    value = {constant.name: constant.value for constant in found.fit.constants}
    was = {constant.name: constant.value for constant in found.before.constants}
    assert value["a100-80gb.collective_bandwidth"] < was["a100-80gb.collective_bandwidth"]
    assert value["v100-32gb.collective_bandwidth"] == was["v100-32gb.collective_bandwidth"]
    assert sum(abs(row.after) for row in found.own) < sum(abs(row.before) for row in found.own)
    assert found.skipped == {"ag": "constants are fitted on all-reduces by rings (got all-gather)"}
    assert set(found.fit.rows) - set(found.before.rows) == {f"mine{size}" for size in sizes}
    assert "(was " in str(found) and "ag sets nothing: " in str(found)


def test_only_rows_marked_fit_set_constants(tmp_path: Path) -> None:
    text = (
        COLLECTIVES.replace("id,", "use,id,")
        + "fit,a,V100 NVLink,8,all-reduce,1e8,0.0015,\ntest,b,V100 NVLink,8,all-reduce,1e8,1,\n"
    )
    assert [row.id for row in own(tmp_path / "mine.csv", text).own] == ["a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (COLLECTIVES + "ar_a100_4_4,A100 NVLink,4,all-reduce,1e8,0.01,\n", "ar_a100_4_4 is the id of a published row"),
        (COLLECTIVES + "a,H200 NVLink,8,all-reduce,1e8,0.01,\n", "sets nothing (a: constants are fitted for a100-80gb"),
        (COLLECTIVES.replace("id,", "use,id,") + "test,a,A100 NVLink,8,all-reduce,1e8,0.01,\n", "no row is marked fit"),
        (GPUS + "a,dgx-h100,8,ours,1.3,24,2048,16,8192,2048,64,,1,1,8,none,1,16,50257,iteration_time,0.5,s\n",
         "sets nothing (a: micro_batch not stated)"),
        (GPUS + "a,dgx-h100,8,ours,1.3,24,2048,16,8192,2048,64,3,1,1,8,none,1,16,50257,iteration_time,0.5,s\n",
         "sets nothing (a: it does not run: "),
        (WAFERS + "a,CS-2,1,GPT-J 6B,60,2048,R1.9,train_throughput,20,samples/s\n", "R1.9 has one factor"),
        (WAFERS + "a,CS-2,1,GPT-J 6B,60,2048,R2,train_throughput,2,samples/s\n", "times what was measured"),
        (WAFERS + "a,CS-1,1,BERT-large,60,128,R2,train_throughput,20,samples/s\n", "constants of cs1 are not fitted"),
    ],
)  # fmt: skip
def test_a_row_that_can_set_nothing_is_refused_with_the_reason(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputFaults) as found:
        own(tmp_path / "mine.csv", text)
    assert problem in str(found.value)


def test_set_and_table_together_are_refused(tmp_path: Path) -> None:
    found = CliRunner().invoke(commands, ["calibrate", "--set", "gpu", "--data", str(tmp_path / "mine.csv")])
    assert isinstance(found.exception, WafersimError) and "leave out --set" in str(found.exception)


@pytest.mark.parametrize("which", ["training", "memory"])
def test_a_set_whose_rows_only_judge_is_not_fitted(which: str) -> None:
    found = CliRunner().invoke(commands, ["calibrate", "--set", which])
    assert isinstance(found.exception, WafersimError) and f"--set {which}: its rows only judge" in str(found.exception)


def test_written_and_taken_back(copied: Path, wafersim: Commands, tmp_path: Path) -> None:
    """Own rows reach profile, interval and validation; without them the next fit is the published one."""
    table = tmp_path / "mine.csv"
    table.write_text(COLLECTIVES + "".join(f"m{n},V100 NVLink,8,all-reduce,{n}e9,{n / 50!r},\n" for n in range(1, 40)))

    def said(*words: str) -> str:
        done = wafersim(*words)
        done.check_returncode()
        return done.stdout

    def errors() -> list[float]:
        return [row["error"] for row in json.loads(said("validate", "--data", str(table), "--json"))["rows"]]

    profile = copied / "hardware_profiles" / "v100-32gb.yaml"
    before, first = profile.read_text(), errors()
    assert "Nothing is written" in said("calibrate", "--data", str(table))
    assert profile.read_text() == before
    said("calibrate", "--data", str(table), "--write")
    assert max(map(abs, errors())) < 0.5 * max(map(abs, first))
    assert "m7" in (copied / "hardware_profiles" / "fits" / "collective.json").read_text()
    said("calibrate", "--set", "collective", "--write")
    assert errors() == pytest.approx(first)
