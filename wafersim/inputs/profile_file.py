"""From a file (or an inline mapping) to a profile: what it says itself, what it takes over from others, and its parts.

`base: cs3` takes over a whole profile and changes some numbers; `{like: cs3, ...}` assumes one number of another. A number
that was taken over keeps the name of the profile that sets it, so that what a calibration knows of it still applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wafersim.errors import InputFaults, WafersimError, shortened
from wafersim.inputs.faults import validated
from wafersim.inputs.file_cache import of_file
from wafersim.inputs.machine_names import known_machine
from wafersim.inputs.profile import ADAPTER, PARTS, Profile, SystemProfile
from wafersim.inputs.resources import alias_of, find, kind_of, located, names, shipped_name
from wafersim.inputs.sourced import Sourced
from wafersim.inputs.yaml_file import Path_, YamlFile, read_yaml

TABLES = (
    "values",
    "kernel_code",
    "releases",
    "working_sets",
    "rings",
    "failures",
    "offers",
)  # of numbers: a profile changes some and keeps the others
PROFILES = "hardware"


def load_profile(name: str | Profile) -> Profile:
    """A shipped profile by name or alias ("wse2" is cs2), a cluster by what people call it, or a profile as it is."""
    if not isinstance(name, str):
        return name
    if name not in names(PROFILES):
        called = known_machine(name)
        name = alias_of(name) or (called.profile if called else name)
    return read_profile(find(PROFILES, name))


def find_profile(reference: str, beside: Path | None) -> Path:
    """The file of a profile given by path, name or alias, for who stands in the folder `beside`."""
    return located(PROFILES, reference, beside)


@of_file
def read_profile(path: Path) -> Profile:
    """One profile file; raises InputFaults with file:line for every fault."""
    return _validated(_Source(read_yaml(path), path.parent, (path.resolve(),), path.stem))


def inline_profile(file: YamlFile, beside: Path) -> Profile:
    """A profile that is written where its name could stand; `file` is that part of the file around it."""
    return _validated(_Source(file, beside, (), ""))


def kernel_constants(system: str, family: str) -> dict[str, float]:
    """The cycle counts of a measured kernel family's loop on a system, by name; empty where nobody has measured it."""
    profile = load_profile(system)
    assert isinstance(profile, SystemProfile)
    return {name: number.value for name, number in profile.kernel_code.get(family, {}).items()}


def number_at(place: str) -> Sourced:
    """A shipped number by "profile: values.name", "profile: releases.name" or "profile: kernel_code.family.name"."""
    profile, _, path = place.partition(": ")
    here: Any = load_profile(profile)
    for part in path.split(".", 1 if path.startswith(("values", "releases", "working_sets")) else 2):
        here = here[part] if isinstance(here, Mapping) else getattr(here, part)
    assert isinstance(here, Sourced)
    return here


@dataclass(frozen=True)
class _Source:
    """A profile as it is written, the folder it stands in, and the files that are being read for its sake."""

    file: YamlFile
    beside: Path
    asking: tuple[Path, ...]
    called: str  # where it does not say its name

    def refused(self, path: Path_, problem: str) -> InputFaults:
        return InputFaults([self.file.fault(path, problem)])

    def other(self, path: Path_, reference: object, word: str) -> tuple[_Source, str]:
        """(another profile that this one names, the name that its numbers go by)."""
        said = shortened(reference).strip("'")
        if not isinstance(reference, str):
            raise self.refused(path, f"{word}: must be the name or path of a profile (got {said})")
        try:
            there = located(PROFILES, reference, self.beside, self.asking[:1])
        except WafersimError as error:
            round_ = f"{reference.removesuffix('.yaml')}.yaml"
            own = self.asking and (self.beside / round_).resolve() == self.asking[0]
            raise self.refused(path, f"{word} {said}: goes round" if own else f"{word}: {error}") from None
        if there.resolve() in self.asking:
            raise self.refused(path, f"{word} {said}: goes round")
        theirs = read_yaml(there)
        name = shipped_name(PROFILES, there) or str(theirs.values.get("name", there.stem))
        return _Source(theirs, there.parent, (there.resolve(), *self.asking), there.stem), name


def _validated(source: _Source) -> Profile:
    profile: Profile = validated(ADAPTER, replace(source.file, values=_assembled(source)))
    return profile


def _assembled(source: _Source) -> dict[str, Any]:
    """The fields of a profile with everything filled in that it takes from others."""
    values = {**source.file.values}
    numbers = values.get("values")
    if isinstance(numbers, dict):
        values["values"] = {name: _filled(source, name, number) for name, number in numbers.items()}
    if "base" in values:
        values = _based(source, values)
    for field, kind in PARTS.get(str(values.get("kind")), {}).items():
        if field in values:
            values[field] = _part(source, field, values[field], kind)
    return values


def _filled(source: _Source, name: str, number: Any) -> Any:
    """A `{like: other}` with the other's number, as an assumption here."""
    if not isinstance(number, dict) or "like" not in number or "written" in number:
        return number
    path = ("values", name)
    if "value" in number:
        raise source.refused(path, "has a value and a like")
    other, owner = source.other(path, number["like"], "like")
    there = _one_number(other, name)
    if not isinstance(there, dict) or "value" not in there:
        raise source.refused(path, f"like {number['like']}: it has no {name}")
    said = {
        **number,
        "value": there["value"],
        "kind": "assumed",
        "source": f"as in {owner}: {number.get('source', '')}",
        "like": there.get("like", owner),  # where the number is set
    }
    if "confidence" in there:
        said.setdefault("confidence", there["confidence"])
    times = [_times(source, path, one["times"]) for one in (number, there) if "times" in one]
    return said | ({"times": times[0] * times[-1] if len(times) == 2 else times[0]} if times else {})


def _one_number(source: _Source, name: str) -> Any:
    """A number of another profile, filled in; alone, since all of it for each number is exponential in a chain."""
    numbers = source.file.values.get("values")
    own = numbers.get(name) if isinstance(numbers, dict) else None
    if own is not None:
        return _filled(source, name, own)
    return _assembled(source).get("values", {}).get(name) if "base" in source.file.values else None


def _times(source: _Source, path: Path_, written: object) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float) or written <= 0:
        raise source.refused(path, f"times must be a number > 0 (got {shortened(written)})")
    return float(written)


def _based(source: _Source, values: dict[str, Any]) -> dict[str, Any]:
    """The fields of the base with those of this profile over them; tables of numbers keep what is not named."""
    base, owner = source.other(("base",), values.pop("base"), "base")
    theirs = _assembled(base)
    validated(ADAPTER, replace(base.file, values=theirs))  # what is wrong in the base is said of its own file
    if values.get("kind", theirs["kind"]) != theirs["kind"]:
        raise source.refused(("kind",), f"must be {theirs['kind']}, as that of its base {owner}")
    kept = {name: value for name, value in theirs.items() if name not in ("name", "aliases")}
    kept["name"] = source.called or f"{owner}, changed"
    kept["title"] = f"{theirs['title']}, changed"
    for table in TABLES:
        if isinstance(values.get(table, {}), dict):
            merged = _over(_owned(theirs.get(table, {}), owner), values.get(table, {}))
            values = {**values, **({table: merged} if merged else {})}
    return {**kept, **values}


def _owned(table: Any, owner: str) -> Any:
    """Numbers that say whose they are."""
    if isinstance(table, dict) and ("value" in table or "written" in table):
        return {**table, "like": table.get("like", owner)}
    return {name: _owned(each, owner) for name, each in table.items()} if isinstance(table, dict) else table


def _over(theirs: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
    """Mappings of numbers merge; a number is replaced as a whole, with its source."""
    out = dict(theirs)
    for name, each in mine.items():
        before = out.get(name)
        families = isinstance(each, dict) and isinstance(before, dict) and "value" not in before | each
        out[name] = _over(before, each) if families and isinstance(before, dict) else each
    return out


def _part(source: _Source, field: str, reference: Any, kind: str) -> Any:
    """A part's profile; the name of a shipped one stays a name."""
    if isinstance(reference, dict):
        part: Any = _validated(replace(source, file=source.file.part((field,), reference), called=""))
        found = part.kind
    elif isinstance(reference, str):
        try:
            path = located(PROFILES, reference, source.beside, source.asking[:1])
        except WafersimError as error:
            raise source.refused((field,), str(error)) from None
        shipped = shipped_name(PROFILES, path)
        part = shipped or read_profile(path)
        found = kind_of(shipped) if shipped else part.kind
    else:
        return reference  # a profile already, or said by the schema
    if found != kind:
        raise source.refused((field,), f"{shortened(getattr(part, 'name', part))} is a {found}; a {kind} is needed")
    return part
