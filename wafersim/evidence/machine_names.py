"""The profile behind what a table calls a machine: its own name, or a line of `data/machine_names.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from wafersim.errors import Infeasible, shortened
from wafersim.evidence.tables import read_data
from wafersim.inputs.resources import kind_of, names


@dataclass(frozen=True)
class Called:
    """A machine by its profile; `assumed` is what the table does not say of it ("" where it says enough)."""

    profile: str
    assumed: str = ""


def machine_called(text: str) -> Called:
    """The cluster that a `hardware` cell names; raises Infeasible for one that no profile and no line of the table knows."""
    if text in names("hardware") and kind_of(text) == "gpu-cluster":
        return Called(text)
    indifferent, known = _table()
    said = frozenset(_words(text)) - indifferent
    if said not in known:
        raise Infeasible(
            f"hardware {shortened(text)}: no such machine is known; give the name of a cluster's profile "
            "(`wafersim list hardware`), or a name such as H100-SXM5-80GB"
        )
    found = known[said]
    assumed = f"hardware {text.strip()}: {found.profile}, {found.assumed}" if found.assumed else ""
    return Called(found.profile, assumed)


def _words(text: str) -> list[str]:
    """In small letters, up to the first bracket or semicolon."""
    return [word for word in re.split(r"[\s_,\-]+", re.split(r"[(;]", text, maxsplit=1)[0].lower()) if word]


@cache
def _table() -> tuple[frozenset[str], dict[frozenset[str], Called]]:
    written = read_data("machine_names.yaml")
    known = {
        frozenset(line["words"].split()): Called(line["profile"], line.get("assumed", ""))
        for line in written["machines"]
    }
    return frozenset(written["indifferent"]), known
