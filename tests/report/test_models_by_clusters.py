"""Models by clusters: which points of a sweep stand in the table and the figure, and what is said of the others."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from tests.report.test_figure_layout import LONG, SIZES, faults, written
from wafersim.inputs.loader import load_experiment
from wafersim.planning.executor import Task
from wafersim.planning.journal import Entry, Finished, Journal
from wafersim.planning.model_version import model_version
from wafersim.planning.results import COLUMNS
from wafersim.report.figures.models_by_clusters import models_by_clusters_figure
from wafersim.report.models_by_clusters import Cell, Cluster, ModelsByClusters, models_by_clusters

FIELDS: dict[str, Any] = {
    "name": "grid",
    "model": "cerebras-gpt-111m",
    "system": {"profile": "cs2", "systems": 1},
    "training": {"sequence_length": 2048, "batch": 256, "tokens": "20 per parameter"},
}
MACHINES = [
    {"system.profile": "cs3", "system.systems": 2},
    {"system.profile": "cs3", "system.systems": 1},
    {"system.profile": "dgx-a100-80gb", "system.gpus": 8, "strategy": "auto"},
]
MODELS = ["cerebras-gpt-13b", "cerebras-gpt-111m"]


def journalled(directory: Path, sweep: dict[str, Any], ran: Any) -> tuple[Task, Journal]:
    """A journal in which `ran(model, systems, values)` says the step time of each point, or None where it cannot run."""
    task, journal = Task(load_experiment({**FIELDS, "sweep": sweep})), Journal(directory)
    for place in range(task.grid.size):
        point = task.grid.point(place).experiment
        took = ran(point.model_name, point.system.count, point.training.batch)
        cells = {"model": point.model_name, "n_systems": point.system.count, **{name: None for name, _ in COLUMNS}}
        cells |= {"step_time_s": took, "tokens_per_s": None if took is None else 1000 / took}
        entry = Entry("ran" if took else "infeasible", {**cells, "scaling_efficiency": None, "infeasible": None})
        journal.add_all(task.sweep, model_version(), [Finished.of(place, task.key_of(point), entry)])
    return task, journal


def test_models_stand_by_size_and_clusters_by_machine_and_size(tmp_path: Path) -> None:
    task, journal = journalled(tmp_path, {"model": MODELS, "*": MACHINES}, lambda model, count, batch: 8.0 / count)
    table = models_by_clusters(task, journal)
    assert table is not None
    assert list(table.models) == ["cerebras-gpt-111m", "cerebras-gpt-13b"]
    assert 12e9 < table.models["cerebras-gpt-13b"] < 14e9
    assert table.clusters == (Cluster("cs3", 1), Cluster("cs3", 2), Cluster("dgx-a100-80gb", 8))
    assert table.cells["cerebras-gpt-13b", Cluster("cs3", 2)] == Cell(4.0, 250.0)
    assert table.others == () and len(table.cells) == 6


def test_of_what_else_varies_the_values_are_held_at_which_most_points_run(tmp_path: Path) -> None:
    sweep = {"model": MODELS, "*": MACHINES, "training.batch": [256, 512, 1024]}
    task, journal = journalled(
        tmp_path, sweep, lambda model, count, batch: None if (count, batch) in [(8, 256), (8, 1024)] else 1.0
    )
    table = models_by_clusters(task, journal)
    assert table is not None and table.others == (("training.batch", "512"),) and table.choices == 3


def test_a_pair_that_cannot_run_has_none(tmp_path: Path) -> None:
    task, journal = journalled(tmp_path, {"model": MODELS, "system.systems": [1, 2]},
                               lambda model, count, batch: None if "13b" in model and count == 1 else 1.0)  # fmt: skip
    table = models_by_clusters(task, journal)
    assert table is not None and table.cells["cerebras-gpt-13b", Cluster("cs2", 1)] is None
    assert sum(cell is None for cell in table.cells.values()) == 1


@pytest.mark.parametrize("sweep", [
    {"training.batch": [256, 512]}, {"model": MODELS}, {"system.systems": [1, 2]},
    {"model": MODELS, "*": [MACHINES[0], MACHINES[2]]},
])  # fmt: skip
def test_without_several_models_on_several_sizes_there_is_no_table(tmp_path: Path, sweep: dict[str, Any]) -> None:
    task, journal = journalled(tmp_path, sweep, lambda model, count, batch: 1.0)
    assert models_by_clusters(task, journal) is None


def table_of(models: list[str], clusters: list[Cluster]) -> ModelsByClusters:
    cells: dict[tuple[str, Cluster], Cell | None] = {
        (model, cluster): None if (row + column) % 5 == 4 else Cell(10.0 ** (row - column % 5), 12345.6 * 1.2**column)
        for row, model in enumerate(models)
        for column, cluster in enumerate(clusters)
    }
    others = (("training.sequence_length", "4096"), ("training.batch", "2048"))
    return ModelsByClusters(dict.fromkeys(models, 1000000000.0), tuple(clusters), cells, others, 12)


@SIZES
@pytest.mark.parametrize("name", ["short", LONG])
def test_no_text_covers_another(drawn: list[Figure], tmp_path: Path, width: float, name: str) -> None:
    clusters = [Cluster(machine, chips) for machine in ("cs3", name, "other") for chips in (1, 16, 100_000)]
    models_by_clusters_figure(table_of(["a", name, f"{name}-b"], clusters), name, tmp_path / "x.png", width)
    assert faults(drawn[0]) == []


def test_its_title_says_which_cluster_is_the_fastest_and_what_is_left_out(drawn: list[Figure], tmp_path: Path) -> None:
    clusters = [Cluster("cs3", chips) for chips in range(1, 42)]
    models_by_clusters_figure(table_of(["a", "b"], clusters), "wide", tmp_path / "x.png")
    said = " ".join(text for text, _ in written(drawn[0]))
    assert "41 chips of cs3 have the most tokens/s for all 2 models" in said
    assert "all at sequence length 4096, batch 2048, one of 12 such choices" in said
    assert "32 of 41 clusters drawn" in said
