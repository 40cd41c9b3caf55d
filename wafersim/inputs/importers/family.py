"""A family of architectures as a table: which key of a config is which field of a model, and what its class assumes.

What a table cannot say (patterns of windows, which blocks have experts) is a function beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wafersim.inputs.importers.keys import Keys

Fields = dict[str, Any]
Rest = Callable[[Keys, Fields], None]


@dataclass(frozen=True)
class Like:
    """A default that follows from another field: as it is, so many times it, or over a second one."""

    field: str
    times: int = 1
    over: str = ""

    def of(self, found: Fields) -> int:
        """Its value, once the fields before it are known."""
        return int(found[self.field]) * self.times // (int(found[self.over]) if self.over else 1)

    @property
    def said(self) -> str:
        """The same in words."""
        return (
            f"{self.field} / {self.over}"
            if self.over
            else f"{self.times} x {self.field}"
            if self.times > 1
            else f"as {self.field}"
        )


@dataclass(frozen=True)
class Key:
    """A key of a config: its name, its class's default (None: it must be there), other names that it has had.

    A default that is true or false makes it a switch, else it is a count of at least `least`. A key that is null stands for its
    default, or for `null` where the class tells the two apart.
    """

    name: str
    default: int | bool | Like | None = None
    also: tuple[str, ...] = ()
    least: int = 1
    null: Like | None = None


@dataclass(frozen=True)
class Family:
    """One `model_type`, with what its published class does.

    `config` is the class whose defaults are assumed; `keys` are read in their order; `fixed` holds for every model of the
    family; `rest` reads what is left; `only` are keys of which a single value can be said, with the reason.
    """

    model_types: tuple[str, ...]
    architectures: tuple[str, ...]  # that it is called by; the first is the usual one
    config: str
    keys: Mapping[str, Key]
    fixed: Mapping[str, Any]
    rest: Rest | None = None
    only: Mapping[str, tuple[object, str]] = field(default_factory=dict)
    harmless: tuple[str, ...] = ()  # keys of its own that change no count and no time

    def fields(self, keys: Keys) -> Fields:
        """The fields of a model; what is wrong is left in `keys`, what the user gives instead comes from there."""
        found: Fields = {**self.fixed}
        for name, key in self.keys.items():
            found[name] = keys.instead(name, _value(keys, name, key, found))
        for key_name, (allowed, why) in self.only.items():
            keys.only(key_name, allowed, why)
        if self.rest is not None:
            self.rest(keys, found)
        return found


def _value(keys: Keys, name: str, key: Key, found: Fields) -> int | bool:
    written = keys.first_given(key.name, *key.also)
    if isinstance(key.default, bool):
        return keys.switch(name, written, key.default)
    default = key.null if key.null is not None and keys.is_null(written) else key.default
    if isinstance(default, Like):
        return keys.whole(name, written, default.of(found), key.least, default.said)
    return keys.whole(name, written, default, key.least)
