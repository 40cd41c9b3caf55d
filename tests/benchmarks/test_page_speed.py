"""What a page asks for besides the run: closest rows, a neighbourhood. `pytest tests/benchmarks -o addopts= --benchmark-only`."""

import pytest

from wafersim.evidence.closest import closest, places
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.planning.neighbourhood import neighbourhood
from wafersim.planning.sweep import PointResult, run_point


def shown(name: str) -> PointResult:
    return run_point(expand(load_experiment(name))[-1], told=False)


@pytest.mark.parametrize("name", ["andromeda16", "bloom176b_384a100"])
def test_closest_rows(benchmark, name: str) -> None:
    """Target 0.1 s of 850 rows on GPUs, the table read anew."""
    simulated = shown(name).simulated
    assert simulated is not None
    benchmark.pedantic(closest, (simulated,), setup=places.cache_clear, rounds=5)


@pytest.mark.parametrize("name", ["andromeda16", "hello_111m", "opt175b_992a100", "llama3_h100"])
def test_neighbourhood(benchmark, name: str) -> None:
    """Target 2 CPU seconds."""
    found = benchmark.pedantic(neighbourhood, (shown(name),), rounds=1)
    benchmark.extra_info["points"] = len(found.corners)
