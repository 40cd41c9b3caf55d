"""A user's own table: told by its columns, predicted like the shipped ones, refused line by line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli import commands
from wafersim.errors import InputFaults, WafersimError
from wafersim.evidence.judge import validate, validate_own
from wafersim.evidence.own_table import read_own
from wafersim.evidence.rows import ValidatedRow, ValidationReport

DATA = Path(__file__).resolve().parents[2] / "wafersim" / "evidence" / "data"
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


def reported(tmp_path: Path, text: str) -> ValidationReport:
    """What `validate --data` makes of a table."""
    path = tmp_path / "mine.csv"
    path.write_text(text)
    return validate_own(path)


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
    report = reported(
        tmp_path,
        "id,system,n_systems,model,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch_per_system,metric,value,unit\n"
        "mine1,andromeda,4,our 3B,28,3072,24,12288,50257,2048,320,80,train_throughput,150,samples/s\n"
        "mine2,cs3,1,LLaMA2-7B,,,,,,,,64,train_throughput,31,samples/s\n",
    )
    assert [row.id for row in report.rows] == ["mine1", "mine2"]
    assert all(row.low is not None and row.low < row.predicted for row in report.rows)
    assert "sequence 4096" in report.rows[1].assumed and "release R2.1" in report.rows[1].assumed


def test_gpus_of_ones_own(tmp_path: Path) -> None:
    report = reported(
        tmp_path,
        "id,hardware,n_gpus,model,params_b,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch,tp,pp,dp,recompute,"
        "zero_stage,metric,value,unit\n"
        "run1,dgx-h100,64,ours,6.7,32,4096,32,16384,50257,2048,512,2,2,1,32,none,1,tokens_per_s_per_gpu,11000,token/s/GPU\n"
        "run2,H100-SXM5-80GB,8,ours,1.3,24,2048,16,8192,50257,2048,64,,1,1,8,none,1,iteration_time,0.5,s\n",
    )
    assert [row.id for row in report.rows] == ["run1", "run2"]
    assert report.rows[1].range_low is not None  # the micro-batch is open


def test_rows_without_an_id_are_called_by_their_lines(tmp_path: Path) -> None:
    header, first, second, *_ = (DATA / "gpu_kernels.csv").read_text(encoding="utf-8").splitlines()
    named = {row.id: row.predicted for row in validate(["gpu-kernel"]).rows}
    unnamed = "\n".join(line.split(",", 1)[1] for line in (header, first, second))
    found = {row.id: row.predicted for row in reported(tmp_path, unnamed + "\n").rows}
    assert found == {"line-2": named["b200_mm_001"], "line-3": named["b200_mm_002"]}


def test_a_wafers_rate_may_be_a_step_time_or_tokens(tmp_path: Path) -> None:
    job = "CS-2,4,GPT-J 6B,2048,240,60,train_throughput"
    report = reported(
        tmp_path,
        "id,system,n_systems,model,seq_len,global_batch,micro_batch_per_system,metric,value,unit\n"
        f"a,{job},80,samples/s\nb,{job},163840,tokens/s\nc,{job.replace('train_throughput', 'step_time')},3,s\n"
        f"d,{job},80,s\ne,{job.replace('train_throughput', 'step_time')},3000,ms\n",
    )
    samples, tokens, seconds = report.rows
    assert (samples.unit, tokens.unit, seconds.unit) == ("samples/s", "tokens/s", "s")
    assert (tokens.published, seconds.published) == (163840, 3)
    assert tokens.error == pytest.approx(samples.error) and 1 + seconds.error == pytest.approx(1 / (1 + samples.error))
    assert seconds.low * samples.high == pytest.approx(240) == seconds.predicted * samples.predicted
    assert report.skipped["d"] == "unit 's'; train_throughput is in samples/s or tokens/s"
    assert report.skipped["e"] == "unit 'ms'; step_time is in s"


def test_many_rows_are_summed_up_in_a_line(tmp_path: Path) -> None:
    lines = (DATA / "collective_measurements.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "mine.csv").write_text("\n".join(lines[:22]) + "\n")
    found = CliRunner().invoke(commands, ["validate", "--data", str(tmp_path / "mine.csv"), "--json"])
    sizes = sorted(abs(row["predicted"] / row["published"] - 1) for row in json.loads(found.output)["rows"])
    said = CliRunner().invoke(commands, ["validate", "--data", str(tmp_path / "mine.csv")]).output
    assert len(sizes) == 21 and f"median {100 * sizes[10]:.1f} %" in said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("id,value\n1,2\n", ":1: has no column"),
        ("", "is empty"),
        ("id,hardware,n_gpus,collective,bytes,seconds,busbw_GBps\n", "has no rows"),
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
    skipped = reported(
        tmp_path,
        "id,system,n_systems,model,micro_batch_per_system,metric,value,unit\n"
        "a,CS-2,1,GPT-J 6B,,train_throughput,20,samples/s\nb,TPU,1,GPT-J 6B,60,train_throughput,20,samples/s\n"
        "c,CS-2,1,something,60,train_throughput,20,samples/s\n",
    ).skipped
    assert skipped["a"] == "micro_batch_per_system is not stated, nor is global_batch"
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
        (f"a,{RUN.replace('dgx-h100', 'gpux')},iteration_time,0.4,,", "hardware 'gpux': no such machine is known"),
        (
            f"a,{RUN.replace('1,1,8', '2,1,8')},iteration_time,0.4,,",
            "tp 2 x pp 1 x dp 8 do not multiply out to 8 GPUs",
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
    report = reported(tmp_path, GPU + row + f"\nb,{RUN},iteration_time,0.4,,\n")
    assert [row.id for row in report.rows] == ["b"] and reason in report.skipped["a"]


def test_every_metric_of_one_run_says_the_same(tmp_path: Path) -> None:
    time, rate, mfu, flops = (
        row.predicted
        for row in reported(
            tmp_path,
            GPU
            + "".join(
                f"{m},{RUN},{m},40,,\n"
                for m in ("iteration_time", "tokens_per_s_per_gpu", "mfu", "model_tflops_per_gpu")
            ),
        ).rows
    )
    assert rate == pytest.approx(64 * 2048 / 8 / time)
    assert mfu == pytest.approx(100 * flops / 989.4, rel=1e-3)  # the H100's dense 16-bit peak


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,wse1,MeshGEMM,8,8,8", "arch 'wse1' is none of wse2, wse3"),
        ("a,wse3,MeshGEMV,8,8,1", "group_num is not stated"),
        ("a,wse3,FFT,8,8,1", "no kernel of this kind is modelled"),
        ("a,wse3,MeshGEMM,8,,8", "Kt not stated"),
    ],
)
def test_a_kernel_that_is_not_modelled_is_listed_with_the_reason(tmp_path: Path, row: str, reason: str) -> None:
    header = "id,arch,kernel,Mt,Kt,Nt,platform,grid_rows,grid_cols,metric,value\n"
    report = reported(
        tmp_path, f"{header}{row},hardware,144,144,cycles,9e4\nb,wse2,MeshGEMM,8,8,8,hardware,144,144,cycles,9e4\n"
    )
    assert reason in report.skipped["a"]
    assert [row.id for row in report.rows] == ["b"]  # WSE-3's loop, where WSE-2's has not been measured


@pytest.mark.parametrize("name", TABLES)
def test_the_shipped_tables_are_read_as_ones_own(name, tmp_path: Path) -> None:
    """Rows that measure something else, in numbers or not, are listed with the reason."""
    own = read_own(DATA / TABLES[name])
    assert own.kind.name == name and len(own.rows) > 30 and not own.skipped


@pytest.mark.parametrize("name", ["wafers", "gpus"])
def test_the_tables_of_the_how_to(name: str) -> None:
    report = validate_own(DATA.parents[2] / "docs" / "examples" / f"my_{name}.csv")
    assert len(report.rows) == 3 and not report.skipped


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,A100 NVLink,two,all-reduce,1e8,1,", "n_gpus must be a number > 0 (got 'two')"),
        ("a,A100 NVLink,8.5,all-reduce,1e8,1,", "n_gpus must be whole (got '8.5')"),
        ("a,A100 NVLink,2,all-reduce,-1,1,", "bytes must be a number > 0 (got '-1')"),
        ("a,A100 NVLink,1,all-reduce,1e8,1,", "n_gpus must be at least 2"),
        ("a,A100 NVLink,8,dance,1e8,1,", "collective 'dance' is none of all-reduce"),
        ("a,A100 NVLink,8,all-reduce,1e8,,", "neither seconds nor busbw_GBps"),
        ("a,A100 NVLink,16,all-reduce between nodes,1e8,1,", "only those inside a node"),
    ],
)
def test_a_collective_that_cannot_be_predicted_is_listed_with_the_reason(tmp_path: Path, row: str, reason: str) -> None:
    header = "id,hardware,n_gpus,collective,bytes,seconds,busbw_GBps\n"
    report = reported(tmp_path, f"{header}{row}\nb,dgx-h100,8,AllReduce,1e8,0.001,\n")
    assert reason in report.skipped["a"]
    assert [(row.id, row.use) for row in report.rows] == [("b", "test")]


WAFER = (
    "id,system,n_systems,model,params,layers,d_model,heads,d_ffn,vocab,seq_len,global_batch,micro_batch_per_system,"
    "metric,value,unit,notes\n"
)


def wafer_row(tmp_path: Path, **cells: str) -> ValidatedRow | str:
    """What comes of one row: predicted, or the reason why not."""
    row = {
        "id": "a", "system": "CS-2", "n_systems": "1", "model": "LLaMA3-8B", "seq_len": "2048", "micro_batch_per_system": "20",
        "metric": "train_throughput", "value": "10", "unit": "samples/s",
    } | cells  # fmt: skip
    report = reported(tmp_path, WAFER + ",".join(row.get(name, "") for name in WAFER.strip().split(",")) + "\n")
    return report.rows[0] if report.rows else report.skipped["a"]


def predicted(tmp_path: Path, **cells: str) -> ValidatedRow:
    found = wafer_row(tmp_path, **cells)
    assert isinstance(found, ValidatedRow), found
    return found


def test_names_of_machines_models_and_releases_as_people_write_them(tmp_path: Path) -> None:
    usual = predicted(tmp_path).predicted
    for cells in ({"system": "Cerebras CS2"}, {"model": "Meta-Llama-3.1-8B"}, {"notes": "faster than R1.8; SW R2.1"}):
        assert predicted(tmp_path, **cells).predicted == usual
    older = predicted(tmp_path, notes="ALCF log; SW R1.8.0")
    assert older.predicted < 0.9 * usual and not older.assumed
    assert predicted(tmp_path, notes="release 1.9.2").predicted < usual
    assert "no software release R1.6" in str(wafer_row(tmp_path, notes="SW R1.6.1"))
    assert "no software release R1.8" in str(wafer_row(tmp_path, system="CS-3", notes="SW R1.8"))


def test_what_a_wafer_row_leaves_out_is_assumed_aloud_or_refused(tmp_path: Path) -> None:
    whole = predicted(tmp_path, micro_batch_per_system="", global_batch="60", n_systems="2")
    assert "micro-batch 30, the whole batch of a system" in whole.assumed
    assert predicted(tmp_path, seq_len="").use == "shown"
    shape = {"layers": "32", "d_model": "4096", "heads": "32", "d_ffn": "14336", "vocab": "32000"}
    odd = predicted(tmp_path, model="our 7B", params="9e9", **shape)
    assert any("parameters, stated are 9e+09" in one for one in odd.assumed)
    assert (
        predicted(tmp_path, layers="16").predicted > 1.5 * predicted(tmp_path).predicted
    )  # half of it, under the same name
    assert "pipelined execution" in str(wafer_row(tmp_path, notes="PIPELINED execution"))
    assert "heads 33 do not divide d_model 4096" in str(wafer_row(tmp_path, model="odd", **{**shape, "heads": "33"}))
    assert "is neither a profile" in str(wafer_row(tmp_path, system="dgx-h100"))


def test_a_table_as_spreadsheets_write_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    header = "ID; System ;n_systems;model;micro_batch_per_system;metric;value;unit"
    lines = [header, "a;CS-2;1;GPT-J 6B;60;train_throughput;20;samples/s"]
    path.write_text("\ufeff" + "\n".join(lines) + "\n\n", encoding="utf-8")
    assert [row.id for row in validate_own(path).rows] == ["a"]


def test_the_command_refuses_a_table_of_which_nothing_is_predicted(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,system,n_systems,model,micro_batch_per_system,metric,value,unit\na,TPU,1,x,6,train_throughput,2,samples/s\n"
    )
    found = CliRunner().invoke(commands, ["validate", "--data", str(path)])
    assert isinstance(found.exception, WafersimError) and "TPU" in found.output


def test_a_gpu_run_that_fits_only_with_recompute_or_not_at_all_is_still_predicted(tmp_path: Path) -> None:
    head = GPU.replace("software", "software,mlp,kv_heads,vocab,zero_stage,seq_parallel,vp_stages")
    long = "dgx-h100,64,x,48,8192,64,32768,{sequence},64,,8,2,4,,iteration_time,10,,,gelu,64,50257,0,no,1"
    rows = reported(
        tmp_path, head + "a," + long.format(sequence=32768) + "\nb," + long.format(sequence=131072) + "\n"
    ).rows
    assert "recompute full: nothing else fits" in rows[0].assumed
    assert any(one.startswith("does not fit: ") for one in rows[1].assumed)


def test_the_command(tmp_path: Path) -> None:
    out = CliRunner().invoke(commands, ["validate", "--data", str(some("wafer", ("A04", "A17"), tmp_path))])
    assert out.exit_code == 0 and "A17" in out.output


@pytest.mark.parametrize(("character", "said"), [("\0", "\\x00"), ("\x1b", "\\x1b"), ("\x7f", "\\x7f")])
def test_a_character_that_a_terminal_obeys_is_refused_with_its_line(tmp_path: Path, character: str, said: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"id,system\nmine,cs2\nmi{character}ne,cs2\n")
    with pytest.raises(InputFaults) as refused:
        read_own(path)
    assert str(refused.value) == f"{path}:3: has the control character '{said}'"


WHOLE = (
    "id,hardware,n_gpus,model,params_b,layers,d_model,heads,kv_heads,d_ffn,mlp,vocab,seq_len,global_batch,micro_batch,tp,pp,dp,cp,"
    "vp_stages,seq_parallel,zero_stage,fsdp,precision,recompute,metric,value\n"
)
LLAMA = "H100-SXM5-80GB,16,ours,8.0,32,4096,32,8,14336,swiglu,128256,4096,64,1,2,2,4,1,1,1,1,,bf16,none,tokens_per_s_per_gpu,9000"


def without(*columns: str) -> str:
    """The whole row with some cells empty."""
    names = WHOLE.strip().split(",")[1:]
    cells = ["" if name in columns else cell for name, cell in zip(names, LLAMA.split(","), strict=True)]
    return ",".join(cells)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("zero_stage", "zero_stage 0 or 1"),
        ("seq_parallel", "sequence_parallel False or True"),
        ("vp_stages", "virtual_stages 1 or 2"),
        ("recompute", "recompute none or selective"),
        ("micro_batch", "micro_batch 1 or 2 or 4 or 8"),
        ("precision", "precision bf16"),
    ],
)
def test_what_a_gpu_row_leaves_out_is_said_and_never_narrows(tmp_path: Path, column: str, said: str) -> None:
    whole, less = reported(tmp_path, f"{WHOLE}a,{LLAMA}\nb,{without(column)}\n").rows
    assert not whole.assumed and whole.range_low is None
    assert said in less.assumed and less.low is not None and whole.low is not None
    if " or " in said:
        assert less.range_low is not None and less.high / less.low >= whole.high / whole.low


def test_a_model_that_columns_leave_open_is_told_by_its_parameters(tmp_path: Path) -> None:
    # 8.03 B parameters are those of three matrices of 14,336 and 8 key-value heads (1,024 wide, not 4,096); two give 6.2 B.
    rows = reported(
        tmp_path, f"{WHOLE}a,{LLAMA}\nb,{without('mlp', 'kv_heads')}\nc,{without('mlp', 'params_b')}\n"
    ).rows
    whole, told, open_ = rows
    assert told.predicted == whole.predicted and {"mlp swiglu", "kv_heads 8"} <= set(told.assumed)
    assert "mlp gelu or swiglu" in open_.assumed and open_.range_low is not None


def test_a_setting_left_open_is_predicted_as_the_fastest_and_a_model_as_the_middle(tmp_path: Path) -> None:
    of = [f"{LLAMA.replace(',64,1,', f',64,{size},')}" for size in (1, 2, 4, 8)]
    lines = "".join(f"m{at},{line}\n" for at, line in enumerate(of))
    *told, open_ = reported(tmp_path, f"{WHOLE}{lines}b,{without('micro_batch')}\n").rows
    rates = [row.predicted for row in told]
    assert open_.predicted == pytest.approx(max(rates)) and open_.range_low == pytest.approx(min(rates))
    assert min(rates) < 0.9 * max(rates)
    named = [LLAMA.replace(",8.0,", ",,"), LLAMA.replace(",8.0,", ",,").replace("swiglu", "gelu")]
    swiglu, gelu, either = reported(
        tmp_path, f"{WHOLE}a,{named[0]}\nb,{named[1]}\nc,{without('mlp', 'params_b')}\n"
    ).rows
    assert either.predicted == pytest.approx((swiglu.predicted * gelu.predicted) ** 0.5)


def test_nothing_is_read_from_a_name_or_from_remarks(tmp_path: Path) -> None:
    head = WHOLE.strip() + ",notes\n"
    named = f"{without('precision').replace('ours', 'Llama 3.1 70B')},fp8 float8 tokens dropped; local batch 8"
    rows = reported(tmp_path, f"{head}a,{without('precision')},\ntitan_8B_9,{named}\n").rows
    assert rows[0].predicted == rows[1].predicted and rows[1].group == "own"


def test_fully_sharded_is_zero_3(tmp_path: Path) -> None:
    rows = reported(
        tmp_path,
        f"{WHOLE}a,{LLAMA.replace('1,1,1,1,,bf16', '1,1,1,3,,bf16')}\nb,{LLAMA.replace('1,1,1,1,,bf16', '1,1,1,,true,bf16')}\n",
    ).rows
    assert rows[0].predicted == rows[1].predicted and rows[1].assumed == ()


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("GB900-SXM,16", "hardware 'GB900-SXM': no such machine is known"),
        ("H100 PCIe,16", "hardware 'H100 PCIe': no such machine is known"),
    ],
)
def test_an_unknown_machine_is_refused_by_name(tmp_path: Path, cells: str, reason: str) -> None:
    row = LLAMA.replace("H100-SXM5-80GB,16", cells)
    report = reported(tmp_path, f"{WHOLE}a,{row}\nb,{LLAMA}\n")
    assert [one.id for one in report.rows] == ["b"] and report.skipped["a"].startswith(reason)


def test_a_batch_is_never_guessed(tmp_path: Path) -> None:
    assert reported(tmp_path, f"{WHOLE}a,{without('global_batch')}\n").skipped == {"a": "global_batch is not stated"}


def test_a_column_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,ID,system\na,b,cs3\n")
    with pytest.raises(InputFaults, match=r"mine\.csv:1: id: is the name of two columns"):
        read_own(path)


def test_a_line_ends_where_a_spreadsheet_ends_it(tmp_path: Path) -> None:
    """With CR, LF or both; a separator of lines inside of a cell is a character of it."""
    path = tmp_path / "mine.csv"
    head = "id,system,n_systems,model,micro_batch_per_system,metric,value,unit"
    for end in ("\r", "\n", "\r\n"):
        text = end.join([head, "a\u2028b,cs3,1,LLaMA2-7B,64,train_throughput,31,samples/s", ""])
        path.write_text(text, encoding="utf-8", newline="")
        assert [row["id"] for row in read_own(path).rows] == ["a\u2028b"]
