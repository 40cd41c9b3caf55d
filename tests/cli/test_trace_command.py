"""`--trace` as a person types it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.test_commands import called

SHORT = ("run", "hello_111m", "--no-save", "--trace")


def test_the_largest_point_is_traced_and_the_screen_says_where(tmp_path: Path) -> None:
    path = tmp_path / "step.json"
    done = called(*SHORT, str(path), "--sweep", "system.systems=1,2")
    assert done.returncode == 0 and done.stderr == ""
    assert any(line.startswith("Trace") and line.endswith("step.json") for line in done.stdout.splitlines())
    found = json.loads(path.read_bytes())
    assert " on 2: " in found["otherData"]["title"]
    processes = {e["args"]["name"] for e in found["traceEvents"] if e["name"] == "process_name"}
    assert processes == {"in use", "MemoryX", "system 0 (and 1 alike)"}


def test_a_whole_run_is_a_lane_for_each_thing_that_it_does(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    done = called(*SHORT, str(path), "--duration", "--runs", "10")
    assert done.returncode == 0 and done.stderr == ""
    found = json.loads(path.read_bytes())["traceEvents"]
    lanes = {e["tid"]: e["args"]["name"] for e in found if e["name"] == "thread_name"}
    slices = sorted((e for e in found if e["ph"] == "X"), key=lambda e: float(e["ts"]))
    assert slices[0]["ts"] == 0.0 and {lanes[e["tid"]] for e in slices} >= {"first start", "steps"}
    for one, after in pairwise(slices):  # a job does one thing at a time, and always something
        assert one["ts"] + one["dur"] == pytest.approx(after["ts"], abs=0.01) and one["ts"] + one["dur"] <= after["ts"]
    steps = [e["args"]["steps"] for e in found if e["ph"] == "C"]
    assert steps[0] == 0 and steps[-1] == max(steps) > 0


@pytest.mark.parametrize("place", ["missing/step.json", "."])
def test_a_path_that_cannot_be_written_is_one_line_before_anything_runs(place: str, tmp_path: Path) -> None:
    done = called(*SHORT, str(tmp_path / place))
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be written" in done.stderr and done.stderr.count("\n") == 1


def test_a_file_of_jobs_has_no_one_step(tmp_path: Path) -> None:
    done = called("run", "cerebras_gpt_family", "--trace", str(tmp_path / "t.json"))
    assert done.returncode == 2 and "--trace" in done.stderr
