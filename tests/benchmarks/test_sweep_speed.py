"""Points a CPU second of `wafersim sweep`: what a worker does with a chunk, journal included.

Wanted are 1,000 wafer points/s and 300 GPU points/s of one core. `points_per_cpu_s` is what there is; it hangs on how much the
points of a grid share, and on micro-batches: one more is some thousands of tasks. `times_alone` is it over the rate of points
that are not solved together, in the same run.
"""

from pathlib import Path
from time import process_time
from typing import Any

import pytest

from wafersim.gpu import memory, stages
from wafersim.inputs.loader import load_experiment
from wafersim.planning import executor
from wafersim.planning.executor import Task, compute
from wafersim.planning.journal import Journal
from wafersim.strategies import run
from wafersim.strategies.gpu_parallel import planner
from wafersim.strategies.weight_streaming.planner import build_plan

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
GPUS: dict[str, Any] = {
    "name": "what-if-of-gpus",
    "model": "llama3-8b",
    "system": {"profile": "dgx-h100", "gpus": 64},
    "strategy": "auto",
    "training": {"sequence_length": 2048, "batch": 512, "tokens": "20 per parameter"},
    "sweep": {
        "model": ["llama3.2-1b", "llama2-7b"],
        "system.overrides.gpu.gemm_efficiency": [0.5, 0.6, 0.7, 0.8],
        "system.overrides.gpu.memory_bandwidth": ["2.5 TB/s", "3 TB/s", "3.35 TB/s", "4 TB/s"],
        "system.overrides.gpu.memory": ["80 GB", "141 GB"],
    },
}
SHIPPED = "sweep_model_x_cluster"
GRIDS: dict[str, Any] = {"what-if": WHAT_IF, "what-if of GPUs": GPUS}


def of_the_shipped(task: Task, kind: str) -> list[int]:
    """Sixty-four places in a row of the shipped grid, of mistral-7b on GPUs or on wafers."""
    kinds = [("gpus" if "system.gpus" in task.grid.shown(place)["*"] else "systems") for place in range(task.grid.size)]
    places = [place for place, found in enumerate(kinds) if found == kind]
    return places[len(places) // 4 :][:64]


@pytest.mark.parametrize("name", [*GRIDS, "wafers of the shipped grid", "GPUs of the shipped grid"])
def test_points(benchmark, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of points, once what is compiled is there."""
    task = Task(load_experiment(GRIDS.get(name, SHIPPED)))
    kind = "gpus" if name.startswith("GPU") else "systems"
    places = list(range(task.grid.size)) if name in GRIDS else of_the_shipped(task, kind)

    def computed(directory: str) -> float:
        """Points a CPU second."""
        forget()
        (tmp_path / directory).mkdir()
        journal = Journal(tmp_path / directory)
        compute(task, places[:1], journal)
        began = process_time()
        assert compute(task, places[1:], journal) == len(places) - 1
        return (len(places) - 1) / (process_time() - began)

    computed("warm")
    rates: list[float] = []
    benchmark.pedantic(lambda: rates.append(computed("together")), rounds=1)
    monkeypatch.setattr(executor, "TOGETHER", 1)
    benchmark.extra_info["points_per_cpu_s"] = f"{rates[0]:.3g}"
    benchmark.extra_info["times_alone"] = f"{rates[0] / computed('alone'):.2g}"


def forget() -> None:
    """Steps and plans that were worked out before."""
    run.remembered.cache_clear()
    build_plan.cache_clear()
    planner._of_one_micro_batch.cache_clear()
    stages._times_of_one.cache_clear()
    memory._of_one.cache_clear()
