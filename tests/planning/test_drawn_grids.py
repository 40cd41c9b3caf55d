"""What is kept from one point of a sweep to the next changes none of them: each row is that of its point run alone."""

import functools
import gc
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.planning import sweep
from wafersim.planning.executor import Task, compute
from wafersim.planning.journal import Journal
from wafersim.planning.results import BOUNDS, Results, placed
from wafersim.planning.sweep import flat, run_point
from wafersim.strategies import run
from wafersim.strategies.gpu_parallel import planner
from wafersim.strategies.weight_streaming import graph

MACHINES: list[dict[str, Any]] = [
    {"system.profile": "cs2", "system.systems": 1},
    {"system.profile": "cs2", "system.systems": 1, "training.optimizer": "lion"},
    {"system.profile": "cs2", "system.systems": 3},
    {"system.profile": "cs2", "system.systems": 3, "system.overrides": {"swarmx.link_bandwidth": "0.2 Tb/s"}},
    {"system.profile": "cs3", "system.systems": 16, "training.density": 0.5},
    {"system.profile": "cs3", "system.systems": 2, "strategy.micro_batch": 7},
    {"system.profile": "cs2", "system.systems": 512},  # which SwarmX does not reach
    {"system.profile": "dgx-a100-80gb", "system.gpus": 8, "strategy": "auto"},
    {"system.profile": "dgx-a100-80gb", "system.gpus": 16, "strategy": "auto", "training.tokens": 1e9},
    {"system.profile": "dgx-h100", "system.gpus": 24, "strategy": "auto"},
]


@st.composite
def grids(draw: st.DrawFn) -> dict[str, Any]:
    """An experiment of four points over two of models, machines, lengths and batches; some of them may not run."""
    two = draw(st.permutations(["model", "*", "training.batch", "training.sequence_length"]))[:2]

    def some(name: str, values: list[Any]) -> list[Any]:
        count = 2 if name in two else 1
        return draw(st.lists(st.sampled_from(values), min_size=count, max_size=count, unique_by=str))

    axes: dict[str, Any] = {
        "model": some("model", ["cerebras-gpt-111m", "gpt2-small", "bert-large"]),
        "*": some("*", MACHINES),
        "training.sequence_length": some("training.sequence_length", [128, 256, 512]),
        "training.batch": some("training.batch", [24, 48, 96, 100, 240]),
    }
    names = draw(st.permutations(list(axes)))
    return {
        "name": "drawn",
        "model": "cerebras-gpt-111m",
        "system": {"profile": "cs2", "systems": 1},
        "training": {"sequence_length": 1024, "batch": 96, "tokens": "20 per parameter"},
        "sweep": {name: axes[name] for name in names},
    }


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    yield
    forget()


def forget() -> None:
    """As in a new process: nothing that was computed before is known."""
    for found in gc.get_objects():
        if type(found) is functools._lru_cache_wrapper and str(found.__module__).startswith("wafersim."):
            found.cache_clear()
    graph._structure.cache_clear()
    run.remembered.cache_clear()
    planner._of_one_micro_batch.cache_clear()
    sweep.SINGLES = sweep.Singles()


@settings(max_examples=6, deadline=None, phases=(Phase.reuse, Phase.generate), suppress_health_check=list(HealthCheck))
@given(grids(), st.randoms(use_true_random=False))
def test_a_row_of_a_sweep_is_that_of_its_point_alone(fields: dict[str, Any], random: Random) -> None:
    experiment = load_experiment(fields)
    points = expand(experiment)
    alone = []
    for point in points:
        forget()
        alone.append(run_point(point))
    expected = [row | dict.fromkeys(BOUNDS) for row in Results(experiment, tuple(alone)).rows()]
    forget()
    task, order = Task(experiment), list(range(len(points)))
    random.shuffle(order)
    with TemporaryDirectory() as directory:
        journal = Journal(Path(directory))
        compute(task, order, journal)
        entries = list(journal.entries(task.sweep))
        journal.close()
    names = list(dict.fromkeys(name for result in alone for name in result.varied))
    assert [place for place, _ in entries] == list(range(len(points)))
    assert [placed(entry.cells, flat(task.grid.shown(place)), names) for place, entry in entries] == expected


def test_a_point_of_one_system_finds_the_rate_that_others_are_measured_by(monkeypatch: pytest.MonkeyPatch) -> None:
    fields: dict[str, Any] = {
        "name": "one-and-two",
        "model": "cerebras-gpt-111m",
        "system": {"profile": "cs2", "systems": 1},
        "training": {"sequence_length": 256, "batch": 96, "tokens": "20 per parameter"},
        "sweep": {"system.systems": [1, 2]},
    }
    one, two = expand(load_experiment(fields))
    alone = run_point(two, sweep.Singles(), told=False).scaling_efficiency
    asked: list[Any] = []
    real = sweep.step_seconds
    monkeypatch.setattr(sweep, "step_seconds", lambda job: asked.append(job) or real(job))
    singles = sweep.Singles()
    assert run_point(one, singles, told=False).scaling_efficiency == 1.0
    assert run_point(two, singles, told=False).scaling_efficiency == alone
    assert not asked
