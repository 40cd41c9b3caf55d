"""What was read of other programs' files, what was assumed and ignored: in a few words, and all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wafersim.inputs.imported import OURS, UNKNOWN
from wafersim.report.words import Row

MOST_NAMED = 3  # of a kind, on the first screen


def in_short(rows: Sequence[Row]) -> list[str]:
    """How many keys were read, and by name what a reader should look at: what nobody knows, what was assumed, what was filled."""
    said = []
    for one in _files(rows):
        ours = one["layout"] == OURS
        unknown = [key for key, why in one["ignored"].items() if why == UNKNOWN]
        keys = "" if ours else f": {_counted(len(one['read']), 'key')} read"
        parts = [f"{one['file']} ({one['layout'].partition(' (')[0]}){keys}"]
        parts += [f"{UNKNOWN}: {_named(unknown)}"] if unknown else []
        parts += (
            [f"set {_named([_first(path, value) for path, value in one['filled'].items()])}"] if one["filled"] else []
        )
        parts += [f"left aside for what is given: {_named(list(one['kept']))}"] if one["kept"] else []
        assumed = [_first(path, value) for path, value in one["assumed"].items()]
        parts += [f"{'left to defaults:' if ours else 'assumed'} {_named(assumed)}"] if assumed else []
        said += parts
    return said


def in_full(rows: Sequence[Row]) -> Iterator[str]:
    """Every key, a line for each kind."""
    for one in _files(rows):
        yield from lines_of(one)


def lines_of(one: Mapping[str, object], apart: bool = False) -> Iterator[str]:
    """Of one file: what was read, set, left aside, assumed, ignored; each entry on a line of its own where they are `apart`."""
    yield f"{one['file']}: {one['layout']}"
    heads = {
        "read": "read",
        "filled": "fields of the experiment that it sets",
        "kept": "left aside",
        "assumed": "left to defaults" if one["layout"] == OURS else "assumed",
        "ignored": "ignored",
    }
    for key, head in heads.items():
        entries = one[key]
        assert isinstance(entries, Mapping)
        if entries and apart:
            yield f"  {head}"
            yield from (f"    {name:40} {said}" for name, said in entries.items())
        elif entries:
            yield f"  {head}: " + "; ".join(f"{name}: {said}" for name, said in entries.items())


def _files(rows: Sequence[Row]) -> list[Row]:
    """Each file once."""
    found: list[Row] = []
    for row in rows:
        one = row.get("imported")
        if one is not None and one not in found:
            found.append(one)
    return found


def _first(path: str, value: str) -> str:
    return f"{path.rpartition('.')[2]} {value.partition(' (')[0]}"


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
