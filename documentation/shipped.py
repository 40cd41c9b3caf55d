"""Files that the reference takes its examples from: those of `documentation/examples`, then what is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wafersim.inputs.yaml_file import read_yaml

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "documentation" / "examples"


def values_of(folder: Path) -> list[dict[str, Any]]:
    """What the files of a folder hold, those with the most lines first: they were written to show what there is."""
    files = sorted(
        folder.glob("*.yaml"), key=lambda path: (-len(path.read_text(encoding="utf-8").splitlines()), path.name)
    )
    return [dict(read_yaml(path).values) for path in files]


def experiments() -> list[dict[str, Any]]:
    """Experiments, comparisons, plans and files with jobs."""
    return [*values_of(EXAMPLES), *values_of(ROOT / "experiments")]


def profiles(kind: str) -> list[dict[str, Any]]:
    """Hardware profiles of a kind."""
    found = [*values_of(ROOT / "hardware_profiles"), *values_of(EXAMPLES / "hardware")]
    return [values for values in found if values.get("kind") == kind]
