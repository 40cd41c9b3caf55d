"""A large grid: the table of `run`, whatever the order, workers or interruptions; what is done is not done again."""

import csv
import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import wafersim
from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import Grid, expand
from wafersim.planning import executor
from wafersim.planning.executor import Task, compute
from wafersim.planning.journal import NAME, Journal, only_one
from wafersim.planning.model_version import version_of
from wafersim.planning.pool import Pool
from wafersim.planning.results import BOUNDS
from wafersim.planning.swept import findings, write_results

FIELDS: dict[str, Any] = {
    "name": "grid",
    "model": "cerebras-gpt-111m",
    "system": {"profile": "cs2", "systems": 1},
    "training": {"sequence_length": 2048, "batch": 256, "tokens": "20 per parameter"},
    "sweep": {
        "*": [
            {"system.profile": "cs2", "system.systems": 1},
            {"system.profile": "cs3", "system.systems": 4, "training.density": 0.5},
            {"system.profile": "dgx-a100-80gb", "system.gpus": 8, "strategy": "auto"},
            {"system.profile": "cs2", "system.systems": 512},
        ],
        "training.batch": [256, 512],
    },
}


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return load_experiment(FIELDS)


@pytest.fixture(scope="module")
def undisturbed(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return swept(experiment, tmp_path_factory.mktemp("undisturbed"))


def swept(experiment: Experiment, directory: Path, workers: int = 1, **options: Any) -> bytes:
    task, journal = Task(experiment, **options), Journal(directory)
    Pool(workers).execute(task, journal, 0.1, lambda _: None)
    write_results(task, journal)
    journal.close()
    return (directory / "results.csv").read_bytes()


def test_with_intervals_the_table_is_that_of_run(experiment: Experiment, tmp_path: Path) -> None:
    wafersim.run(experiment).to_csv(tmp_path / "run.csv")
    assert swept(experiment, tmp_path, intervals=True) == (tmp_path / "run.csv").read_bytes()


def test_without_intervals_only_their_bounds_are_missing(experiment: Experiment, undisturbed: bytes) -> None:
    of_run = [{name: "" if cell is None else str(cell) for name, cell in row.items()}
              for row in wafersim.run(experiment).rows()]  # fmt: skip
    found = list(csv.DictReader(undisturbed.decode().splitlines()))
    assert [{**row, **dict.fromkeys(BOUNDS, "")} for row in of_run] == found
    assert any(row[BOUNDS[0]] for row in of_run)


def test_two_workers_give_the_same_bytes(experiment: Experiment, undisturbed: bytes, tmp_path: Path) -> None:
    assert swept(experiment, tmp_path, workers=2) == undisturbed


def test_the_order_does_not_matter(experiment: Experiment, undisturbed: bytes, tmp_path: Path) -> None:
    compute(Task(experiment), [5, 0, 3], Journal(tmp_path))
    assert swept(experiment, tmp_path) == undisturbed


def test_a_point_that_is_done_is_not_computed_again(
    experiment: Experiment, undisturbed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = experiment.model_copy(update={"sweep": {**(experiment.sweep or {}), "training.batch": [512]}})
    swept(half, tmp_path)
    asked = []
    real = executor.run_point
    monkeypatch.setattr(executor, "run_point", lambda point, *a, **k: asked.append(point) or real(point, *a, **k))
    assert swept(experiment, tmp_path) == undisturbed
    assert [point.experiment.training.batch for point in asked] == [256] * 4  # those of 512 are the smaller grid's
    swept(experiment, tmp_path)
    assert len(asked) == 4
    swept(experiment, tmp_path, intervals=True)  # other rows
    assert len(asked) == 12


def test_another_model_makes_every_point_anew(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(Task(experiment), [0, 1], Journal(tmp_path))
    monkeypatch.setattr(executor, "model_version", lambda: "another")
    task, journal = Task(experiment), Journal(tmp_path)
    assert journal.missing(task.sweep, range(8)) == list(range(8))
    assert journal.of_other_versions("another") == 2


def test_files_that_change_meanwhile_end_the_sweep_with_a_line(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, journal = Task(experiment), Journal(tmp_path)
    compute(task, [0], journal)
    monkeypatch.setattr(executor, "stamps", lambda: ((0, 0),))
    with pytest.raises(WafersimError, match="files of the model changed"):
        compute(task, [1], journal)
    assert journal.done(task.sweep) == 1


def test_the_version_is_that_of_every_byte_and_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("clock: 1")
    first = version_of((tmp_path,))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("compiled")
    assert version_of((tmp_path,)) == first
    (tmp_path / "a.yaml").write_text("clock: 2")
    second = version_of((tmp_path,))
    (tmp_path / "a.yaml").rename(tmp_path / "b.yaml")
    assert len({first, second, version_of((tmp_path,))}) == 3


def test_a_failed_point_keeps_its_error_and_the_others_go_on(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = executor.run_point

    def broken(point: Any, *args: Any, **kwargs: Any) -> Any:
        if point.experiment.system.on_gpus:
            raise ZeroDivisionError("by nothing")
        return real(point, *args, **kwargs)

    monkeypatch.setattr(executor, "run_point", broken)
    rows = list(csv.DictReader(swept(experiment, tmp_path).decode().splitlines()))
    assert [row["error"] for row in rows] == ["", "", "", "", *["ZeroDivisionError: by nothing"] * 2, "", ""]
    assert all("512" in row["infeasible"] for row in rows[6:])  # a SwarmX of CS-2 has 192
    journal = Journal(tmp_path)
    found = findings(Task(experiment), journal)
    assert found.counts == {"ran": 4, "infeasible": 2, "failed": 2}
    assert found.errors == ((2, "ZeroDivisionError: by nothing"),)
    journal.forget_failed()
    assert journal.missing(Task(experiment).sweep, range(8)) == [4, 5]


def test_values_that_do_not_go_together_fail_alone(tmp_path: Path) -> None:
    fields = {**FIELDS, "sweep": {"system": [{"systems": 1}, {"systems": 2}], "training.batch": [256, 512]}}
    experiment = load_experiment(fields)
    broken = experiment.model_copy(update={"sweep": {"system.systems": [1, None], "training.batch": [256]}})
    rows = list(csv.DictReader(swept(broken, tmp_path).decode().splitlines()))
    assert [bool(row["error"]) for row in rows] == [False, True]


def test_a_place_has_the_point_of_the_expansion(experiment: Experiment) -> None:
    grid = Grid(experiment)
    assert [grid.point(place) for place in range(grid.size)] == expand(experiment)


def test_a_billion_points_cost_nothing_until_they_are_asked_for(experiment: Experiment) -> None:
    thousand = list(range(1, 1001))
    sweep = {"system.systems": thousand, "training.batch": thousand, "training.sequence_length": thousand}
    huge = Grid(experiment.model_copy(update={"sweep": sweep}))
    assert huge.size == 10**9
    last = huge.point(10**9 - 2)
    assert last.overrides == {"system.systems": 1000, "training.batch": 1000, "training.sequence_length": 999}


def test_one_sweep_at_a_time_in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wafersim.planning.journal.LAST_BREATH_S", 0.0)
    held = only_one(tmp_path)
    with pytest.raises(WafersimError, match="another sweep is at work"):
        only_one(tmp_path)
    assert held is not None
    os.close(held)
    only_one(tmp_path)


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as one" * 20, b"x"])
def test_a_file_that_is_no_database_is_said_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(WafersimError, match=r"is damaged .*another --out"):
        Journal(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / NAME) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(WafersimError, match="is no journal"):
        Journal(tmp_path)


def test_a_journal_with_a_damaged_page_is_said_in_a_line(experiment: Experiment, tmp_path: Path) -> None:
    task, journal = Task(experiment), Journal(tmp_path)
    compute(task, list(range(8)), journal)
    journal.close()
    content = bytearray((tmp_path / NAME).read_bytes())
    content[5000:8000] = b"\xff" * 3000
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(WafersimError, match="is damaged"):
        Journal(tmp_path).check()


def test_a_worker_that_is_killed_takes_nothing_along(
    experiment: Experiment, undisturbed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, real = tmp_path / "killed", executor.run_point

    def killed_once(point: Any, *args: Any, **kwargs: Any) -> Any:
        if point.experiment.system.on_gpus and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(point, *args, **kwargs)

    monkeypatch.setattr(executor, "run_point", killed_once)
    assert swept(experiment, tmp_path, workers=2) == undisturbed
    assert mark.exists() and not multiprocessing.active_children()


def test_a_point_that_always_kills_its_worker_ends_the_sweep_with_a_line(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = executor.run_point

    def deadly(point: Any, *args: Any, **kwargs: Any) -> Any:
        if point.experiment.system.on_gpus:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(point, *args, **kwargs)

    monkeypatch.setattr(executor, "run_point", deadly)
    with pytest.raises(WafersimError, match=r"killed 3 times .* points are kept"):
        swept(experiment, tmp_path, workers=2)
    assert Journal(tmp_path).done(Task(experiment).sweep) >= 4


def test_a_grid_of_a_billion_is_refused_by_the_loader() -> None:
    thousand = list(range(1, 1001))
    sweep = {"system.systems": thousand, "training.batch": thousand, "training.sequence_length": thousand}
    with pytest.raises(InputFaults, match=r"grid of 1000000000 points \(1000 x 1000 x 1000\)"):
        load_experiment({**FIELDS, "sweep": sweep})
