"""The fast engines, against SimPy in the same process: `pytest tests/benchmarks -o addopts= --benchmark-only`."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import Edges, build_graph
from wafersim.engine.longest_path import LongestPath
from wafersim.inputs.loader import load_experiment
from wafersim.simulation import job_of, simulate_step
from wafersim.strategies.weight_streaming.graph import _structure, lower
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.strategies.weight_streaming.tree import build_tree
from wafersim.timeline.timeline import Timeline

MEBI = 2**20


def andromeda(*sets: str) -> WeightStreamingPlan:
    """13B on 16 CS-2, or what `sets` make of it."""
    experiment = load_experiment("andromeda16", ["model=cerebras-gpt-13b", "system.systems=16", *sets])
    return simulate_step(job_of(experiment)).plan


@pytest.fixture(scope="module")
def wide() -> WeightStreamingPlan:
    """A fixed order of service and more than a million tasks: 800 systems, activations on the wafer."""
    on_wafer = (
        "strategy.activations={keep: block-inputs, place: wafer, recompute_weights: hold}", "strategy.micro_batch=8"
    )  # fmt: skip
    plan = andromeda(*on_wafer, "training.batch_per_system=8")
    return replace(plan, tree=build_tree(800, 4), size_of=(plan.size_of[0],) * 800)


def test_longest_path(benchmark, wide) -> None:
    """Target 1e8 tasks/s on a graph of 1e6 tasks."""
    lowered = lower(wide)
    assert lowered.graph.tasks > 1e6
    path, durations = LongestPath(lowered.graph, lowered.lags), lowered.durations()
    path.next_step(durations)
    benchmark(lambda: path.next_step(durations))
    benchmark.extra_info["tasks_per_s"] = f"{lowered.graph.tasks / benchmark.stats['mean']:.3g}"


def test_lowering(benchmark, wide) -> None:
    """Target 1e7 tasks/s; structure and durations, nothing remembered."""

    def run() -> int:
        _structure.cache_clear()
        lowered = lower(wide)
        lowered.durations()
        return lowered.graph.tasks

    tasks = benchmark(run)
    benchmark.extra_info["tasks_per_s"] = f"{tasks / benchmark.stats['mean']:.3g}"


def test_event_queue(benchmark) -> None:
    """Every task of this graph asks a server, so every event is a decision, and 192 servers stand in the heap."""
    lines, stages, customers = 64, 3, 500
    bundles = customers * stages
    at = np.arange(bundles)
    families = [Edges(at[1:], at[:-1]), Edges(at[:1], at[-1:], distance=1)]
    width = np.full(bundles, lines)
    graph = build_graph(
        width, at * lines, np.ones(bundles, np.int64), families, [], (at % stages * lines, np.ones(bundles, np.int64), at * 0)
    )  # fmt: skip
    durations = np.random.default_rng(1).integers(1, 1000, bundles * lines)
    queue = EventQueue(graph, np.zeros(1, np.int64), lambda _, step: durations)
    queue.next_step()
    benchmark(queue.next_step)
    benchmark.extra_info["events_per_s"] = f"{graph.tasks / benchmark.stats['mean']:.3g}"


def test_event_queue_of_a_step(benchmark) -> None:
    """Target 4e6 events/s: 13B on 16 systems, an event being the end of a task."""
    lowered = lower(andromeda())
    queue = EventQueue(lowered.graph, lowered.lags, lambda _, step: lowered.durations(step))
    queue.next_step()
    benchmark(queue.next_step)
    benchmark.extra_info["events_per_s"] = f"{lowered.graph.tasks / benchmark.stats['mean']:.3g}"


@pytest.mark.parametrize("reductions, target", [(True, 200), (False, 40)])
@pytest.mark.parametrize("place", ["servers", "wafer"])
def test_end_to_end_against_simpy(benchmark, place: str, reductions: bool, target: int) -> None:
    """13B on 16 systems, lowering included: target 200 times SimPy with reductions, 40 without."""
    small = [] if place == "servers" else [
        "strategy.activations={keep: block-inputs, place: wafer, recompute_weights: hold}",
        "strategy.micro_batch=8", "training.batch_per_system=8",
    ]  # fmt: skip
    plan = andromeda(*small)
    found = run_to_period(plan, reductions=reductions)

    def fast() -> None:
        _structure.cache_clear()
        run_to_period(plan, reductions=reductions)

    benchmark(fast)
    slowest = []
    for _ in range(3):
        begin = time.perf_counter()
        reference = Reference(plan)
        for _ in range(found.steps_simulated):
            reference.run_step()
        slowest.append(time.perf_counter() - begin)
    benchmark.extra_info["times_simpy"] = round(float(np.median(slowest)) / benchmark.stats["median"])
    benchmark.extra_info["target"] = target


@pytest.mark.parametrize("cache, target", [("warm", 3), ("cold", 12)])
def test_the_command(benchmark, tmp_path: Path, cache: str, target: int) -> None:
    """`run andromeda16 --no-figures`: 3 s with a warm numba cache, 12 s cold."""
    command = [sys.executable, "-m", "wafersim", "run", "andromeda16", "--no-figures", "--out", str(tmp_path / "runs")]

    def run(folder: Path) -> None:
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "NUMBA_CACHE_DIR": str(folder)})

    if cache == "warm":
        run(tmp_path / "cache")
        benchmark.pedantic(run, (tmp_path / "cache",), rounds=3)
    else:
        benchmark.pedantic(run, setup=lambda: ((tmp_path / str(time.time()),), {}), rounds=2)
    benchmark.extra_info["target_s"] = target


BIGGEST = """
import resource, time
from tests.benchmarks.growth import one_step, plan_of
plan = plan_of("llama2-70b", 2048, jitter=True)
begin = time.perf_counter()
tasks, _ = one_step(plan)
print(tasks, time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def test_two_thousand_systems_with_jitter(benchmark) -> None:
    """One step of 70B on 2,048 CS-3, jitter on every system, in a process of its own: target 3 s and 4 GiB."""

    def run() -> list[float]:
        out = subprocess.run([sys.executable, "-c", BIGGEST], check=True, capture_output=True, text=True)
        return [float(word) for word in out.stdout.split()]

    tasks, seconds, gib = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(tasks=int(tasks), step_s=round(seconds, 2), gib=round(gib, 2))


def test_a_million_tasks_written_and_read_back(benchmark, wide, tmp_path: Path) -> None:
    """Target 1 s for both."""
    lowered = lower(wide)
    ends = LongestPath(lowered.graph, lowered.lags).next_step(lowered.durations())
    timeline = lowered.timeline(ends, 0)
    assert len(timeline) > 1e6

    def there_and_back() -> Timeline:
        timeline.save(tmp_path / "timeline.npz")
        return Timeline.load(tmp_path / "timeline.npz")

    again = benchmark.pedantic(there_and_back, rounds=3)
    assert np.array_equal(again.end, timeline.end)
