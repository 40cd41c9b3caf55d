"""What is shipped, in lines: models, hardware, experiments.

Of profiles and experiments only the lines at the top are read: loading all of them takes seconds.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from wafersim.inputs.machine_names import MACHINES, short_names
from wafersim.inputs.resources import find, names
from wafersim.inputs.yaml_file import read_scalar

WIDEST_NAME = 24  # characters of the column of names
NARROWEST = 30  # of what stands beside it


def list_models() -> str:
    """Name, parameters, geometry."""
    from wafersim.workload.model import load_model, main_parameters

    lines = []
    for name in names("models"):
        model = load_model(name)
        stacks = f"{model.encoder_layers} + {model.layers}" if model.encoder_layers else f"{model.layers}"
        size = f"{stacks} layers x {model.d_model}, {model.heads} heads, vocabulary {model.vocab}"
        if model.experts > 1:
            size += f", {model.experts} experts"
        lines.append(f"{name:22} {main_parameters(model) / 1e9:9.3f} B  {size}")
    return "\n".join(lines)


def list_hardware(width: int = 80) -> str:
    """Machines, which train alone, with short names for them; then their parts, software and operation.

    Lines are of at most `width`, from 44 up.
    """
    profiles = [(name, _top(find("hardware", name))) for name in names("hardware")]
    profiles.sort(key=lambda profile: profile[1]["kind"])
    short = short_names()
    machines, parts = ["machine           short  kind"], ["part or setting                 kind"]
    for name, top in profiles:
        title, kind = top["title"], top["kind"]
        if kind in MACHINES:
            machines += _wrapped(f"{name:16}  {(*short.get(name, ()), '-')[0]:5}  {kind:11} ", title, width)
        else:
            parts += _wrapped(f"{name:30}  {kind:12} ", title, width)
    return "\n".join([*machines, "", *parts])


def list_experiments(width: int = 80) -> str:
    """Name and the question that its file opens with, in lines of at most `width`; comparisons, jobs and plans last."""
    lines = []
    beside = {"comparisons": " (wafersim compare)", "jobs": " (wafersim run or share)", "plans": " (wafersim plan)"}
    for kind, how in {"experiments": "", **beside}.items():
        for name in names(kind):
            lines += _entry(name, question(find(kind, name)) + how, width)
    return "\n".join(lines)


def question(path: Path) -> str:
    """What the comment at the top of an experiment asks: its text up to the first question mark."""
    said = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        said.append(line.lstrip("# "))
    asked, mark, _ = " ".join(said).partition("?")
    return asked + mark if mark else said[0] if said else ""


def _wrapped(first: str, text: str, width: int) -> list[str]:
    """The text beside what a line opens with, or below it where that leaves little room."""
    narrow = width < len(first) + NARROWEST
    indent = "  " if narrow else " " * (len(first) + 1)
    lines = textwrap.wrap(text, max(width - len(indent), 20), break_on_hyphens=False)
    rest = lines if narrow else lines[1:]
    return [first.rstrip() if narrow else f"{first} {lines[0]}", *(indent + line for line in rest)]


def _entry(name: str, text: str, width: int) -> list[str]:
    """The name beside the text, or above it where that leaves little room."""
    narrow = width < WIDEST_NAME + NARROWEST
    indent = 2 if narrow else WIDEST_NAME + 1
    wrapped = textwrap.wrap(text, max(width - indent, 20), break_on_hyphens=False)
    first = [name] if narrow or len(name) > WIDEST_NAME else []
    if not first:
        first, wrapped = [f"{name:{indent}}{wrapped[0]}"], wrapped[1:]
    return first + [" " * indent + line for line in wrapped]


def _top(path: Path) -> dict[str, str]:
    """Kind and title of a file, where they stand at the start of a line."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, colon, value = line.partition(":")
        if colon and key in ("kind", "title"):
            found[key] = str(read_scalar(value))
    return found
