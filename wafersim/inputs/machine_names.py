"""The machine behind what people call it, wafers or GPUs: its profile's name, in any case, or a line of `machine_names.yaml`.

A name is known by all of its words or not at all: nothing is matched by a part of it, so that "GB200" is no "B200" and
"H100 PCIe" no "H100". Where a chip and a machine of such chips have one name ("b200"), the machine is meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from wafersim.errors import Infeasible, did_you_mean, shortened
from wafersim.inputs.resources import alias_of, kind_of, names

FEW = 3  # lines of the table that are named beside an unknown machine
GPUS = ("gpu-cluster",)
MACHINES = ("cluster", "system", *GPUS)  # kinds of profiles that train alone


@dataclass(frozen=True)
class Called:
    """A machine by its profile; `assumed` is what the name does not say of it ("" where it says enough)."""

    profile: str
    assumed: str = ""

    def said(self, text: str) -> str:
        """What a name is taken to be beyond what it says: `A100 taken as dgx-a100-80gb (80 GB)`; "" where it says enough."""
        return f"{text.strip()} taken as {self.profile} ({self.assumed})" if self.assumed else ""


def gpus_called(text: str) -> Called:
    """The GPU cluster that a name in a table means; raises Infeasible with the nearest for one that nothing here knows."""
    found = known_machine(text)
    if found is None or kind_of(found.profile) not in GPUS:
        raise Infeasible(
            f"hardware {shortened(text)}: no such machine is known{nearest_machines(text, GPUS)}; give the name of a "
            "cluster's profile (`wafersim list hardware`), or a name such as H100-SXM5-80GB"
        )
    assumed = f"hardware {text.strip()}: {found.profile}, {found.assumed}" if found.assumed else ""
    return Called(found.profile, assumed)


def known_machine(text: str) -> Called | None:
    """The shipped machine that a name means: a profile's name or alias in any case, or a line of the table; None for others."""
    indifferent, lines = _table()
    small = text.strip().lower()
    for name in (text, small):
        if name in names("hardware") and kind_of(name) in MACHINES:
            return Called(name)
    found = lines.get(frozenset(_words(text)) - indifferent)
    alias = None if found else alias_of(small)
    return Called(alias) if alias is not None and kind_of(alias) in MACHINES else found


def short_names() -> Mapping[str, tuple[str, ...]]:
    """{profile: one-word names of the table that mean it and are not its own, the shortest first}, such as h100 of dgx-h100."""
    found: dict[str, tuple[str, ...]] = {}
    for words, called in _table()[1].items():
        if len(words) == 1 and called.profile not in words:
            found[called.profile] = tuple(sorted((*found.get(called.profile, ()), *words), key=len))
    return found


def _words(text: str) -> list[str]:
    """In small letters, up to the first bracket or semicolon; "8 x" before them and a space before GB go."""
    plain = re.split(r"[(;]", text, maxsplit=1)[0].lower()
    plain = re.sub(r"^\s*\d+\s*[x\u00d7]\s*", "", plain)
    plain = re.sub(r"(\d)\s+gb\b", r"\1gb", plain)
    return [word for word in re.split(r"[\s_,\-]+", plain) if word]


def nearest_machines(text: str, kinds: Collection[str] = MACHINES) -> str:
    """`; did you mean "h100 80gb"?`: names spelled like it, or else those that share most words with it."""
    indifferent, lines = _table()
    said = set(_words(text)) - indifferent
    meant = {words: called for words, called in lines.items() if kind_of(called.profile) in kinds}
    spelled = {" ".join(sorted(words)): words for words in meant}
    machines = [name for name in names("hardware") if kind_of(name) in kinds]
    alike = did_you_mean(" ".join(sorted(said)), [*spelled, *machines])
    if alike or not said:
        return alike
    shared = sorted(
        (name for name, words in spelled.items() if words & said), key=lambda name: (-len(spelled[name] & said), name)
    )
    quoted = " or ".join(f'"{name}"' for name in shared[:FEW])
    return f"; did you mean {quoted}?" if shared else ""


@cache
def _table() -> tuple[frozenset[str], Mapping[frozenset[str], Called]]:
    text = (files("wafersim.inputs") / "machine_names.yaml").read_text(encoding="utf-8")
    written: dict[str, Any] = YAML(typ="safe").load(text)
    lines = {
        frozenset(line["words"].split()): Called(line["profile"], line.get("assumed", ""))
        for line in written["machines"]
    }
    return frozenset(written["indifferent"]), lines
