"""How the suite is spread over cores: a worker each, but none where they would only be in the way; what takes long first."""

import os
from pathlib import Path

import pytest

# Half a minute of one core and more. Begun last, one of them would keep a worker busy while the others have nothing to do.
LONGEST = (
    "planning/test_kills.py",
    "properties/test_engines_agree.py",
    "planning/test_cluster.py",
    "evidence/test_judge.py",
    "planning/test_cluster_plan.py",
    "planning/test_cluster_runs.py",
    "report/test_figure_layout.py",
    "properties/test_reductions.py",
    "properties/test_monotone.py",
    "calibration/test_profile_writer.py",
)
FEW = 3  # files or tests by name: starting workers takes longer than they save


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Workers under `-n auto`; 0 runs in this process, which benchmarks need for their own timing."""
    if config.getoption("benchmark_only") or config.getoption("usepdb"):
        return 0
    named = [argument for argument in config.args if "::" in argument or argument.endswith(".py")]
    if named and len(named) == len(config.args) and len(named) <= FEW:
        return 0
    return max(2, len(os.sched_getaffinity(0)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of LONGEST in their order, then all others in theirs; tests of a file stay together."""
    rank = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
