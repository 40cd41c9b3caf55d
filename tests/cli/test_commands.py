"""The commands as a person types them."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.__main__ import main
from wafersim.cli import commands
from wafersim.inputs.profile_file import number_at
from wafersim.report import run as run_report

Done = subprocess.CompletedProcess[str]


def wafersim(*arguments: str) -> Done:
    """In a process of its own, where a warning at import or exit would show."""
    return subprocess.run([sys.executable, "-m", "wafersim", *arguments], capture_output=True, text=True, check=False)


def called(*arguments: str) -> Done:
    """The same in this process, which has loaded everything already; a traceback is this test's."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["wafersim", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    return Done(arguments, int(str(ended.value.code)), out.getvalue(), err.getvalue())


def test_json_is_the_only_thing_on_stdout(tmp_path: Path) -> None:
    done = wafersim("run", "hello_111m", "--json", "--out", str(tmp_path), "--no-figures")
    assert done.returncode == 0
    assert done.stderr == ""
    (point,) = json.loads(done.stdout)["points"]
    assert {"model", "n_systems", "step_time_s", "samples_per_s", "tokens_per_s", "mfu", "binding_resource"} <= set(
        point
    )
    assert (point["model"], point["n_systems"]) == ("cerebras-gpt-111m", 1)


def test_a_run_directory_is_complete(tmp_path: Path) -> None:
    done = wafersim("run", "hello_111m", "--out", str(tmp_path))
    (directory,) = tmp_path.iterdir()
    assert str(directory) in done.stdout.replace("\n", "")
    name = "timeline-cerebras-gpt-111m-1"
    assert {p.name for p in directory.iterdir()} == {
        "experiment.yaml", "prediction.json", "version.json", "would_help.json", "reasons.txt",
        "results.csv", f"{name}.npz", f"{name}.png", "breakdown.png",
    }  # fmt: skip
    assert "\x1b" not in done.stdout  # plain text when piped
    # The resolved experiment is an experiment, and the same one.
    again = wafersim("run", str(directory / "experiment.yaml"), "--json", "--no-save")
    assert json.loads(again.stdout) == json.loads((directory / "prediction.json").read_text())


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_report, "_write", fail)
    CliRunner().invoke(commands, ["run", "hello_111m", "--out", str(tmp_path / "runs")])
    assert list((tmp_path / "runs").iterdir()) == []


def test_an_infeasible_point_stays_in_the_table(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "name: x\nmodel: cerebras-gpt-111m\nsystem: {profile: cs2, systems: 1}\n"
        "training: {batch: 4}\nsweep: {system.systems: [1, 8]}\n"
    )
    done = called("run", str(path), "--no-save")
    assert done.returncode == 0
    assert "Cannot run  cerebras-gpt-111m on 8: batch 4 leaves 4 of 8 systems without a" in done.stdout
    points = json.loads(called("run", str(path), "--no-save", "--json").stdout)["points"]
    assert [("infeasible" in point) for point in points] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "andromeda17"), 'did you mean "andromeda16"'),
        (("run", "hello_111m", "--set", "system.systems=0"), "--set system.systems: must be >= 1 or published (got 0)"),
        (("run", "hello_111m", "--no-figures", "--out", "/dev/null"), "--out /dev/null: cannot be written"),
        (
            ("run", "hello_111m", "--set", "disturbances.slow_systems={8: 2x}"),
            "disturbances name system 8; the job has",
        ),
        (("show", "cs9"), "nothing is called 'cs9'"),
        (("show", "x" * 5000), f"nothing is called '{'x' * 56}...; "),
        (("rum",), 'did you mean "run"'),
        (("validate", "--row", "A99"), "--row A99: no such row"),
        (("list", "cars"), "cars"),
    ],
)
def test_a_fault_of_the_user_is_one_line_and_exit_code_2(arguments: tuple[str, ...], says: str) -> None:
    done = called(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "wse2"), "second opinion: 0.85 GHz"),
        (("show", "cerebras-gpt-13b"), "12,853,"),
        (("show", "cs2"), "500 kW"),
        (("list", "models"), "mixtral-8x7b"),
        (("list", "hardware"), "condor-galaxy-1"),
        (("list", "experiments"), "andromeda16_fixed_batch"),
        (("schema", "profile"), "hardware profile"),
        (("--help",), "validate"),
        (("validate", "--row", "A04"), "A04"),
        (("validate", "--row", "B04"), "never built"),
    ],
)
def test_what_the_commands_print(arguments: tuple[str, ...], says: str) -> None:
    done = called(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout


def test_a_step_loads_no_whole_run() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from wafersim.cli import commands; "
        "found = CliRunner().invoke(commands, ['run', 'hello_111m', '--no-save']); "
        "print(found.exit_code, [m for m in sys.modules if m.startswith('wafersim.training_run')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 []"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv=['wafersim','--help']\nfrom wafersim.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('numba','matplotlib','pydantic','simpy','rich','numpy','scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_a_kernel_as_one_object() -> None:
    size = ("--m", "65536", "--k", "4096", "--n", "4096", "--profile", "wse2")
    done = wafersim("kernel", "--dataflow", "weight-streaming", *size, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    cost = json.loads(done.stdout)
    assert {"cycles", "time_s", "efficiency", "bound"} <= set(cost)
    # Tokens over the 994 columns, 66 a PE, and 6 features: an issue and 17 groups of four for each of 4096 x 6 weights, and
    # the fill. 88 tokens and 5 features, with 22 groups, take half a per cent longer.
    issue, group = (number_at(f"cs2: values.{name}").value for name in ("weight_issue", "group_cost"))
    assert cost["cycles"] == pytest.approx(4096 * 6 * (issue + 17 * group), rel=0.002)
    assert cost["efficiency"] == pytest.approx(65536 * 4096 * 4096 / (cost["cycles"] * 750 * 994 * 4), rel=1e-6)


def test_dataflows_side_by_side_and_figures(tmp_path: Path) -> None:
    heat, sweep = tmp_path / "heat.png", tmp_path / "sweep.png"
    size = ("--m", "20000", "--k", "2048", "--n", "64", "--profile", "cs3")
    done = called("kernel", *size, "--compare", "--heatmap", str(heat), "--sweep", str(sweep))
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in ("weight-streaming", "interleaved", "summa", "cannon"))
    assert heat.stat().st_size > 10_000 and sweep.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--m", "0"), "0 is not in the range"),
        (("--profile", "andromeda"), "--profile andromeda: is a cluster"),
        (("--dataflow", "summa", "--density", "0.5"), "only weight-streaming is sparse"),
        (("--dataflow", "summa", "--heatmap", "/tmp/x.png"), "drawn for weight-streaming"),
    ],
)
def test_a_wrong_kernel_is_one_line(arguments: tuple[str, ...], says: str) -> None:
    done = called("kernel", "--m", "8", "--k", "8", "--n", "8", *arguments)
    assert done.returncode == 2
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
