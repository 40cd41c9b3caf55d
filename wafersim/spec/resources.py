"""Finds what is shipped: inside the installed package first, then in the checkout (an editable install)."""

from __future__ import annotations

from pathlib import Path

from wafersim.errors import WafersimError, did_you_mean

PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = {"hardware": "hardware_profiles", "experiments": "experiments"}


def folder(kind: str) -> Path:
    """The directory of "hardware", "experiments" or "models"."""
    if kind == "models":
        return PACKAGE / "workload" / "catalogue"
    installed = PACKAGE / "_shipped" / FOLDERS[kind]
    return installed if installed.is_dir() else PACKAGE.parent / FOLDERS[kind]


def names(kind: str) -> tuple[str, ...]:
    """The names of one kind, sorted."""
    return tuple(sorted(path.stem for path in folder(kind).glob("*.yaml")))


def find(kind: str, name: str) -> Path:
    """The file behind a name; raises WafersimError with the nearest name."""
    path = folder(kind) / f"{name}.yaml"
    if name not in names(kind):
        what = {"hardware": "hardware profile", "experiments": "experiment", "models": "model"}[kind]
        listed = f"; `wafersim list {kind}` shows all"
        raise WafersimError(f"unknown {what} {name!r}{did_you_mean(name, names(kind)) or listed}")
    return path
