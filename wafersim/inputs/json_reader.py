"""JSON text as plain values with the line of each, in time and memory that its length bounds.

Refused where it starts: depth, number of values, a key twice, NaN and infinities, numbers beyond 64 bits, text that a terminal
would act on.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any

from wafersim.inputs.yaml_reader import DEEPEST, LONGEST_NUMBER, MOST_VALUES, Path_, Refused

SPACE = re.compile(r"[ \t\r\n]*")
NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
WORDS = {"true": True, "false": False, "null": None}
NO_NUMBERS = ("NaN", "Infinity", "-Infinity")  # Python writes them, JSON has none


def read_json_text(text: str) -> tuple[Any, dict[Path_, int]]:
    """(plain value, the line of every path) of one JSON document. Raises Refused."""
    reader = _Reader(text)
    value = reader.value((), 0)
    reader.skip()
    if reader.at < len(text):
        raise reader.refused("broken JSON: something follows the end")
    return value, reader.lines


class _Reader:
    """A descent through the text; `at` is where it stands."""

    def __init__(self, text: str) -> None:
        self.at = 0
        self.lines: dict[Path_, int] = {}
        self._text, self._values = text, 0
        self._line, self._counted = 1, 0  # line breaks before `_counted`

    def refused(self, problem: str) -> Refused:
        return Refused(problem, self._line_here())

    def skip(self) -> None:
        match = SPACE.match(self._text, self.at)
        assert match is not None
        self.at = match.end()

    def value(self, path: Path_, depth: int) -> Any:
        self.skip()
        if depth > DEEPEST:
            raise self.refused(f"broken JSON: nested more than {DEEPEST} deep")
        self._values += 1
        if self._values > MOST_VALUES:
            raise self.refused(f"holds more than {MOST_VALUES} values")
        first = self._text[self.at : self.at + 1]
        if first == "{":
            return self._mapping(path, depth)
        if first == "[":
            return self._list(path, depth)
        return self._string() if first == '"' else self._plain()

    def _mapping(self, path: Path_, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._opened("}"):
            return found
        while True:
            self.skip()
            if self._text[self.at : self.at + 1] != '"':
                raise self.refused("broken JSON: a key in double quotes is needed")
            line, key = self._line_here(), self._string()
            if key in found:
                shown = f'"{key[:60]}"' if key.isprintable() else repr(key[:60])
                raise self.refused(f"found duplicate key {shown}")
            self.skip()
            self._expect(":")
            self.lines[(*path, key)] = line
            found[key] = self.value((*path, key), depth + 1)
            if self._closed("}"):
                return found

    def _list(self, path: Path_, depth: int) -> list[Any]:
        found: list[Any] = []
        if self._opened("]"):
            return found
        while True:
            self.skip()
            self.lines[(*path, len(found))] = self._line_here()
            found.append(self.value((*path, len(found)), depth + 1))
            if self._closed("]"):
                return found

    def _opened(self, end: str) -> bool:
        """Past an opening bracket, and past the closing one where nothing is in between."""
        self.at += 1
        self.skip()
        if self._text[self.at : self.at + 1] == end:
            self.at += 1
            return True
        return False

    def _closed(self, end: str) -> bool:
        self.skip()
        if self._text[self.at : self.at + 1] == end:
            self.at += 1
            return True
        self._expect(",", f"comma or {end}")
        return False

    def _expect(self, sign: str, what: str = "") -> None:
        if self._text[self.at : self.at + 1] != sign:
            there = self._text[self.at : self.at + 1]
            raise self.refused(
                f"broken JSON: {what or sign} is needed here ({repr(there) if there else 'the end'} stands)"
            )
        self.at += 1

    def _string(self) -> str:
        try:
            text, end = json.decoder.scanstring(self._text, self.at + 1, True)  # type: ignore[attr-defined]
        except ValueError as error:
            problem = str(error).partition(":")[0]
            raise self.refused(f"broken JSON: {problem[0].lower()}{problem[1:]}") from None
        control = next((c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t\r"), None)
        if control is not None:  # a terminal would do what it says; half a pair is no text
            raise self.refused(f"broken JSON: text with the control character {control!r} is not read")
        self.at = end
        return str(text)

    def _plain(self) -> Any:
        for word, meant in WORDS.items():
            if self._text.startswith(word, self.at):
                self.at += len(word)
                return meant
        for word in NO_NUMBERS:
            if self._text.startswith(word, self.at):
                raise self.refused(f"numbers must be finite (got {word})")
        match = NUMBER.match(self._text, self.at)
        if match is None:
            there = self._text[self.at : self.at + 10]
            raise self.refused(f"broken JSON: a value is needed here ({repr(there) if there else 'the end'} stands)")
        text = match[0]
        if len(text) > LONGEST_NUMBER:
            raise self.refused(f"{text[:20]}... is a number of {len(text)} characters; up to {LONGEST_NUMBER} are read")
        number = float(text) if match[1] or match[2] else int(text)
        if not math.isfinite(number):
            raise self.refused(f"numbers must be finite (got {text})")
        if isinstance(number, int) and abs(number) >= 2**63:
            raise self.refused(f"{text} is a whole number beyond 64 bits")
        self.at = match.end()
        return number

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self.at)
        self._counted = max(self._counted, self.at)
        return self._line
