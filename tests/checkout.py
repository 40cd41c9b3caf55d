"""A checkout of one's own, to change numbers in."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout to change numbers in."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("wafersim", "hardware_profiles", "experiments"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root
