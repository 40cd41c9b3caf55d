"""Where GPU rows come from (`gpu_rows.yaml`): cluster and training stack of a source, what its rows leave out or open."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from wafersim.errors import Infeasible, WafersimError
from wafersim.evidence.cells import stated
from wafersim.evidence.rows import Cells
from wafersim.evidence.tables import read_data
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.profile import named
from wafersim.inputs.resources import names

OWN = "own"  # a user's rows, whose machine stands in their columns


@dataclass(frozen=True)
class Stack:
    """The machine of a row; `device` names its GPU where a source reports several."""

    profile: str
    software: str
    device: str = ""


@dataclass(frozen=True)
class Source:
    """One study, or a user."""

    name: str
    profile: str = ""
    software: str = ""
    devices: dict[str, dict[str, str]] = field(default_factory=dict)
    until: dict[str, str] = field(default_factory=dict)  # month-day -> software in force before it
    software_of_zero_3: str = ""
    required: dict[str, str] = field(default_factory=dict)  # column -> why a row without it says too little
    defaults: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    unpipelined: dict[str, int] = field(
        default_factory=dict
    )  # what a row without a pipeline did, where it is not stated
    open: dict[str, list[Any]] = field(default_factory=dict)
    context_parallel: bool = False
    sharded_once: bool = False
    recalled: bool = False
    experiment: str = ""  # the shipped one that is this run, with what a row does not state

    def stack(self, cells: Cells, zero: int, notes: str) -> Stack:
        """The cluster and training stack of a row; raises Infeasible where neither is known."""
        if self.name == OWN:
            return _own_stack(cells)
        if self.devices:
            hardware = cells["hardware"]
            device = next((name for name in self.devices if hardware.lower().startswith(name)), "")
            if not device:
                raise Infeasible(f"hardware {hardware!r} begins with none of {', '.join(self.devices)}")
            return Stack(**self.devices[device], device=device)
        software = next((older for day, older in self.until.items() if _before(notes, day)), self.software)
        return Stack(self.profile, self.software_of_zero_3 if zero == 3 and self.software_of_zero_3 else software)


def _before(notes: str, day: str) -> bool:
    """Whether notes name a day of the same month before `day`."""
    month, _, last = day.partition("-")
    found = re.search(rf"{month}-(\d\d)", notes)
    return found is not None and int(found[1]) < int(last)


def _own_stack(cells: Cells) -> Stack:
    profile = cells["hardware"]
    if profile not in names("hardware"):
        called: dict[str, str] = read_data("gpu_rows.yaml")["names"]
        profile = next((known for text, known in called.items() if text.lower() in profile.lower()), profile)
    try:
        software = stated(cells, "software") or load_gpu_machine(profile).network.software
        load_gpu_machine(profile, software)
    except WafersimError as unknown:
        raise Infeasible(str(unknown)) from None
    return Stack(profile, named(software))


@cache
def sources() -> dict[str, Source]:
    """All of them, a user's last."""
    table = read_data("gpu_rows.yaml")
    usual = table["defaults"]["open"]
    return {
        name: Source(name=name, **{**entry, "open": {**usual, **entry.get("open", {})}})
        for name, entry in table["groups"].items()
    }


def source_of(name: str) -> Source:
    """The source of a row, by how its id begins; a user's own otherwise."""
    return next((source for prefix, source in sources().items() if name.startswith(prefix)), sources()[OWN])
