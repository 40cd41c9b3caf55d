"""Nothing is lost or half-written: kills at every file operation, writers at once, full disks, leftovers of the dead."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.report.killed_saves import save, standing
from wafersim.cli import commands
from wafersim.errors import WafersimError
from wafersim.report import run_directory
from wafersim.report.run_directory import DRAFT, save_directory, sweep

KILLED = Path(__file__).with_name("killed_saves.py")
ROOT = KILLED.parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def killed(work: Path, *how: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, KILLED, work, *how], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) > 15 and rows[-1]["event"] == ""  # the last one came to the end
    return rows


def test_a_kill_at_any_operation_leaves_the_old_run_or_the_new_one_complete(tmp_path: Path) -> None:
    rows = killed(tmp_path, "replaces", "exchanges")
    assert [row["at_once"] for row in rows if row["at_once"] not in (["old"], ["new"])] == []
    assert rows[0]["at_once"] == ["old"] and rows[-1]["at_once"] == ["new"]
    assert {(row["hidden"], *row["next"]) for row in rows} == {(0, "next")}  # type: ignore[misc]


def test_a_kill_of_a_first_save_leaves_nothing_or_all(tmp_path: Path) -> None:
    rows = killed(tmp_path, "first", "exchanges")
    assert [row["at_once"] for row in rows if row["at_once"] not in ([], ["new"])] == []
    assert {(row["hidden"], *row["next"]) for row in rows} == {(0, "next")}  # type: ignore[misc]


def test_without_an_exchange_the_next_save_brings_back_what_a_kill_left_moved_away(tmp_path: Path) -> None:
    rows = killed(tmp_path, "replaces", "renames")
    assert any(
        row["at_once"] == [] for row in rows
    )  # between the two renames: why the exchange is used where there is one
    assert [row["swept"] for row in rows if row["swept"] not in (["old"], ["new"])] == []
    assert {(row["hidden"], *row["next"]) for row in rows} == {(0, "next")}  # type: ignore[misc]


@pytest.mark.parametrize("way", ["exchanges", "renames"])
def test_three_writers_of_twenty_saves_each_into_one_name(way: str, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.report.killed_saves import run_directory, save\n"
        f"if {way == 'renames'}: run_directory._exchange = lambda *_: False\n"
        "for n in range(20): save(Path(sys.argv[1]), f'{sys.argv[2]}-{n}')"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, name], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        for name in "abc"
    ]  # fmt: skip
    seen, gone = False, 0
    while any(writer.poll() is None for writer in writers):
        here = any(tmp_path.glob("x-*"))
        gone += seen and not here
        seen |= here
    assert [writer.communicate()[1] for writer in writers] == ["", "", ""]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    (version,) = standing(tmp_path)
    assert version in {"a-19", "b-19", "c-19"}  # the last word of one of them, and all of it
    assert list(tmp_path.glob(".*")) == []
    if way == "exchanges":
        assert gone == 0


def test_a_save_leaves_the_draft_of_a_living_process_alone(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom wafersim.report.run_directory import save_directory\n"
        "def write(directory):\n    (directory / 'begun').touch(); print('begun', flush=True); sys.stdin.readline()\n"
        "save_directory(Path(sys.argv[1]), {'name': 'slow'}, write)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as slow:  # fmt: skip
        assert slow.stdout is not None and slow.stdin is not None
        assert slow.stdout.readline() == "begun\n"
        save(tmp_path, "new")
        assert len(list(tmp_path.glob(f"{DRAFT}*"))) == 1
        slow.stdin.write("\n")
    assert slow.returncode == 0
    assert sorted(path.name[:5] for path in tmp_path.iterdir()) == ["slow-", place_of(tmp_path)[:5]]


def place_of(root: Path) -> str:
    (place,) = root.glob("x-*")
    return place.name


def test_a_full_disk_leaves_the_earlier_run_and_nothing_else(tmp_path: Path) -> None:
    place = save(tmp_path, "old")

    def write(directory: Path) -> None:
        (directory / "first").symlink_to("/dev/full")
        (directory / "first").write_text("new")

    with pytest.raises(WafersimError, match=r"--out \S+: cannot be written \(No space left on device\)"):
        save_directory(tmp_path, {"name": "x"}, write)
    assert [path.name for path in tmp_path.iterdir()] == [place.name]
    assert standing(tmp_path) == ["old"]


@pytest.mark.parametrize("way", [True, False])
def test_a_fault_while_changing_places_leaves_the_earlier_run(
    way: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "old")
    rename = Path.rename

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    def away_then_interrupted(path: Path, target: Path) -> Path:
        if path.parent == tmp_path:
            rename(path, target)
            monkeypatch.setattr(Path, "rename", rename)
            raise KeyboardInterrupt
        return rename(path, target)

    if way:
        monkeypatch.setattr(run_directory, "_exchange", interrupted)
    else:
        monkeypatch.setattr(run_directory, "_exchange", lambda *_: False)
        monkeypatch.setattr(Path, "rename", away_then_interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, "new")
    assert standing(tmp_path) == ["old"]
    assert list(tmp_path.glob(".*")) == []


def test_where_directories_cannot_be_locked_saves_work_and_nothing_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(9, "Bad file descriptor")  # what NFS says of a directory

    (tmp_path / f"{DRAFT}other").mkdir()
    monkeypatch.setattr(run_directory.fcntl, "flock", refuse)
    save(tmp_path, "old")
    save(tmp_path, "new")
    assert standing(tmp_path) == ["new"]
    assert [path.name for path in tmp_path.glob(".*")] == [f"{DRAFT}other"]
    monkeypatch.undo()
    sweep(tmp_path)
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 150])
def test_a_name_that_no_file_system_takes_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(WafersimError, match="File name too long") as caught:
        save_directory(tmp_path, {"name": name}, lambda _: None)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_directory_is_not_replaced(kind: str, tmp_path: Path) -> None:
    place = save(tmp_path, "old")
    place.rename(tmp_path / "kept")
    place.touch() if kind == "file" else place.symlink_to(tmp_path / "kept")
    with pytest.raises(WafersimError, match="is no directory"):
        save(tmp_path, "new")
    assert (tmp_path / "kept" / "first").read_text() == "old"
    assert place.is_symlink() == (kind == "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    code = (
        "import os\nfrom pathlib import Path\nfrom wafersim.report.run_directory import save_directory\n"
        "os.setuid(65534)\nsave_directory(Path('/'), {'name': 'x'}, print)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.stderr.splitlines()[-1].endswith("--out /: cannot be written (Permission denied)")


def test_a_place_that_takes_no_directories_is_refused_before_anything_is_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wafersim.planning.sweep.run_points", lambda *_: pytest.fail("simulated"))
    (tmp_path / "file").touch()
    for out in ("/proc/x", str(tmp_path / "file"), str(tmp_path / "file" / "below")):
        done = CliRunner().invoke(commands, ["run", "hello_111m", "--out", out])
        assert str(done.exception).startswith(f"--out {out}: cannot be written")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
