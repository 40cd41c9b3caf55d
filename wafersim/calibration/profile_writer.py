"""Calibrated numbers put into a profile's YAML by a round trip, so that comments, order and the spelling of the rest stay."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from wafersim import quantity
from wafersim.calibration.atomic import replace_files
from wafersim.calibration.record import Change, Found, today
from wafersim.evidence.tables import own_count
from wafersim.inputs.fit import fit_path, fit_text
from wafersim.inputs.resources import find

COMMAND = "wafersim calibrate --set "


def round_trip() -> YAML:
    """A reader and writer that gives every shipped profile back byte for byte."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100_000
    return yaml


def dumped(tree: Any) -> str:
    """As text."""
    stream = StringIO()
    round_trip().dump(tree, stream)
    return stream.getvalue()


def write_found(found: Found) -> tuple[Path, ...]:
    """Put constants into the profiles and the calibration beside them, all at once; returns the files."""
    own = own_count(found.fit)
    texts: dict[Path, str] = {}
    for profile in dict.fromkeys(change.profile for change in found.changes):
        path = find("hardware", profile)
        mine = [change for change in found.changes if change.profile == profile]
        texts[path] = rewritten(path.read_text(encoding="utf-8"), mine, own)
    texts[fit_path(found.fit.set)] = fit_text(found.fit)
    replace_files(texts)
    return tuple(texts)


def rewritten(text: str, changes: Iterable[Change], own: int = 0) -> str:
    """The profile with numbers, their standard errors and their date changed; the same text where nothing changes.

    A number keeps the unit it is written in. `own` counts rows that are not published: the source then says so.
    """
    tree = round_trip().load(text)
    for change in changes:
        above = tree
        for key in change.path[:-1]:
            above = above[key]
        _set(above[change.path[-1]], change, own)
        _follow(above, change.path[-1])
    return dumped(tree)


def _set(number: CommentedMap, change: Change, own: int) -> None:
    before = dict(number)
    number["value"] = _spelled(change.value, number["value"])
    if isinstance(number.get("source"), str) and number["source"].startswith(COMMAND):
        which = number["source"].removeprefix(COMMAND).split(",")[0]
        number["source"] = DoubleQuotedScalarString(f"{COMMAND}{which}{f', with {own} rows of a user' if own else ''}")
    if change.standard_error is not None:
        number["standard_error"] = _plain(f"{change.standard_error:.3g}")
    if dict(number) != before:
        number["date"] = DoubleQuotedScalarString(today())


def _follow(above: CommentedMap, key: str) -> None:
    """Two spaces before a comment at the end of the line, wherever the line ends now."""
    for comment in above.ca.items.get(key) or ():
        if comment is not None and not isinstance(comment, list) and comment.value.startswith("#"):
            comment.value, comment.start_mark.column = f" {comment.value}", 0


def _spelled(value: float, old: Any) -> Any:
    """A number in the unit in which the old one is written, to four digits."""
    unit = str(old).partition(" ")[2] if isinstance(old, str) else ""
    if not unit:
        return _plain(f"{value:.4g}")
    factor = next(units[unit] for units in quantity.UNITS.values() if unit in units)
    return DoubleQuotedScalarString(f"{value / factor:.4g} {unit}")


def _plain(text: str) -> Any:
    """A number that is dumped as it is spelled here."""
    return round_trip().load(text)
