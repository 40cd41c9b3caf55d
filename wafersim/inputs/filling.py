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
    strategy = values.get("strategy")
    kind = strategy.get("kind") if isinstance(strategy, dict) else None
    swept = _swept(values.get("sweep"))
    for one in settings:
        part, _, name = one.path.partition(".")
        mapping = out.get(part, {})
        if not isinstance(mapping, dict):
            continue  # said by the schema
        rivals = TOGETHER.get(one.path, (name,))
        given = next((rival for rival in rivals if mapping.get(rival) is not None), None)
        varied = next((rival for rival in rivals if {part, f"{part}.{rival}"} & swept), None)
        if one.kind and one.kind != kind:
            left[one.path] = f"{one.said} is left aside: it is of {one.kind}"
        elif given is not None:
            left[one.path] = f"{part}.{given} {shortened(mapping[given])} is given; {one.said} is left aside"
        elif varied is not None:
            left[one.path] = f"{part}.{varied} is swept; {one.said} is left aside"
            if name in ONE_OF.get(part, ()):  # what no point of the sweep has, but the fields without it need
                out[part] = {**mapping, name: one.value}
        else:
            out[part] = {**mapping, name: one.value}
            set_here[one.path] = f"{shortened(one.value).strip(chr(39))} ({one.said})"
    model = values["model"]
    assert model.imported is not None
    said = replace(model.imported, filled={**model.imported.filled, **set_here}, kept={**model.imported.kept, **left})
    return {**out, "model": replace(model, imported=said)}


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
