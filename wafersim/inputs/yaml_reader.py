"""YAML text as plain values with the line of each, built from the parser's events.

Events come one at a time, so what would take for ever is refused where it starts: depth, number of values (an alias
counts as what it stands for), integers beyond 64 bits, infinities. Plain values are read as YAML 1.2 has them.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

Path_ = tuple[str | int, ...]
MOST_VALUES = 10_000  # keys count too: three times the largest sweep of a person; read in about a second
DEEPEST = 40
LONGEST_NUMBER = 40  # characters: nothing in 64 bits is longer
TEXT = "tag:yaml.org,2002:str"


class Refused(ValueError):
    """What is no YAML of ours, and the line."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem, self.line = problem, line


@dataclass
class _Node:
    """A value while it is read: a scalar, or the items of a list or a mapping (key, line of the key, value)."""

    line: int
    scalar: Any = None
    items: list[tuple[str | int, int, _Node]] | None = None
    is_list: bool = False
    size: int = 1
    open: bool = False
    keys: set[str] = field(default_factory=set)


def read_text(text: str) -> tuple[Any, dict[Path_, int]]:
    """(plain value, the line of every path) of one document. Raises Refused, or ruamel's errors where it is no YAML."""
    reader = _Reader(text)
    lines: dict[Path_, int] = {}
    return _plain(reader.root, (), lines), lines


class _Reader:
    def __init__(self, text: str) -> None:
        self._yaml = YAML(typ="safe", pure=True)
        self._events: Iterator[Event] = self._yaml.parse(text)
        self._anchors: dict[str, _Node] = {}
        self._values = 0
        self.root = _Node(1)
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Refused("broken YAML: another document begins; one is read", _line(event))
            elif not isinstance(event, ScalarEvent | AliasEvent | SequenceStartEvent | MappingStartEvent):
                continue
            else:
                self.root = self._node(event, 0)

    def _node(self, event: Event, depth: int) -> _Node:
        line = _line(event)
        if depth > DEEPEST:
            raise Refused(f"broken YAML: nested more than {DEEPEST} deep", line)
        if isinstance(event, AliasEvent):
            return self._aliased(event, line)
        self._count(1, line)
        if isinstance(event, ScalarEvent):
            node = _Node(line, self._scalar(event, line))
            self._named(event, node)
            return node
        assert isinstance(event, SequenceStartEvent | MappingStartEvent)
        if event.tag is not None:
            raise Refused(f"broken YAML: tags such as {str(event.tag)[:40]} are not read", line)
        node = _Node(line, items=[], is_list=isinstance(event, SequenceStartEvent), open=True)
        self._named(event, node)
        (self._list if node.is_list else self._mapping)(node, depth)
        assert node.items is not None
        node.size, node.open = 1 + sum(item.size for _, _, item in node.items), False
        return node

    def _list(self, node: _Node, depth: int) -> None:
        assert node.items is not None
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                return
            item = self._node(event, depth + 1)
            node.items.append((len(node.items), _line(event), item))

    def _mapping(self, node: _Node, depth: int) -> None:
        assert node.items is not None
        merged: list[tuple[str | int, int, _Node]] = []
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                own = node.keys
                node.items += [item for item in merged if item[0] not in own]
                return
            line = _line(event)
            merges = isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]
            key = self._node(event, depth + 1)
            if key.items is not None:
                raise Refused("broken YAML: a key must be text", line)
            value = self._node(next(self._events), depth + 1)
            if merges:
                merged += _merged(value, line)
                continue
            name = str(key.scalar)
            if name in node.keys:
                raise Refused(f'found duplicate key "{name[:60]}"', line)
            node.keys.add(name)
            node.items.append((name, line, value))

    def _aliased(self, event: AliasEvent, line: int) -> _Node:
        node = self._anchors.get(str(event.anchor))
        if node is None:
            raise Refused(f"broken YAML: found undefined alias {str(event.anchor)[:40]!r}", line)
        if node.open:
            raise Refused("broken YAML: an alias contains itself", line)
        self._count(node.size, line)
        return node

    def _named(self, event: Any, node: _Node) -> None:
        if event.anchor is not None:
            self._anchors[str(event.anchor)] = node

    def _count(self, more: int, line: int) -> None:
        self._values += more
        if self._values > MOST_VALUES:
            raise Refused(f"holds more than {MOST_VALUES} values (an alias counts as what it stands for)", line)

    def _scalar(self, event: ScalarEvent, line: int) -> Any:
        text = str(event.value)
        control = next((c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"), None)
        if control is not None:  # a terminal would do what it says
            raise Refused(f"broken YAML: text with the control character {control!r} is not read", line)
        if event.tag is not None and str(event.tag) != TEXT:
            raise Refused(f"broken YAML: tags such as {str(event.tag)[:40]} are not read", line)
        if event.tag is not None or not event.implicit[0]:
            return text
        tag = self._yaml.resolver.resolve(ScalarNode, text, event.implicit)
        kind = str(tag).rpartition(":")[2]
        if kind not in ("int", "float", "bool", "null"):
            return text
        if kind in ("int", "float") and len(text) > LONGEST_NUMBER:
            raise Refused(
                f"{text[:20]}... is a number of {len(text)} characters; up to {LONGEST_NUMBER} are read", line
            )
        value = getattr(self._yaml.constructor, f"construct_yaml_{kind}")(ScalarNode(tag, text))
        if isinstance(value, int) and abs(value) >= 2**63:
            raise Refused(f"{text} is a whole number beyond 64 bits", line)
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"numbers must be finite (got {text})", line)
        return value


def _merged(value: _Node, line: int) -> list[tuple[str | int, int, _Node]]:
    """What `<<: *other` (or a list of them) brings; the first to name a key wins."""
    parts = [item for _, _, item in value.items or ()] if value.is_list else [value]
    found: dict[str | int, tuple[str | int, int, _Node]] = {}
    for part in parts:
        if part.items is None or part.is_list:
            raise Refused("broken YAML: << takes a mapping or a list of mappings", line)
        for item in part.items:
            found.setdefault(item[0], item)
    return list(found.values())


def _plain(node: _Node, path: Path_, lines: dict[Path_, int]) -> Any:
    """The values as fresh dictionaries and lists: what an alias stands for is never shared."""
    if node.items is None:
        return node.scalar
    for key, line, _ in node.items:
        lines[(*path, key)] = line
    if node.is_list:
        return [_plain(item, (*path, key), lines) for key, _, item in node.items]
    return {key: _plain(item, (*path, key), lines) for key, _, item in node.items}


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1
