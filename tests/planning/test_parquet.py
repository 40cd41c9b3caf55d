"""`results.parquet` says what `results.csv` says, in columns of the same names and of types that do not depend on a sweep."""

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.planning.executor import Task
from wafersim.planning.journal import Journal
from wafersim.planning.parquet import write_parquet
from wafersim.planning.pool import Pool
from wafersim.planning.swept import write_results

FIELDS: dict[str, Any] = {
    "name": "grid",
    "model": "cerebras-gpt-111m",
    "system": {"profile": "cs2", "systems": 1},
    "training": {"sequence_length": 2048, "batch": 256, "tokens": "20 per parameter"},
    "sweep": {
        "*": [
            {"system.profile": "cs2", "system.systems": 1},
            {"system.profile": "dgx-a100-80gb", "system.gpus": 8, "strategy": "auto"},
            {"system.profile": "cs2", "system.systems": 512},
        ],
        "training.batch": [256, 512],
    },
}


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return load_experiment(FIELDS)


def swept(experiment: Experiment, directory: Path, intervals: bool = False) -> list[str]:
    directory.mkdir(exist_ok=True)
    task, journal = Task(experiment, intervals), Journal(directory)
    Pool(1).execute(task, journal, 0.1, lambda _: None)
    return write_results(task, journal)


def parquet(directory: Path) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """({column: type}, rows)."""
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as database:
        table = database.execute("SELECT * FROM read_parquet(?)", [str(directory / "results.parquet")])
        types = {name: str(kind) for name, kind, *_ in table.description}
        return types, table.fetchall()


def cell(text: str, value: object) -> object:
    """What is written in a table, as a value of the type that stands in a column."""
    return None if text == "" else type(value)(text)


@pytest.mark.parametrize("intervals", [False, True])
@pytest.mark.parametrize("name", ["plain", "it's [1]*?"])
def test_names_and_every_cell_are_those_of_the_table(
    experiment: Experiment, tmp_path: Path, intervals: bool, name: str
) -> None:
    pytest.importorskip("duckdb")
    assert swept(experiment, tmp_path / name, intervals) == ["results.csv", "results.parquet"]
    header, *rows = csv.reader((tmp_path / name / "results.csv").open(newline=""))
    types, found = parquet(tmp_path / name)
    assert list(types) == header
    assert [list(row) for row in found] == [
        [cell(text, value) for text, value in zip(row, its, strict=True)] for row, its in zip(rows, found, strict=True)
    ]
    assert len(rows) == 6 and {"step_time_s", "energy_j", "cost_usd", "memory_bytes", "power_w"} <= set(header)


def test_types_do_not_depend_on_what_a_sweep_left_empty(experiment: Experiment, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    nothing_runs = experiment.model_copy(update={"sweep": {"system.systems": [500, 512], "training.batch": [256]}})
    swept(experiment, tmp_path / "some", intervals=True)
    swept(nothing_runs, tmp_path / "none")
    types, none = parquet(tmp_path / "some")[0], parquet(tmp_path / "none")[0]
    text = {name for name, kind in types.items() if kind == "VARCHAR"}
    assert {"split", "flops_convention", "binding_resource", "memory_verdict", "infeasible"} <= text
    assert types["n_systems"] == none["n_systems"] == "BIGINT" and types["step_time_low_s"] == "DOUBLE"
    assert all((none[name] == "VARCHAR") == (name in text) for name in types.keys() & none.keys())


def test_text_that_looks_like_a_number_or_spans_lines_stays_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    said = [["007", 'ValueError: "x",\nand more'], ["8", ""]]
    with (tmp_path / "results.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["model", "error"], *said])
    write_parquet(tmp_path / "results.csv")
    assert parquet(tmp_path)[1] == [("007", 'ValueError: "x",\nand more'), ("8", None)]


def test_without_duckdb_none_is_written_and_an_old_one_goes(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results.parquet").write_bytes(b"of other rows")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert swept(experiment, tmp_path) == ["results.csv"]
    assert not (tmp_path / "results.parquet").exists()


def test_one_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    (tmp_path / "results.csv").write_text("model,mfu\na,0.5\n")
    (tmp_path / "results.parquet.draft").symlink_to("/dev/full")
    with pytest.raises(
        WafersimError, match=r"results.parquet: cannot be written \(.*No space left.*\); finished points"
    ):
        write_parquet(tmp_path / "results.csv")
