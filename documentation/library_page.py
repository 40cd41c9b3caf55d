"""The page of the library, made of the docstrings of its public names."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

import wafersim
from documentation.reference import as_markdown

TOP = """\
# The library

`import wafersim` has these names and no others; all of them are typed. Made of their docstrings, as `help()` shows them.
[A notebook](../notebook.ipynb) shows them at work.

```python
import wafersim

prediction = wafersim.simulate(wafersim.load_experiment("hello_111m"))
prediction.step_time_s, prediction.mfu, prediction.binding_resource
```
"""
WIDEST = 60  # characters of parameters on one line
GROUPS = {
    "Simulate": ("load_experiment", "simulate", "run", "compare", "plan"),
    "Look at the parts": ("load_model", "load_machine"),
    "What comes back": ("Prediction", "Results", "Sides", "Planned"),
    "What goes in": ("Experiment",),
    "Faults": ("WafersimError", "InputFaults", "Fault", "Infeasible"),
}


def page() -> str:
    """Markdown of the page; a public name that no group has stands under More."""
    grouped = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "More": tuple(name for name in wafersim.__all__ if name not in grouped)}
    parts = [f"\n## {title}\n\n" + "\n".join(map(_entry, names)) for title, names in groups.items() if names]
    return TOP + "".join(parts)


def _entry(name: str) -> str:
    value = getattr(wafersim, name)
    shown = _class(name, value) if inspect.isclass(value) else _function(name, value)
    return f"### `{name}` {{ #{name} }}\n\n{shown}\n"


def _function(name: str, function: Any) -> str:
    return f"```py\nwafersim.{name}{signature(function)}\n```\n\n{_doc(function)}\n"


def _class(name: str, value: type) -> str:
    members = list(_members(value))
    return f"{_doc(value)}\n" + ("\n" + "\n".join(members) if members else "")


def _members(value: type) -> Iterator[str]:
    """Fields, properties and methods of a class that are public, as a definition list."""
    for base in reversed([one for one in value.__mro__ if one.__module__.startswith("wafersim")]):
        for name, said in _fields(base):
            yield f"`{name}`\n:   {said}\n"
    for name, member in inspect.getmembers_static(value):
        if name.startswith("_") or not _ours(value, name):
            continue
        inner = getattr(member, "func", None) or getattr(member, "fget", None)
        if inner is not None:
            yield f"`{name}`\n:   {_first(inner)}\n"
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            function = member if inspect.isfunction(member) else member.__func__
            yield f"`{name}{signature(function, method=True)}`\n:   {_first(function)}\n"


def _fields(base: type) -> Iterator[tuple[str, str]]:
    """(name, what it says) of the fields that a class itself declares, with their types where nothing is said."""
    if issubclass(base, BaseModel):
        for name in inspect.get_annotations(base):
            if name in base.model_fields:
                yield name, as_markdown(base.model_fields[name].description or "")
    elif dataclasses.is_dataclass(base):
        comments = _comments(base)
        for name in inspect.get_annotations(base):
            if not name.startswith("_"):
                kind = f"`{_type(base.__annotations__[name])}`"
                yield name, f"{comments[name]}; {kind}" if name in comments else kind


def _comments(base: type) -> dict[str, str]:
    """What stands behind the fields of a dataclass."""
    found = re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(base), re.MULTILINE)
    return {name: as_markdown(said[0].upper() + said[1:]) for name, said in found}


def signature(function: Any, method: bool = False) -> str:
    """Parameters and what comes back, without the modules of the types."""
    found = inspect.signature(function)
    parameters = [_plain(one) for i, one in enumerate(found.parameters.values()) if not (method and i == 0)]
    text = str(found.replace(parameters=parameters))
    if not method and len(text) > WIDEST:
        lines = "".join(f"    {one},\n" for one in map(str, parameters))
        text = f"(\n{lines}){text[text.rindex(')') + 1 :]}"
    text = re.sub(r"(= '[^']*')|'([^']*)'", lambda found: found[1] or found[2], text).replace(
        "Ellipsis", "..."
    )  # quotes of types, not of defaults
    return re.sub(r"\b(?:[a-z_]\w*\.)+([A-Z]\w*)", r"\1", text)


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    """The same, with `...` for a default that is no plain value."""
    simple = parameter.default is parameter.empty or isinstance(parameter.default, str | int | float | tuple | None)
    return parameter if simple else parameter.replace(default=...)


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _ours(value: type, name: str) -> bool:
    home = next((one for one in value.__mro__ if name in one.__dict__), object)
    return home.__module__.startswith("wafersim")


def _doc(value: Any) -> str:
    """A docstring as Markdown; what is indented in it is code."""
    blocks = (inspect.getdoc(value) or "").split("\n\n")
    return "\n\n".join(block if block.startswith("    ") else as_markdown(" ".join(block.split())) for block in blocks)


def _first(function: Any) -> str:
    return as_markdown(" ".join((inspect.getdoc(function) or "").split()))
