"""What a page asks for besides the run: closest rows, a neighbourhood. `pytest tests/benchmarks -o addopts= --benchmark-only`."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from wafersim.evidence.closest import closest, places
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.planning.neighbourhood import neighbourhood
from wafersim.planning.sweep import PointResult, run_point
from wafersim.report.run import save_run


def shown(name: str) -> PointResult:
    return run_point(expand(load_experiment(name))[-1], told=False)


@pytest.mark.parametrize("name", ["andromeda16", "bloom176b_384a100"])
def test_closest_rows(benchmark, name: str) -> None:
    """Target 0.1 s of 850 rows on GPUs, the table read anew."""
    simulated = shown(name).simulated
    assert simulated is not None
    benchmark.pedantic(closest, (simulated.job, simulated.choice), setup=places.cache_clear, rounds=5)


@pytest.mark.parametrize("name", ["andromeda16", "hello_111m", "opt175b_992a100", "llama3_h100"])
def test_neighbourhood(benchmark, name: str) -> None:
    """Target 2 CPU seconds."""
    found = benchmark.pedantic(neighbourhood, (shown(name),), rounds=1)
    benchmark.extra_info["points"] = len(found.corners)


LARGE = (
    "disturbances.jitter=0.05", "model=llama2-70b", "system.profile=cs3", "system.systems=2048",
    "training.sequence_length=4096", "training.batch_per_system=8", "strategy.micro_batch=8", "strategy.chunks_per_layer=1",
)  # fmt: skip


def test_page_of_a_directory_of_2048_systems(benchmark, tmp_path: Path) -> None:
    """Target 5 CPU seconds, imports with them, of 1.7 million tasks: what the run kept is read. Under 8 MB."""
    experiment = load_experiment("hello_111m", LARGE)
    directory = save_run(tmp_path, experiment, [run_point(expand(experiment)[0], told=False)], figures=False)

    def report() -> None:
        subprocess.run([sys.executable, "-m", "wafersim", "report", str(directory)], check=True, capture_output=True)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    benchmark.pedantic(report, rounds=1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = (directory / "report.html").stat().st_size
    benchmark.extra_info.update(cpu_s=round(used, 2), page_mb=size / 1e6)
    assert size < 8e6
