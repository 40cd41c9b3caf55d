"""Speed, for reading and comparing, never a gate: `pytest --benchmark-only -m "slow or not slow" tests/benchmarks`."""

import subprocess
import sys

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.planning.sweep import run_points
from wafersim.simulation import job_of, simulate_step
from wafersim.strategies.weight_streaming.processes import Reference


def test_help(benchmark) -> None:
    """Target 0.3 s."""
    benchmark.pedantic(
        lambda: subprocess.run([sys.executable, "-m", "wafersim", "--help"], check=True, capture_output=True), rounds=5
    )


def test_simpy_events(benchmark) -> None:
    """Target 1e5 events/s: one step of 13B on 16 systems; `events_per_s` counts SimPy's own event numbers."""
    plan = simulate_step(
        job_of(load_experiment("what_if_swarmx", ["system.overrides.swarmx.link_bandwidth=1.2 Tb/s"]))
    ).plan
    events = []

    def run() -> None:
        reference = Reference(plan)
        reference.run_step()
        events.append(next(reference.env._eid))

    benchmark.pedantic(run, rounds=3)
    benchmark.extra_info["events_per_s"] = round(events[-1] / benchmark.stats["mean"])


def test_the_whole_grid(benchmark) -> None:
    """Target 60 s on two cores: seven models on 1 to 16 systems."""
    points = expand(load_experiment("andromeda16"))
    results = benchmark.pedantic(lambda: run_points(points), rounds=1)
    assert len(results) == 35


@pytest.mark.parametrize("model", ["cerebras-gpt-111m", "cerebras-gpt-13b"])
def test_one_point(benchmark, model: str) -> None:
    """One point with its search for the activation policy remembered."""
    experiment = load_experiment("andromeda16", [f"model={model}", "system.systems=1"])
    benchmark(lambda: simulate_step(job_of(experiment)))
