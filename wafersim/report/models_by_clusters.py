"""A sweep's points as a table of models by clusters: step time and tokens/s where everything else is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wafersim.inputs.sweep import EVERYTHING
from wafersim.planning.executor import Task
from wafersim.planning.journal import Journal
from wafersim.planning.sweep import BESIDE_A_MODEL
from wafersim.planning.swept import Row, rows
from wafersim.report.words import COUNTS, label
from wafersim.workload.model import load_model, parameters

Others = tuple[tuple[str, str], ...]  # (path, value as it is said) of what is neither model nor cluster


@dataclass(frozen=True, order=True)
class Cluster:
    """A column: so many chips of a machine, which is called by what was varied of it."""

    machine: str
    chips: int


@dataclass(frozen=True)
class Cell:
    """A point that ran."""

    step_time_s: float
    tokens_per_s: float


@dataclass(frozen=True)
class ModelsByClusters:
    """Models by rising size (name: parameters), clusters by machine and rising size, and what is known of their pairs.

    A pair has a cell, has None where it cannot run, and is missing where it was not computed. `others` is what all of them
    share of what else was varied, one of `choices` such combinations.
    """

    models: Mapping[str, float]
    clusters: tuple[Cluster, ...]
    cells: Mapping[tuple[str, Cluster], Cell | None]
    others: Others
    choices: int


def models_by_clusters(task: Task, journal: Journal) -> ModelsByClusters | None:
    """Of the points that are done; None where they do not vary both a model and the chips of a machine.

    Of what else is varied the combination is taken in which most pairs run; of equals the one with more tokens/s in all.
    """
    own = _of_machines(task)
    ran: Counter[Others] = Counter()
    rate: Counter[Others] = Counter()
    machines: dict[str, None] = {}
    for place, row in _computed(task, journal):
        cluster, others = _placed(task, place, row, own)
        machines.setdefault(cluster.machine)
        works = row["step_time_s"] is not None
        ran[others] += works
        rate[others] += row["tokens_per_s"] if works else 0
    if not ran:
        return None
    chosen = max(ran, key=lambda others: (ran[others], rate[others]))
    cells: dict[tuple[str, Cluster], Cell | None] = {}
    for place, row in _computed(task, journal):
        cluster, others = _placed(task, place, row, own)
        if others == chosen:
            works = row["step_time_s"] is not None
            cells[row["model"], cluster] = Cell(row["step_time_s"], row["tokens_per_s"]) if works else None
    order = {machine: index for index, machine in enumerate(machines)}
    clusters = sorted({cluster for _, cluster in cells}, key=lambda one: (order[one.machine], one.chips))
    sizes = {name: size for name, size in _sizes(task).items() if any(model == name for model, _ in cells)}
    if len(sizes) < 2 or len({cluster.machine for cluster in clusters}) == len(clusters):
        return None
    return ModelsByClusters(sizes, tuple(clusters), cells, chosen, len(ran))


def _computed(task: Task, journal: Journal) -> Iterator[tuple[int, Row]]:
    """Place and row of each point that did not fail."""
    for (place, _), (status, row) in zip(journal.entries(task.sweep), rows(task, journal), strict=True):
        if status != "failed":
            yield place, row


def _of_machines(task: Task) -> frozenset[str]:
    """Swept paths that say which machine it is: those below `system`, and whatever goes together with one."""
    swept = task.experiment.sweep or {}
    together = {name for item in swept.get(EVERYTHING, []) if isinstance(item, dict) for name in item}
    named = together if any(name.startswith("system") for name in together) else set[str]()
    return frozenset({path for path in swept if path.startswith("system")} | named) - {"model", *COUNTS}


def _placed(task: Task, place: int, row: Row, own: Iterable[str]) -> tuple[Cluster, Others]:
    varied = {path: value for path, value in _values(task, place).items() if path not in ("model", *COUNTS)}
    machine = " ".join(_said(path, varied[path]) for path in varied if path in own)
    others = tuple((path, label(value)) for path, value in varied.items() if path not in own)
    return Cluster(machine or task.experiment.system.profile_name, row["n_systems"]), others


def _values(task: Task, place: int) -> dict[str, object]:
    """What is varied of a point: without how its job is split, which is the machine's, and what goes with a model."""
    shown = task.grid.shown(place)
    several = shown.pop(EVERYTHING, {})
    if "model" in several:
        several = {
            path: value for path, value in several.items() if path.startswith("system") or path in BESIDE_A_MODEL
        }
    return {
        path: value for path, value in {**several, **shown}.items() if not path.startswith(("strategy", "published"))
    }


def _said(path: str, value: object) -> str:
    """A profile by its name, other fields with theirs."""
    return label(value) if path == "system.profile" else f"{path.rpartition('.')[2]} {label(value)}".replace("_", " ")


def _sizes(task: Task) -> dict[str, float]:
    """{model: its parameters}, of all that the grid names, by rising size."""
    swept = task.experiment.sweep or {}
    together = [item for item in swept.get(EVERYTHING, []) if isinstance(item, dict)]
    models = [*swept.get("model", []), *(item["model"] for item in together if "model" in item)]
    sizes = {
        model if isinstance(model, str) else model.name: float(parameters(load_model(model)))
        for model in models or [task.experiment.model]
    }
    return dict(sorted(sizes.items(), key=lambda one: one[1]))
