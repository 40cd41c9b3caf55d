"""The keys of another program's file as they are asked for: what was read, what was assumed, and what nobody asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from wafersim.errors import Fault, InputFaults, shortened
from wafersim.inputs.imported import UNKNOWN
from wafersim.inputs.yaml_file import Path_, YamlFile, dotted

T = TypeVar("T")

MOST = 10**9  # of a count, as in a model file
MOST_LAYERS = 10_000  # likewise
MOST_SAID = 200  # keys of a kind that are told of one by one
LONGEST_KEY = 60


class Keys:
    """One mapping of a file. Faults are collected, each at its line; `stop` raises them."""

    def __init__(
        self, file: YamlFile, inside: Path_ = (), defaults: str = "", own: Mapping[str, Any] | None = None
    ) -> None:
        values: Any = file.values
        for part in inside:
            values = values[part]
        assert isinstance(values, dict)
        self.values: dict[str, Any] = dict(values)
        self.read: dict[str, str] = {}
        self.assumed: dict[str, str] = {}
        self.own = own or {}  # fields that the user gives instead
        self.places: dict[str, Path_] = {}  # of the fields that were read
        self.faults: list[Fault] = []
        self.held: Any = None  # what stands there where that is no mapping
        self._file, self._inside, self._defaults = file, inside, defaults
        self._asked: set[str] = set()
        self._below: dict[str, Keys] = {}
        self._aside: dict[str, str] = {}

    @classmethod
    def empty(cls, file: YamlFile) -> Keys:
        """Of a part that is left out."""
        return cls(replace(file, values={}))

    @classmethod
    def holding(cls, file: YamlFile, inside: Path_, value: Any) -> Keys:
        """Of a part that is a number or a list where a mapping could stand."""
        keys = cls(replace(file, values={}))
        keys._file, keys._inside, keys.held = file, inside, value
        return keys

    def given(self, key: str) -> bool:
        """Whether a key stands there with a value; null is the same as none."""
        return self.values.get(key) is not None

    def is_null(self, key: str) -> bool:
        """Whether a key stands there and says null."""
        return key in self.values and self.values[key] is None

    def first_given(self, *keys: str) -> str:
        """The first of several names of one key that stands there, else the first."""
        return next((key for key in keys if self.given(key)), keys[0])

    def whole(self, field: str, key: str, default: int | None, least: int = 1, why: str = "") -> int:
        """A count, or what the format has where it is left out; a default of None is a key that must be there."""
        value, most = self._taken(key), MOST_LAYERS if field in ("layers", "encoder_layers") else MOST
        if value is None:
            if default is None:
                self.fault(key, "is missing, and its format has no default")
            return self._assumed(field, least if default is None else default, why)
        if isinstance(value, float) and value.is_integer() and abs(value) <= MOST:
            value = int(value)  # a writer of JSON that knows no whole numbers
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.fault(key, f"must be a whole number from {least} to {most} (got {shortened(value)})")
            return least if default is None else default
        return self._found(field, key, value)

    def switch(self, field: str, key: str, default: bool) -> bool:
        """True or false."""
        value = self._taken(key)
        if value is None:
            return self._assumed(field, default)
        if not isinstance(value, bool):
            self.fault(key, f"must be true or false (got {shortened(value)})")
            return default
        return self._found(field, key, value)

    def word(self, field: str, key: str, words: Mapping[str, T], default: str | None) -> T:
        """What a word of a closed set means."""
        value = self._taken(key)
        if value is None:
            if default is None:
                self.fault(key, f"is missing; allowed: {', '.join(words)}")
                return next(iter(words.values()))
            return self._assumed(field, words[default])
        if not isinstance(value, str) or value not in words:
            self.fault(key, f"must be {' or '.join(words)} (got {shortened(value)})")
            return next(iter(words.values()))
        return self._found(field, key, words[value])

    def list_of(self, key: str, kind: type, most: int = 10_000) -> list[Any] | None:
        """A list of whole numbers or of words; None where there is none."""
        value = self._taken(key)
        if value is None:
            return None
        right = isinstance(value, list) and len(value) <= most
        if not right or not all(isinstance(one, kind) and not isinstance(one, bool) for one in value):
            self.fault(key, f"must be a list of {'words' if kind is str else 'whole numbers'} (got {shortened(value)})")
            return None
        return list(value)

    def only(self, key: str, allowed: object, why: str) -> None:
        """A key of which one value can be said; any other is refused with the reason."""
        value = self._taken(key)
        if value is not None and value != allowed:
            self.fault(key, f"{why} (got {shortened(value)})")
        elif value is not None:
            self.read[key] = f"{_said(value)}, as it must be"

    def instead(self, field: str, value: Any) -> Any:
        """A field as the user gives it where that is a count, so that defaults follow it; else as it was read."""
        given = self.own.get(field)
        return given if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= MOST else value

    def below(self, key: str) -> Keys:
        """The keys of a mapping under a key (none where it is left out), whose fates are told with these."""
        self._asked.add(key)
        value = self.values.get(key)
        if isinstance(value, dict):
            inner = Keys(self._file, (*self._inside, key), self._defaults)
        else:
            inner = Keys(replace(self._file, values={}), (), self._defaults)
            inner._inside = (*self._inside, key)
            if value is not None:
                self.fault(key, f"must be a mapping (got {shortened(value)})")
        inner.read, inner.assumed, inner.places, inner.faults = self.read, self.assumed, self.places, self.faults
        self._below[key] = inner
        return inner

    def mark(self, field: str, key: str, value: object) -> None:
        """Say that a field was read of a key by hand."""
        self._asked.add(key)
        self._found(field, key, value)

    def aside(self, key: str, why: str) -> None:
        """Say why a key, if it stands there, changes nothing here."""
        self._aside[key] = why

    def assume(self, field: str, value: object, why: str) -> None:
        """Say that a field was not stated."""
        self._assumed(field, value, why)

    def fault(self, key: str, problem: str) -> None:
        """Something wrong with a key."""
        path = (key,) if key else ()
        self.faults.append(self._file.fault((*self._inside, *path), problem))

    def stop(self) -> None:
        """Raise what is wrong, if anything is."""
        if self.faults:
            raise InputFaults(sorted(dict.fromkeys(self.faults), key=lambda fault: fault.order))

    def left(self, why_not: Callable[[str], str], under: str = "") -> dict[str, str]:
        """The keys that nobody asked for, and why they change nothing, or UNKNOWN; these first. They lie `under` something."""
        rest = [(key, key) for key in self.values if key not in self._asked]
        rest += [
            (f"{above}.{key}", key) for above, one in self._below.items() for key in one.values if key not in one._asked
        ]
        why = {shown(under + full): self._aside.get(full) or why_not(key) for full, key in rest}
        ranked = dict(sorted(why.items(), key=lambda item: item[1] != UNKNOWN))
        kept = dict(list(ranked.items())[:MOST_SAID])
        return {**kept, **({"...": f"and {len(ranked) - MOST_SAID} more"} if len(ranked) > MOST_SAID else {})}

    def _taken(self, key: str) -> Any:
        self._asked.add(key)
        return self.values.get(key)

    def _found(self, field: str, key: str, value: T) -> T:
        self.read[shown(dotted((*self._inside, key)))] = f"{field} {_said(value)}"
        self.places[field] = (*self._inside, key)
        return value

    def _assumed(self, field: str, value: T, why: str = "") -> T:
        reason = why or f"default of {self._defaults}"
        self.assumed[field] = f"{_said(value)} ({reason})"
        return value


def shown(key: str) -> str:
    """A key as it is told of: text of whoever wrote the file."""
    text = key if key.isprintable() else repr(key)[1:-1]
    return text if len(text) <= LONGEST_KEY else f"{text[: LONGEST_KEY - 3]}..."


def printable(name: object) -> str:
    """A name that a file gives its model, where it is fit to be printed: up to 80 characters; else nothing."""
    return name if isinstance(name, str) and 0 < len(name) <= 80 and name.isprintable() else ""


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else shortened(value).strip("'")
