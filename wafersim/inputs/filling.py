"""Fields of an experiment that the file of its model fills: what the experiment says itself is never replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wafersim.errors import shortened
from wafersim.inputs.importers.setting import Setting
from wafersim.inputs.model import Model
from wafersim.inputs.sweep import EVERYTHING, ONE_OF

TOGETHER = {f"{part}.{name}": names for part, names in ONE_OF.items() for name in names}
TOGETHER["training.steps"] = ("steps", "tokens", "phases")  # any of them says how long the run is


def filled(values: Any, settings: Sequence[Setting]) -> Any:
    """The fields of an experiment with those that only its model's file states; its model says which, and which not."""
    if not settings or not isinstance(values, dict) or not isinstance(values.get("model"), Model):
        return values
    out, set_here, left = dict(values), dict[str, str](), dict[str, str]()
    for one in settings:
        part, _, name = one.path.partition(".")
        mapping = out.get(part, {})
        if not isinstance(mapping, dict):
            continue  # said by the schema
        stands = _stands(values, mapping, part, name)
        strategy = out.get("strategy")
        kind = strategy.get("kind") if isinstance(strategy, dict) else None
        if stands:
            left[one.path] = f"{stands}; {one.said} is left aside"
        elif one.kind and one.kind != kind:
            left[one.path] = f"{one.said} is left aside: it is of {one.kind}"
        else:
            out[part] = {**mapping, name: one.value}
            set_here[one.path] = f"{shortened(one.value).strip(chr(39))} ({one.said})"
    model = out["model"]
    assert model.imported is not None
    said = replace(model.imported, filled={**model.imported.filled, **set_here}, kept={**model.imported.kept, **left})
    return {**out, "model": replace(model, imported=said)}


def _stands(values: dict[str, Any], mapping: dict[Any, Any], part: str, name: str) -> str:
    """How an experiment itself states a field, or one that cannot stand beside it; nothing where it does not."""
    for other in TOGETHER.get(f"{part}.{name}", (name,)):
        if mapping.get(other) is not None:
            return f"{part}.{other} {shortened(mapping[other])} is given"
        if {part, f"{part}.{other}"} & _swept(values.get("sweep")):
            return f"{part}.{other} is swept"
    return ""


def _swept(sweep: Any) -> set[str]:
    """Every path that a sweep varies."""
    if not isinstance(sweep, dict):
        return set()
    several = sweep.get(EVERYTHING)
    inner = (
        [path for item in several if isinstance(item, dict) for path in _paths(item)]
        if isinstance(several, list)
        else []
    )
    return {*map(str, sweep), *inner}


def _paths(item: dict[Any, Any], above: str = "") -> list[str]:
    found = []
    for name, value in item.items():
        found += _paths(value, f"{above}{name}.") if isinstance(value, dict) and value else [f"{above}{name}"]
    return found
