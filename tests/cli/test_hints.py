"""What is typed and means something else, is there twice, or takes long is answered in a line."""

import subprocess
import sys
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from wafersim.cli import commands, run_options
from wafersim.errors import InputFaults, WafersimError
from wafersim.report.figures.sheet import inches, wrapped
from wafersim.training_run import many


@dataclass(frozen=True)
class Asked:
    """Of runs only their number."""

    runs: int


@pytest.mark.parametrize(
    ("option", "field"), [("--chips", "system.systems (or system.gpus)"), ("--gpus", "system.gpus")]
)
def test_a_number_of_chips_is_a_field_of_the_experiment(option: str, field: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wafersim", "run", "hello_111m", option, "100"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"wafersim run: No such option '{option}'; --set {field} says how many")


@pytest.mark.parametrize(("values", "said"), [("1,2,1", "1"), ("2,4,4.0", "4.0"), ("a,b,a", "'a'")])
def test_a_value_that_is_swept_twice_is_refused(values: str, said: str) -> None:
    result = CliRunner().invoke(commands, ["run", "hello_111m", "--no-save", "--sweep", f"system.systems={values}"])
    assert isinstance(result.exception, InputFaults)
    assert str(result.exception).startswith(f"--sweep system.systems: {said} is there twice")


def test_one_experiment_shares_nothing_and_a_file_of_jobs_would() -> None:
    result = CliRunner().invoke(commands, ["share", "hello_111m"])
    assert isinstance(result.exception, WafersimError)
    assert "two experiments or more, or a file with `jobs`" in str(result.exception)


@pytest.mark.parametrize(("runs", "lines"), [(100_000, 1), (1_000, 0)])
def test_many_runs_say_how_long_they_take(
    runs: int, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run takes 3 ms by a clock of its own: 100,000 of them 5 min."""
    now, done = 0.0, list[int]()

    def simulated(asked: Asked) -> int:
        nonlocal now
        now += 0.003 * asked.runs
        done.append(asked.runs)
        return asked.runs

    monkeypatch.setattr(many, "on_all_cores", simulated)
    monkeypatch.setattr("time.perf_counter", lambda: now)
    assert run_options.simulating(None)(Asked(runs)) == runs == done[-1]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == lines and sum(done[:-1]) <= runs / 100
    if lines:
        assert said[0] == "100,000 whole runs: about 5.0 min (by 200 of them)"


def test_a_percent_sign_stays_with_its_number() -> None:
    text = "done within 12 d with 90 %, within 11 d with 50 %"
    for width in (inches(text[:end], 9.0) for end in range(14, len(text))):
        assert not any(line.startswith("%") for line in wrapped(text, width))
    assert " ".join(wrapped(text, inches(text[:24], 9.0))) == text
