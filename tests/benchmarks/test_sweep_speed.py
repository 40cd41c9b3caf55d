"""Points a CPU second of `wafersim sweep`: what a worker does with a chunk, journal included.

Wanted are 1,000 wafer points/s and 300 GPU points/s of one core. `points_per_cpu_s` is what there is; it hangs on how much the
points of a grid share, and on micro-batches: one more is some thousands of tasks.
"""

from pathlib import Path
from time import process_time
from typing import Any

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.planning.executor import Task, compute
from wafersim.planning.journal import Journal

WHAT_IF: dict[str, Any] = {
    "name": "what-if",
    "model": "cerebras-gpt-1.3b",
    "system": {"profile": "andromeda", "systems": 1},
    "training": {"sequence_length": 2048, "batch_per_system": 90, "tokens": "20 per parameter"},
    "sweep": {
        "model": ["cerebras-gpt-590m", "cerebras-gpt-1.3b"],
        "system.systems": [1, 2, 4, 8, 16],
        "system.overrides.swarmx.link_bandwidth": ["0.6 Tb/s", "0.8 Tb/s", "1 Tb/s", "1.2 Tb/s", "1.6 Tb/s"],
        "training.batch_per_system": [60, 90, 120, 180],
    },
}
SHIPPED = "sweep_model_x_cluster"


def of_the_shipped(task: Task, kind: str) -> list[int]:
    """Sixty-four places in a row of the shipped grid, of mistral-7b on GPUs or on wafers."""
    kinds = [("gpus" if "system.gpus" in task.grid.shown(place)["*"] else "systems") for place in range(task.grid.size)]
    places = [place for place, found in enumerate(kinds) if found == kind]
    return places[len(places) // 4 :][:64]


@pytest.mark.parametrize("name", ["what-if", "wafers of the shipped grid", "GPUs of the shipped grid"])
def test_points(benchmark, name: str, tmp_path: Path) -> None:
    """A chunk of points, once what is compiled is there."""
    task = Task(load_experiment(WHAT_IF if name == "what-if" else SHIPPED))
    kind = "gpus" if name.startswith("GPU") else "systems"
    places = list(range(task.grid.size)) if name == "what-if" else of_the_shipped(task, kind)
    journal = Journal(tmp_path)
    compute(task, places[:1], journal)
    spent = []

    def run() -> None:
        began = process_time()
        assert compute(task, places[1:], journal) == len(places) - 1
        spent.append(process_time() - began)

    benchmark.pedantic(run, rounds=1)
    benchmark.extra_info["points_per_cpu_s"] = f"{(len(places) - 1) / spent[0]:.3g}"
