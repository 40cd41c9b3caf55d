"""Finds what is shipped: inside the installed package first, then in the checkout (an editable install)."""

from __future__ import annotations

import re
from pathlib import Path

from wafersim.errors import WafersimError, did_you_mean

PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = {"hardware": "hardware_profiles", "experiments": "experiments", "comparisons": "experiments"}
WHAT = {"hardware": "hardware profile", "experiments": "experiment", "comparisons": "comparison", "models": "model"}
LISTED = {"hardware": "hardware", "experiments": "experiments", "comparisons": "experiments", "models": "models"}


def folder(kind: str) -> Path:
    """The directory of "hardware", "experiments", "comparisons" or "models"."""
    if kind == "models":
        return PACKAGE / "workload" / "catalogue"
    installed = PACKAGE / "_shipped" / FOLDERS[kind]
    return installed if installed.is_dir() else PACKAGE.parent / FOLDERS[kind]


def names(kind: str) -> tuple[str, ...]:
    """The names of one kind, sorted. Comparisons lie among the experiments and are told apart by their sides."""
    paths = sorted(folder(kind).glob("*.yaml"))
    if kind in ("experiments", "comparisons"):
        paths = [path for path in paths if is_comparison(path) == (kind == "comparisons")]
    return tuple(path.stem for path in paths)


def is_comparison(path: Path) -> bool:
    """Whether a YAML file has sides."""
    return any(line.startswith("sides:") for line in path.read_text(encoding="utf-8", errors="replace").splitlines())


def kind_of(name: str) -> str:
    """The kind of a hardware profile, from its first lines: reading all of dozens of files takes seconds."""
    found = re.search(r"^kind: *(\S+)", find("hardware", name).read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def alias_of(name: str) -> str | None:
    """The hardware profile that answers to another name, if one does."""
    for path in sorted(folder("hardware").glob("*.yaml")):
        found = re.search(r"^aliases: *\[(.*)\]", path.read_text(encoding="utf-8"), re.MULTILINE)
        if found and name in [one.strip() for one in found[1].split(",")]:
            return path.stem
    return None


def find(kind: str, name: str) -> Path:
    """The file behind a name; raises WafersimError with the nearest name."""
    path = folder(kind) / f"{name}.yaml"
    if name not in names(kind):
        listed = f"; `wafersim list {LISTED[kind]}` shows all"
        raise WafersimError(f"unknown {WHAT[kind]} {name!r}{did_you_mean(name, names(kind)) or listed}")
    return path
