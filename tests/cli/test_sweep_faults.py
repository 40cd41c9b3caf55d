"""A sweep that cannot write, or may not: one line, exit code 2, and nothing lost of what was there."""

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.checkout import ROOT
from wafersim.cli import commands
from wafersim.errors import WafersimError
from wafersim.inputs.loader import load_experiment
from wafersim.planning import executor, model_version
from wafersim.planning.cluster_sweep import Outbox
from wafersim.planning.executor import Task
from wafersim.planning.journal import NAME, Journal, only_one
from wafersim.planning.swept import write_results

FILE = f"""
name: many
model: cerebras-gpt-111m
system: {{profile: cs2, systems: 1}}
training: {{sequence_length: 2048, batch: 256, tokens: 20 per parameter}}
sweep: {{training.batch: {list(range(64, 64 + 16 * 60, 16))}}}
"""
FULL = 40_000  # bytes of a file, which is what the journal of a few dozen points needs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "many.yaml"
    path.write_text(FILE)
    return path


def typed(*words: object) -> tuple[str, str]:
    done = CliRunner().invoke(commands, ["sweep", *map(str, words)], catch_exceptions=False)
    return done.stdout, done.stderr


def run(file: Path, out: Path, *words: str, largest: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in which no file grows beyond so many bytes; nor does it write any bytecode (-B)."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    command = [sys.executable, "-B", "-m", "wafersim", "sweep", str(file), "--out", str(out), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limited)


def keys(directory: Path) -> set[bytes]:
    """Keys of the points that a journal has."""
    with closing(sqlite3.connect(directory / NAME)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM points")}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_ends_the_sweep_with_a_line_and_with_room_it_goes_on(
    file: Path, tmp_path: Path, workers: str
) -> None:
    executor.compute(Task(load_experiment(FEW)), [0], Outbox())  # compiles what is kept in files, while there is room
    full = run(file, tmp_path / "out", "--workers", workers, largest=FULL)
    assert full.returncode == 2 and "Traceback" not in full.stderr
    assert f"{NAME}: cannot be written (" in full.stderr.splitlines()[-1]
    assert full.stderr.splitlines()[-1].endswith("; finished points are kept")
    kept = keys(tmp_path / "out")
    assert 0 < len(kept) < 60
    with closing(sqlite3.connect(tmp_path / "out" / NAME)) as connection:
        connection.execute("UPDATE points SET cells=json_set(cells, '$.mfu', 0.125)")  # known again if it is kept
        connection.commit()
    roomy = run(file, tmp_path / "out", "--workers", workers)
    assert roomy.returncode == 0, roomy.stderr
    assert kept < keys(tmp_path / "out") and len(keys(tmp_path / "out")) == 60
    assert (tmp_path / "out" / "results.csv").read_text().count(",0.125,") == len(kept)


def test_a_table_that_finds_no_room_is_said_in_a_line_and_leaves_the_old_one(tmp_path: Path) -> None:
    task, journal = Task(load_experiment(FEW)), Journal(tmp_path)
    (tmp_path / "results.csv").write_text("of before")
    (tmp_path / "results.draft").symlink_to("/dev/full")
    executor.compute(task, [0], journal)
    with pytest.raises(
        WafersimError, match=r"results.csv: cannot be written \(No space left on device\); finished points"
    ):
        write_results(task, journal)
    assert (tmp_path / "results.csv").read_text() == "of before" and journal.done(task.sweep) == 1
    write_results(task, journal)
    assert (tmp_path / "results.csv").read_text().count("\n") == 2


FEW = {
    "name": "few",
    "model": "cerebras-gpt-111m",
    "system": {"profile": "cs2", "systems": 1},
    "training": {"sequence_length": 2048, "batch": 256, "tokens": "20 per parameter"},
}


def test_a_file_system_that_is_read_only_is_said_in_a_line(file: Path) -> None:
    with pytest.raises(WafersimError, match=r"^--out /sys/wafersim: cannot be written \([^\n]*\)$"):
        typed(file, "--out", "/sys/wafersim")


@pytest.mark.skipif(not os.getuid(), reason="root may write everywhere")
def test_a_journal_that_may_not_be_written_is_said_in_a_line(file: Path, tmp_path: Path) -> None:
    typed(file, "--out", tmp_path / "out", "--workers", 1)
    (tmp_path / "out" / NAME).chmod(stat.S_IRUSR)
    with pytest.raises(WafersimError, match=r"journal.sqlite: cannot be written"):
        typed(file, "--out", tmp_path / "out", "--workers", 1, "--sweep", "system.systems=1,2")
    assert len(keys(tmp_path / "out")) == 60


def test_a_second_sweep_in_a_directory_is_refused_and_touches_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wafersim.planning.journal.LAST_BREATH_S", 0.0)
    (tmp_path / "out").mkdir()
    held = only_one(tmp_path / "out")
    with pytest.raises(WafersimError, match="another sweep is at work there; wait for it, or give another"):
        typed(file, "--out", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    assert held is not None
    os.close(held)


def test_points_of_another_version_are_said_kept_and_not_used(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        for module in (executor, model_version):
            patched.setattr(module, "model_version", lambda: "another")
        typed(file, "--out", tmp_path, "--workers", 1)
    before = keys(tmp_path)
    screen, said = typed(file, "--out", tmp_path, "--workers", 1)
    assert "60 points of another version of the model stay there and are not used" in said
    assert "60 computed now" in screen
    assert before < keys(tmp_path) and len(keys(tmp_path)) == 120


def test_a_journal_in_the_format_of_another_release_is_said_and_left_alone(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / NAME)) as later:
        later.execute("CREATE TABLE points (key BLOB, more TEXT)")
        later.execute("PRAGMA application_id=0x77666A32")
    content = (tmp_path / NAME).read_bytes()
    with pytest.raises(WafersimError, match=r"is a journal in another release's format; move it away, or give another"):
        typed(file, "--out", tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
