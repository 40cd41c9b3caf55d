"""`wafersim sweep` as it is typed."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.checkout import ROOT
from wafersim.cli import commands
from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import Grid

SMALL = """
name: small
model: cerebras-gpt-111m
system: {profile: cs2, systems: 1}
training: {batch_per_system: 64, tokens: 20 per parameter}
sweep: {system.systems: [1, 2, 500], training.batch_per_system: [64, 96]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def typed(*words: object) -> tuple[str, str]:
    done = CliRunner().invoke(commands, ["sweep", *map(str, words)], catch_exceptions=False)
    return done.stdout, done.stderr


def test_its_screen_has_24_lines_of_80_columns_and_says_what_cannot_run(file: Path, tmp_path: Path) -> None:
    screen, said = typed(file, "--out", tmp_path / "out", "--workers", 1)
    lines = screen.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert lines[0].startswith("small: 6 points")
    assert "Cannot run  2 of 6:" in screen and f"{tmp_path}/out/" in screen
    assert said == "small: 6 points\n"  # all of which were tried to tell the time, so that there is none to tell
    again, said = typed(file, "--out", tmp_path / "out", "--workers", 1)
    assert "0 computed now, 6 were in the journal" in again
    assert said == "small: 6 points, 6 of them in the journal\n"


def test_the_shipped_sweep_has_two_thousand_points_and_fits_the_screen() -> None:
    assert Grid(load_experiment("sweep_model_x_cluster")).size >= 2000


def test_a_huge_grid_is_refused_at_once_with_its_size(file: Path, tmp_path: Path) -> None:
    many = ",".join(map(str, range(1, 1001)))
    sweeps = [f"--sweep={path}={many}" for path in ("system.systems", "training.batch", "training.sequence_length")]
    with pytest.raises(InputFaults, match=r"grid of 1000000000 points .*--yes"):
        typed(file, *sweeps, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_written_is_one_line(file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WafersimError, match=r"--out .*taken/out: cannot be written \(Not a directory\)"):
        typed(file, "--out", tmp_path / "taken" / "out")
    if os.getuid():
        (tmp_path / "closed").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        with pytest.raises(WafersimError, match="cannot be written"):
            typed(file, "--out", tmp_path / "closed")


def test_ctrl_c_writes_what_is_done_and_says_so(tmp_path: Path) -> None:
    file, out = tmp_path / "small.yaml", tmp_path / "out"
    batches = list(range(64, 64 + 500 * 4, 4))
    file.write_text(SMALL.replace("[64, 96]", str(batches)))
    command = [sys.executable, "-m", "wafersim", "sweep", str(file), "--workers", "2", "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    while "a point" not in process.stderr.readline():  # from here on workers are at it
        pass
    time.sleep(2.0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = process.stderr.read()
    assert process.wait() == 130
    assert "interrupted, " in said and "of 1,500 points done" in said and "Traceback" not in said
    rows = len((out / "results.csv").read_text().splitlines()) - 1
    assert 0 < rows < 1500 and f"{rows:,} of 1,500" in said


def test_figures_are_drawn_when_they_are_asked_for_and_one_that_is_none_is_said(file: Path, tmp_path: Path) -> None:
    words = (file, "--out", tmp_path / "out", "--workers", 1, "--figures")
    _, said = typed(*words)
    assert "--figures: nothing is drawn; the points that are done vary no model" in said
    _, said = typed(*words, "--sweep", "model=cerebras-gpt-111m,cerebras-gpt-256m")
    assert "nothing is drawn" not in said
    assert (tmp_path / "out" / "models_by_clusters.png").read_bytes().startswith(b"\x89PNG")
