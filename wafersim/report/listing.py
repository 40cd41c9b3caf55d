"""What is shipped, in lines: models, hardware, experiments.

Of profiles and experiments only the lines at the top are read: loading all of them takes seconds.
"""

from __future__ import annotations

from pathlib import Path

from wafersim.inputs.resources import find, names
from wafersim.inputs.yaml_file import read_scalar


def list_models() -> str:
    """Name, parameters, geometry."""
    from wafersim.workload.model import load_model, parameters

    lines = []
    for name in names("models"):
        model = load_model(name)
        size = f"{model.layers} layers x {model.d_model}, {model.heads} heads, vocabulary {model.vocab}"
        lines.append(f"{name:22} {parameters(model) / 1e9:9.3f} B  {size}")
    return "\n".join(lines)


def list_hardware() -> str:
    """Name, kind and title."""
    profiles = [(name, _top(find("hardware", name))) for name in names("hardware")]
    profiles.sort(key=lambda profile: profile[1]["kind"])
    return "\n".join(f"{name:30} {top['kind']:12} {top['title']}" for name, top in profiles)


def list_experiments() -> str:
    """Name and the question it asks; comparisons last."""
    lines = []
    for kind, how in (("experiments", ""), ("comparisons", " (wafersim compare)")):
        for name in names(kind):
            path = find(kind, name)
            first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            lines.append(f"{name:24} {_top(path).get('title', first)}{how}")
    return "\n".join(lines)


def _top(path: Path) -> dict[str, str]:
    """Kind and title of a file, where they stand at the start of a line."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, colon, value = line.partition(":")
        if colon and key in ("kind", "title"):
            found[key] = str(read_scalar(value))
    return found
