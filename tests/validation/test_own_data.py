"""A user's own table: told by its columns, predicted like the shipped ones, refused line by line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli import commands
from wafersim.errors import InputFaults
from wafersim.validation.everything import read_own, validate, validate_own

DATA = Path(__file__).resolve().parents[2] / "wafersim" / "validation" / "data"
TABLES = {
    "wafer": "wafer_measurements.csv",
    "gpu": "gpu_measurements.csv",
    "kernel": "kernel_cycles.csv",
    "collective": "collective_measurements.csv",
}


def some(name: str, ids: tuple[str, ...], tmp_path: Path) -> Path:
    lines = (DATA / TABLES[name]).read_text(encoding="utf-8").splitlines()
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([lines[0], *(line for line in lines if line.split(",")[0] in ids)]) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("wafer", ("A01", "A04", "A10", "A15", "A17")),
        ("gpu", ("vtrain_multi_0002", "kor22_t5_175B_full", "titan_8B_8_compilebf16")),
        ("kernel", ("r0001",)),
        ("collective", ("ar_a100_4_4", "ar_a100_8_48")),
    ],
)
def test_shipped_rows_come_out_the_same_as_ones_own(name, ids: tuple[str, ...], tmp_path: Path) -> None:
    own = {row.id: row for row in validate_own(some(name, ids, tmp_path)).rows}
    assert set(own) == set(ids)
    for row in (row for one in ids for row in validate([name], one).rows):
        assert (own[row.id].predicted, own[row.id].low) == (row.predicted, row.low)


def test_a_model_of_ones_own_and_a_machine_by_profile(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,system,n_systems,model,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch_per_system,metric,value,unit\n"
        "mine1,andromeda,4,our 3B,28,3072,24,12288,50257,2048,320,80,train_throughput,150,samples/s\n"
        "mine2,cs3,1,LLaMA2-7B,,,,,,,,64,train_throughput,31,samples/s\n"
    )
    report = validate_own(path)
    assert [row.id for row in report.rows] == ["mine1", "mine2"]
    assert all(row.low is not None and row.low < row.predicted for row in report.rows)
    assert "sequence 4096" in report.rows[1].assumed and "release R2" in report.rows[1].assumed


def test_gpus_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,hardware,n_gpus,model,params_b,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch,tp,pp,dp,recompute,"
        "zero_stage,metric,value,unit\n"
        "run1,dgx-h100,64,ours,6.7,32,4096,32,16384,50257,2048,512,2,2,1,32,none,1,tokens_per_s_per_gpu,11000,token/s/GPU\n"
        "run2,H100-SXM5-80GB,8,ours,1.3,24,2048,16,8192,50257,2048,64,,1,1,8,none,1,iteration_time,0.5,s\n"
    )
    report = validate_own(path)
    assert [row.id for row in report.rows] == ["run1", "run2"]
    assert report.rows[1].range_low is not None  # the micro-batch is open


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("id,value\n1,2\n", ":1: has no column"),
        ("", ":1: has no column"),
        ("id,hardware,n_gpus,collective,bytes,seconds,busbw_GBps\n", "has no rows"),
        ("id,hardware,n_gpus,collective,bytes,seconds,busbw_GBps\na,A100 NVLink,two,all-reduce,1,1,1\n",
         ":2: n_gpus: must be a number > 0 (got 'two')"),
        ("id,hardware,n_gpus,collective,bytes,seconds,busbw_GBps\na,A100 NVLink,2,all-reduce,-1,1,1\n",
         ":2: bytes: must be a number > 0 (got '-1')"),
        ("id,hardware,n_gpus,collective,bytes,seconds,busbw_GBps\n" + 2 * "a,A100 NVLink,2,all-reduce,1,1,1\n",
         ":3: id: 'a' stands there twice"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_a_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(InputFaults) as found:
        read_own(path)
    assert problem in str(found.value)


def test_a_row_that_states_too_little_is_listed_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,system,n_systems,model,micro_batch_per_system,metric,value,unit\n"
        "a,CS-2,1,GPT-J 6B,,train_throughput,20,samples/s\nb,TPU,1,GPT-J 6B,60,train_throughput,20,samples/s\n"
        "c,CS-2,1,something,60,train_throughput,20,samples/s\n"
    )
    skipped = validate_own(path).skipped
    assert skipped["a"] == "micro_batch_per_system is not stated"
    assert skipped["b"].startswith("system 'TPU' is neither a profile nor one of CS-1")
    assert skipped["c"] == "something is not in the catalogue and layers is not stated"


GPU = (
    "id,hardware,n_gpus,model,layers,d_model,heads,d_ffn,seq_len,global_batch,micro_batch,tp,pp,dp,recompute,"
    "metric,value,unit,software\n"
)
RUN = "dgx-h100,8,x,24,2048,16,8192,2048,64,1,1,1,8,none"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"a,{RUN},speed,4,,", "metric 'speed' is none of iteration_time"),
        (f"a,{RUN},iteration_time,400,ms,", "unit 'ms'; iteration_time is in s"),
        (f"a,{RUN},iteration_time,0.4,,vllm", "unknown software 'vllm'"),
        (f"a,{RUN.replace('dgx-h100', 'gpux')},iteration_time,0.4,,", "unknown hardware profile 'gpux'"),
        (
            f"a,{RUN.replace('1,1,8', '2,1,8')},iteration_time,0.4,,",
            "tp 2 x pp 1 x dp 8 does not multiply out to 8 GPUs",
        ),
        (f"a,{RUN.replace('none', 'yes')},iteration_time,0.4,,", "recompute: Input should be"),
        (
            f"a,{RUN.replace('64,1,', '64,3,')},iteration_time,0.4,,",
            "batch 64 does not divide by data 8 x micro_batch 3",
        ),
        (f"a,{RUN.replace(',24,', ',,')},iteration_time,0.4,,", "layers is not stated"),
    ],
)
def test_a_gpu_row_that_cannot_run_is_listed_with_the_reason(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(GPU + row + f"\nb,{RUN},iteration_time,0.4,,\n")
    report = validate_own(path)
    assert [row.id for row in report.rows] == ["b"] and reason in report.skipped["a"]


def test_every_metric_of_one_run_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        GPU
        + "".join(
            f"{m},{RUN},{m},1,,\n" for m in ("iteration_time", "tokens_per_s_per_gpu", "mfu", "model_tflops_per_gpu")
        )
    )
    time, rate, mfu, flops = (row.predicted for row in validate_own(path).rows)
    assert rate == pytest.approx(64 * 2048 / 8 / time)
    assert mfu == pytest.approx(100 * flops / 989.4, rel=1e-3)  # the H100's dense 16-bit peak


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,wse1,MeshGEMM,8,8,8", "arch 'wse1' is none of wse2, wse3"),
        ("a,wse3,MeshGEMV,8,8,1", "group_num is not stated"),
        ("a,wse3,FFT,8,8,1", "no kernel of this kind is modelled"),
    ],
)
def test_a_kernel_that_is_not_modelled_is_listed_with_the_reason(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "mine.csv"
    header = "id,arch,kernel,Mt,Kt,Nt,platform,grid_rows,grid_cols,metric,value\n"
    path.write_text(header + row + ",hardware,144,144,cycles,9e4\nb,wse2,MeshGEMM,8,8,8,hardware,144,144,cycles,9e4\n")
    report = validate_own(path)
    assert reason in report.skipped["a"]
    assert [row.id for row in report.rows] == ["b"]  # WSE-3's loop, where WSE-2's has not been measured


@pytest.mark.parametrize("name", TABLES)
def test_the_shipped_tables_are_read_as_ones_own(name, tmp_path: Path) -> None:
    """Rows that measure something else, in numbers or not, are listed with the reason."""
    which, table = read_own(DATA / TABLES[name])
    assert which == name and len(table) > 30


@pytest.mark.parametrize("name", ["wafers", "gpus"])
def test_the_tables_of_the_how_to(name: str) -> None:
    report = validate_own(DATA.parents[2] / "docs" / "examples" / f"my_{name}.csv")
    assert len(report.rows) == 3 and not report.skipped


def test_the_command(tmp_path: Path) -> None:
    out = CliRunner().invoke(commands, ["validate", "--data", str(some("wafer", ("A04", "A17"), tmp_path))])
    assert out.exit_code == 0 and "A17" in out.output
