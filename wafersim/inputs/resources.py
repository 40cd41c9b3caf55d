"""Where files lie: what is shipped (inside the installed package first, then in the checkout), and files of one's own.

A reference is a path or a name. It is looked for beside the file that says it, then in the folders of $WAFERSIM_PATH,
then among what is shipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from wafersim.errors import WafersimError, did_you_mean, shortened
from wafersim.inputs.file_cache import SEARCHED, look_at, of_file

PACKAGE = Path(__file__).resolve().parent.parent
EXPERIMENTS = ("experiments", "comparisons", "jobs", "plans")  # that lie in one folder, told by what they hold
FOLDERS = {"hardware": "hardware_profiles", **dict.fromkeys(EXPERIMENTS, "experiments")}
WHAT = {"hardware": "hardware profile", "experiments": "experiment", "comparisons": "comparison", "jobs": "list of jobs",
        "plans": "plan", "models": "model"}  # fmt: skip
LISTED = {"hardware": "hardware", "models": "models", **dict.fromkeys(EXPERIMENTS, "experiments")}
SUFFIXES = (".yaml", ".yml")
READ = (*SUFFIXES, ".json")  # a config.json is read of a model


class UnknownName(WafersimError):
    """A name that nothing shipped has."""


@cache
def folder(kind: str) -> Path:
    """The directory of "hardware", "models" or one of the EXPERIMENTS."""
    if kind == "models":
        return PACKAGE / "workload" / "catalogue"
    installed = PACKAGE / "_shipped" / FOLDERS[kind]
    return installed if installed.is_dir() else PACKAGE.parent / FOLDERS[kind]


def names(kind: str) -> tuple[str, ...]:
    """The names of one kind, sorted. Comparisons, jobs and plans lie among the experiments, told by their sides, jobs or goal."""
    if FOLDERS.get(kind) != "experiments":
        return _stems(folder(kind))
    return tuple(path.stem for path in _files(folder(kind)) if _sort(path) == kind)


@of_file
def _files(directory: Path) -> tuple[Path, ...]:
    """YAML files of a folder, sorted; a folder's time stamp changes with what it holds."""
    return tuple(sorted(directory.glob("*.yaml")))


@of_file
def _stems(directory: Path) -> tuple[str, ...]:
    """Their names: a grid asks for them at each of its points."""
    return tuple(path.stem for path in _files(directory))


def _sort(path: Path) -> str:
    """What a file among the experiments is."""
    head = _head(path)
    holds = {"sides": "comparisons", "jobs": "jobs", "goal": "plans"}
    return next((kind for part, kind in holds.items() if part in head), "experiments")


def kind_of(name: str) -> str:
    """The kind of a shipped hardware profile, from its first lines: reading all of dozens of files takes seconds."""
    return _head(find("hardware", name)).get("kind", "")


def alias_of(name: str) -> str | None:
    """The shipped hardware profile that answers to another name, if one does."""
    for path in _files(folder("hardware")):
        aliases = _head(path).get("aliases", "").strip("[]").split(",")
        if name in [one.strip() for one in aliases if one.strip()]:
            return path.stem
    return None


def find(kind: str, name: str) -> Path:
    """The file behind a shipped name; raises UnknownName with the nearest name."""
    path = folder(kind) / f"{name}.yaml"
    if name not in names(kind):
        listed = f"; `wafersim list {LISTED[kind]}` shows all"
        raise UnknownName(f"unknown {WHAT[kind]} {shortened(name)}{did_you_mean(name, names(kind)) or listed}")
    return path


def located(kind: str, reference: str, beside: Path | None, asking: tuple[Path, ...] = ()) -> Path:
    """The file that a reference means, for who stands in the folder `beside`; never one of those that are asking.

    Raises WafersimError with the nearest shipped name.
    """
    other = ""
    for candidate in _candidates(reference, beside):
        look_at(candidate)
        other = other or _no_file(candidate)
        if is_file(candidate) and candidate.resolve() not in asking and _can_be(kind, reference, candidate):
            return candidate
    name = _stem(reference)
    if kind == "hardware" and name not in names(kind):
        name = alias_of(name) or name
    if other and name not in names(kind):
        raise WafersimError(f"{shortened(reference)} {other}; a file is needed")
    if is_path(reference) and (Path(reference).name != reference or _stem(reference) not in names(kind)):
        where = "" if Path(reference).is_absolute() else f" beside it, in ${SEARCHED} or shipped"
        raise WafersimError(f"no such file {shortened(reference)}{where}")
    return find(kind, name)


def shipped_name(kind: str, path: Path) -> str | None:
    """The name of a shipped file; None for a file of one's own."""
    return path.stem if path.resolve().parent == folder(kind).resolve() and path.suffix == ".yaml" else None


def is_path(reference: str) -> bool:
    """Whether a reference is written as a path, not as a name."""
    return reference.endswith(READ) or "/" in reference or os.sep in reference


def is_file(path: Path) -> bool:
    """Whether a path is a file; what can be no path (too long, a zero byte) is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _no_file(path: Path) -> str:
    """What stands where a file should: a folder, a device or a pipe; nothing where it is a file or there is none."""
    try:
        return (
            ""
            if path.is_file() or not path.exists()
            else "is a directory"
            if path.is_dir()
            else "is a device or a pipe"
        )
    except (OSError, ValueError):
        return ""


def _candidates(reference: str, beside: Path | None) -> Iterator[Path]:
    searched = [Path(part) for part in os.environ.get(SEARCHED, "").split(os.pathsep) if part]
    for directory in ([beside] if beside is not None else []) + searched:
        yield directory / reference
        if not reference.endswith(READ):
            yield directory / f"{reference}.yaml"


def _can_be(kind: str, reference: str, path: Path) -> bool:
    """A name may also be that of the experiment that says it; an experiment is no model and no machine."""
    if is_path(reference) or FOLDERS.get(kind) == "experiments":
        return True
    return not {"training", "sides", "jobs"} & set(_head(path))


def _stem(reference: str) -> str:
    return next((reference.removesuffix(suffix) for suffix in SUFFIXES if reference.endswith(suffix)), reference)


@of_file
def _head(path: Path) -> dict[str, str]:
    """The fields at the top of a file and what stands on their lines, without reading it as YAML."""
    with path.open("rb") as file:
        text = file.read(1_000_000).decode("utf-8", errors="replace")
    return {key: value.strip() for key, value in re.findall(r"^([a-z_]+): *(.*?)(?: #.*)?$", text, re.MULTILINE)}
