"""The GPU cluster behind what people call a machine: its profile's name, or a line of `machine_names.yaml`.

A name is known by all of its words or not at all: nothing is matched by a part of it, so that "GB200" is no "B200" and
"H100 PCIe" no "H100".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from wafersim.errors import Infeasible, did_you_mean, shortened
from wafersim.inputs.resources import kind_of, names

FEW = 3  # lines of the table that are named beside an unknown machine


@dataclass(frozen=True)
class Called:
    """A machine by its profile; `assumed` is what the name does not say of it ("" where it says enough)."""

    profile: str
    assumed: str = ""

    def said(self, text: str) -> str:
        """What a name is taken to be beyond what it says: `A100 taken as dgx-a100-80gb (80 GB)`; "" where it says enough."""
        return f"{text.strip()} taken as {self.profile} ({self.assumed})" if self.assumed else ""


def machine_called(text: str) -> Called:
    """The cluster that a name means; raises Infeasible with the nearest for one that no profile and no line knows."""
    found = known_machine(text)
    if found is None:
        raise Infeasible(
            f"hardware {shortened(text)}: no such machine is known{_nearest(text)}; give the name of a cluster's profile "
            "(`wafersim list hardware`), or a name such as H100-SXM5-80GB"
        )
    assumed = f"hardware {text.strip()}: {found.profile}, {found.assumed}" if found.assumed else ""
    return Called(found.profile, assumed)


def known_machine(text: str) -> Called | None:
    """The same; None for one that is not known."""
    if text in names("hardware") and kind_of(text) == "gpu-cluster":
        return Called(text)
    indifferent, lines = _table()
    return lines.get(frozenset(_words(text)) - indifferent)


def _words(text: str) -> list[str]:
    """In small letters, up to the first bracket or semicolon; "8 x" before them and a space before GB go."""
    plain = re.split(r"[(;]", text, maxsplit=1)[0].lower()
    plain = re.sub(r"^\s*\d+\s*[x\u00d7]\s*", "", plain)
    plain = re.sub(r"(\d)\s+gb\b", r"\1gb", plain)
    return [word for word in re.split(r"[\s_,\-]+", plain) if word]


def _nearest(text: str) -> str:
    """`; did you mean "h100 80gb"?`: the lines that are spelled like it, or else those that share most words with it."""
    indifferent, lines = _table()
    said = set(_words(text)) - indifferent
    spelled = {" ".join(sorted(words)): words for words in lines}
    alike = did_you_mean(" ".join(sorted(said)), spelled)
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
