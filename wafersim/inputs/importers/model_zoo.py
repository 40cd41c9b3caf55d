"""A params.yaml of Cerebras Model Zoo as a model, with what it says of the training job.

Two layouts: `model:`, `optimizer:`, `train_input:`, `runconfig:` side by side (up to release 2.2), and `trainer:` with `init:`
and `fit:` (later). Where each part lies is a table; what is read of it is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wafersim.errors import InputFaults, shortened
from wafersim.inputs.imported import UNKNOWN, Imported
from wafersim.inputs.importers.family import Fields
from wafersim.inputs.importers.keys import MOST_SAID, Keys, printable, shown
from wafersim.inputs.importers.setting import Setting
from wafersim.inputs.importers.zoo_geometry import read_geometry
from wafersim.inputs.importers.zoo_harmless import why_not
from wafersim.inputs.importers.zoo_layout import NEW_LAYOUT, OLD_LAYOUT, Layout
from wafersim.inputs.importers.zoo_training import read_training
from wafersim.inputs.yaml_file import Path_, YamlFile, dotted


def read_params(
    file: YamlFile, own: Mapping[str, Any]
) -> tuple[Fields, Imported, dict[str, Path_], tuple[Setting, ...]]:
    """(the model's fields, what became of each key, where each field stands, what is said of the training job)."""
    layout = NEW_LAYOUT if "trainer" in file.values else OLD_LAYOUT
    parts = {path: _part(file, path, own) for path in _paths(layout)}
    model = parts[layout.model]
    if not model.values:
        raise InputFaults([file.fault(layout.model, "is missing: the geometry of the model is needed there")])
    fields = read_geometry(model)
    settings = read_training(layout, parts)
    faults = [fault for keys in parts.values() for fault in keys.faults]
    if faults:
        raise InputFaults(sorted(dict.fromkeys(faults), key=lambda fault: fault.order))
    read: dict[str, str] = {}
    assumed: dict[str, str] = {}
    ignored: dict[str, str] = {}
    for path, keys in parts.items():
        read |= keys.read
        assumed |= keys.assumed
        ignored |= keys.left(why_not, f"{dotted(path)}.")
    ignored |= {shown(dotted(path)): why_not(str(path[-1])) for path in list(_beside(file, tuple(parts)))[:MOST_SAID]}
    said = Imported(Path(file.name).name, layout.name, read, assumed, _unknown_first(ignored))
    return {"name": _name(file, model), **fields}, said, model.places, settings


def _paths(layout: Layout) -> tuple[Path_, ...]:
    parts = (
        layout.model,
        layout.optimizer,
        layout.data,
        layout.loop,
        layout.cluster,
        layout.precision,
        layout.sparsity,
    )
    return tuple(dict.fromkeys(parts))


def _part(file: YamlFile, path: Path_, own: Mapping[str, Any]) -> Keys:
    """The keys of one part; none where it is left out. Raises InputFaults where something on the way is no mapping."""
    here: Any = file.values
    for depth, part in enumerate(path, start=1):
        here = here.get(part)
        if here is None:
            return Keys.empty(file)
        if depth == len(path) and part == "sparsity" and not isinstance(here, dict):
            return Keys.holding(file, path, here)  # a number, or a list of groups
        if not isinstance(here, dict):
            problem = f"must be a mapping; of several runs in a list one is read (got {shortened(here)})"
            raise InputFaults([file.fault(path[:depth], problem)])
    return Keys(file, path, "Model Zoo", own)


def _beside(file: YamlFile, parts: tuple[Path_, ...]) -> Iterator[Path_]:
    """What stands beside the parts: the keys of the mappings on the way to them that lead to none."""
    on_the_way = {path[:depth] for path in parts for depth in range(len(path) + 1)}
    for above in sorted(on_the_way - set(parts), key=len):
        here: Any = file.values
        for part in above:
            here = here.get(part) if isinstance(here, dict) else None
        for key in here if isinstance(here, dict) else ():
            if (*above, key) not in on_the_way:
                yield (*above, key)


def _unknown_first(ignored: dict[str, str]) -> dict[str, str]:
    return dict(sorted(ignored.items(), key=lambda item: item[1] != UNKNOWN))


def _name(file: YamlFile, model: Keys) -> str:
    """What the model is called: the file's own name, or its folder's where it is just params.yaml."""
    path = Path(file.name)
    named = path.absolute().parent.name if path.stem in ("params", "config") else path.stem.removeprefix("params_")
    return printable(named) or printable(model.values.get("name")) or "model"
