"""Where GPU rows come from (`gpu_rows.yaml`): cluster and training stack of a study, what its rows leave out or open."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from wafersim.errors import Infeasible, WafersimError, shortened
from wafersim.evidence.cells import stated
from wafersim.evidence.rows import Cells
from wafersim.evidence.tables import read_data
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.machine_names import gpus_called
from wafersim.inputs.profile import named

OWN = "own"  # a user's rows, whose machine stands in their columns


@dataclass(frozen=True)
class Stack:
    """The machine of a row; `device` names its GPU where a source reports several."""

    profile: str
    software: str
    device: str = ""
    assumed: str = ""  # of the machine


@dataclass(frozen=True)
class Source:
    """One study, or a user."""

    name: str
    profile: str = ""
    software: str = ""
    by_hardware: bool = False  # the machine stands in the column `hardware`
    by_columns: bool = False  # errors are reported by machine, precision and experts
    devices: dict[str, dict[str, str]] = field(default_factory=dict)
    until: dict[str, str] = field(default_factory=dict)  # month-day -> software in force before it
    software_of_zero_3: str = ""
    required: dict[str, str] = field(default_factory=dict)  # column -> why a row without it says too little
    defaults: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)  # words of its remarks -> settings that they state
    model: dict[str, Any] = field(default_factory=dict)  # what all its models are, where a row does not say it
    micro_batches_of_stages: int = 0  # of a pipeline whose row states none: so many times its stages; 0: not known
    unpipelined: dict[str, int] = field(
        default_factory=dict
    )  # what a row without a pipeline did, where it is not stated
    flops: str = ""  # the convention by which the study counts FLOPs
    recompute: str = ""  # of rows that do not state it; "" leaves it open
    open: dict[str, list[Any]] = field(default_factory=dict)
    context_parallel: bool = False
    sharded_once: bool = False
    recalled: bool = False
    experiment: str = ""  # the shipped one that is this run, with what a row does not state

    def stack(self, cells: Cells, zero: int, notes: str) -> Stack:
        """The cluster and training stack of a row; raises Infeasible where neither is known."""
        if self.name == OWN or self.by_hardware:
            return _stack_of_columns(cells, self.software)
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


def _stack_of_columns(cells: Cells, usual: str) -> Stack:
    """By the columns `hardware` and `software`; the study's `usual` software, or the cluster's own, where no cell names one."""
    called = gpus_called(cells["hardware"])
    try:
        software = stated(cells, "software") or usual or load_gpu_machine(called.profile).network.software
        load_gpu_machine(called.profile, software)
    except WafersimError as unknown:
        raise Infeasible(str(unknown)) from None
    return Stack(called.profile, named(software), assumed=called.assumed)


@cache
def sources() -> dict[str, Source]:
    """All of them, a user's last."""
    table = read_data("gpu_rows.yaml")
    usual = table["defaults"]["open"]
    return {
        name: Source(name=name, **{**entry, "open": {**usual, **entry.get("open", {})}})
        for name, entry in table["groups"].items()
    }


def source_of(cells: Cells) -> Source:
    """The study of a row, by its column `study` or by where it was published; a user's own otherwise. Raises Infeasible."""
    name = stated(cells, "study")
    if name and name not in sources():
        raise Infeasible(f"study {shortened(name)} is none of {', '.join(sources())}")
    said = cells.get("source") or ""
    return sources()[name or next((study for text, study in _pages() if text in said), OWN)]


@cache
def _pages() -> tuple[tuple[str, str], ...]:
    """(text in the column `source`, study)."""
    return tuple(read_data("gpu_rows.yaml")["sources"].items())
