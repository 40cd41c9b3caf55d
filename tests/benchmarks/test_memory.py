"""Bytes that `wafersim run` takes a task of a step: what MOST_TASKS is derived from. A test in tests/strategies holds the count.

Of a million tasks, above what a run of a thousand takes: of services in order, and where servers choose.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.simulation import job_of
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.tally import BYTES_A_TASK

FIXED = ["model=cerebras-gpt-13b", "system.systems=16", "training.batch_per_system=30", "strategy.micro_batch=1"]
LARGE = [*FIXED, "strategy.chunks_per_layer=64"]


def peak_bytes(sets: list[str], root: Path) -> int:
    """Of a whole `wafersim run` with its figures."""
    code = (
        "import resource, sys; from wafersim.cli import run_command_line; run_command_line();"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    options = [each for one in sets for each in ("--set", one)]
    command = [sys.executable, "-c", code, "run", "hello_111m", "--out", str(root), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return 1024 * int(done.stderr.split()[-1])


@pytest.mark.parametrize(
    "extra", [[], ["strategy.activations.place=servers"], ["strategy.memoryx_memory=shared"]], ids=str
)
def test_bytes_a_task(benchmark, extra: list[str], tmp_path: Path) -> None:
    job = job_of(load_experiment("hello_111m", [*LARGE, *extra]))
    strategy = strategy_of(job.kind)
    tasks = strategy.tally(strategy.fold(strategy.plan(job, strategy.choose(job))).plan).tasks
    usual = peak_bytes([*FIXED, *extra, "training.batch_per_system=1"], tmp_path)
    found = benchmark.pedantic(peak_bytes, args=([*LARGE, *extra], tmp_path), rounds=1)
    each = (found - usual) / tasks
    benchmark.extra_info.update(tasks=tasks, bytes_a_task=round(each))
    assert tasks > 900_000 and each < BYTES_A_TASK
