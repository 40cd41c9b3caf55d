"""How the suite is spread over cores: a worker each, but none where they would only be in the way."""

import os

import pytest

FEW = 3  # files or tests by name: starting workers takes longer than they save


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Workers under `-n auto`; 0 runs in this process, which benchmarks need for their own timing."""
    if config.getoption("benchmark_only") or config.getoption("usepdb"):
        return 0
    named = [argument for argument in config.args if "::" in argument or argument.endswith(".py")]
    if named and len(named) == len(config.args) and len(named) <= FEW:
        return 0
    return max(2, len(os.sched_getaffinity(0)))
