"""A checkout of one's own, to change numbers in."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout to change numbers in, with the machine code that ours has: its first command need not compile it."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("wafersim", "hardware_profiles", "experiments"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.pyc*", "*.tmp.*"))
    return root
