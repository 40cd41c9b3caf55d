"""What a run keeps of a step of many tasks: its page is the same without a second simulation, or it is refused in a line."""

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wafersim.cli import commands
from wafersim.errors import WafersimError
from wafersim.report.html import shown_step
from wafersim.report.html.from_directory import page_of
from wafersim.report.html.page import page_html
from wafersim.report.html.shown_step import STEP
from wafersim.report.run_directory import REPORT, seal, sum_of

JITTER = ("run", "hello_111m", "--set", "disturbances.jitter=0.05", "--sweep", "system.systems=1,2", "--no-figures")


def run(root: Path, *asked: str) -> Path:
    found = CliRunner().invoke(commands, [*asked, "--out", str(root)])
    assert found.exit_code == 0, found.output
    return next(root.iterdir())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run with its report, which takes any step for one of many tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shown_step, "MANY", 1)
        return run(tmp_path_factory.mktemp("kept"), *JITTER, "--report")


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be simulated."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("simulated again")

    for module in ("wafersim.report.html.from_directory.run_point", "wafersim.strategies.run.settle"):
        monkeypatch.setattr(module, refuse)


@pytest.mark.usefixtures("idle")
def test_a_page_of_a_directory_is_that_of_its_run_and_nothing_is_simulated(written: Path) -> None:
    assert page_html(page_of(written)) == (written / REPORT).read_text(encoding="utf-8")


def test_without_what_was_kept_the_step_is_simulated_again_to_the_same_page(copied: Path) -> None:
    """As of a directory that an earlier version wrote, and of a step of fewer tasks."""
    (copied / STEP).unlink()
    seal(copied)
    assert page_html(page_of(copied)) == (copied / REPORT).read_text(encoding="utf-8")


def test_a_run_without_a_report_keeps_the_same(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_step, "MANY", 1)
    assert (run(tmp_path / "runs", *JITTER) / STEP).read_bytes() == (written / STEP).read_bytes()


def test_a_step_of_few_tasks_is_not_kept(tmp_path: Path) -> None:
    assert not (run(tmp_path / "runs", *JITTER) / STEP).exists()


def test_another_point_is_simulated(written: Path) -> None:
    assert "on 1 system" in page_of(written, "1").sections[0].lead


def test_pages_of_another_version_are_not_mixed_with_this_one(copied: Path, request: pytest.FixtureRequest) -> None:
    change(copied, lambda kept: kept.update(report="0" * 16))
    assert page_html(page_of(copied)) == (copied / REPORT).read_text(encoding="utf-8")
    request.getfixturevalue("idle")
    with pytest.raises(AssertionError, match="simulated again"):
        page_of(copied)


def change(directory: Path, how: Callable[[dict[str, Any]], object]) -> None:
    """Someone writes the file again, and the sums of all files."""
    kept = json.loads((directory / STEP).read_text(encoding="utf-8"))
    how(kept)
    (directory / STEP).write_text(json.dumps(kept), encoding="utf-8")
    seal(directory)


@pytest.mark.parametrize(
    "how",
    [
        lambda kept: kept.pop("circuit"),
        lambda kept: kept["timeline"].pop("data"),
        lambda kept: kept.update(timeline=[1]),
        lambda kept: kept.update(circuit=5),
        lambda kept: kept.update(circuit=[1, None]),
        lambda kept: kept["timeline"].update(title=None),
        lambda kept: kept["timeline"]["data"].update(counters=float("nan")),
        lambda kept: kept["dials"].update(readings=[["one"]]),
        lambda kept: kept.update(dials={"grid": 1}),
        lambda kept: kept["timeline"].update(legend=[["forward", "red;background:url(http://a.org)"]]),
    ],
)
def test_what_was_not_written_so_is_refused_in_a_line(copied: Path, how: Callable[[dict[str, Any]], object]) -> None:
    change(copied, how)
    with pytest.raises(WafersimError, match=f"{STEP}: is not whole"):
        page_of(copied)


def test_a_changed_a_lost_and_an_added_file_are_refused_in_a_line(copied: Path) -> None:
    path, kept = copied / STEP, (copied / STEP).read_bytes()
    path.write_bytes(kept.replace(b'"place":1', b'"place":0'))
    with pytest.raises(WafersimError, match="is not as it was written"):
        page_of(copied)
    path.unlink()
    with pytest.raises(WafersimError, match="is not there any more"):
        page_of(copied)
    seal(copied)
    path.write_bytes(kept)
    with pytest.raises(WafersimError, match="was put there later"):
        page_of(copied)


def test_a_file_is_summed_up_piece_by_piece(tmp_path: Path) -> None:
    """512 MB of zeros, which take no room on the disk: what `sha256sum` says of them, in a few MB of memory."""
    with (path := tmp_path / STEP).open("wb") as file:
        file.truncate(2**29)
    tracemalloc.start()
    found = sum_of(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == "9acca8e8c22201155389f65abbf6bc9723edc7384ead80503839f49dcc56d767" and most < 2**24
