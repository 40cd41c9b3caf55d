"""The machine that somebody types, for `system.profile` and `--on` alike: a file of one's own, a shipped name, or a short one.

A file comes first, then what is shipped. Nothing is taken from a name in silence: `assumed` says what it leaves open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from wafersim.errors import WafersimError, shortened
from wafersim.inputs.machine import is_gpu_cluster
from wafersim.inputs.machine_names import Called, known_machine, nearest_machines
from wafersim.inputs.profile import Profile, SystemProfile, named
from wafersim.inputs.profile_file import find_profile, load_profile, read_profile
from wafersim.inputs.resources import UnknownName, is_file, is_path, shipped_name

LISTED = "; `wafersim list hardware` shows all"


@dataclass(frozen=True)
class TypedMachine:
    """What was typed, the profile that it means (a shipped name, or one's own as it is), and what was assumed ("": nothing)."""

    typed: str
    profile: str | Profile
    assumed: str

    @property
    def name(self) -> str:
        """What the profile is called."""
        return named(self.profile)


def typed_machine(text: str, beside: Path | None = None) -> TypedMachine:
    """The machine of a name, an alias or a path, for who stands in the folder `beside` (None: where the command was typed).

    `assumed` is a line such as `h100 taken as dgx-h100 (80 GB)` or `cs3 with memoryx-cs3-36tb and swarmx-cs3`. WafersimError, in
    one line with the nearest names, for one that is unknown or is no machine.
    """
    typed_here = beside is None and is_path(text) and is_file(Path(text))
    reference = machine_reference(text, Path() if typed_here else beside)
    called = known_machine(reference) if isinstance(reference, str) else None
    profile = called.profile if called is not None else reference
    is_gpu_cluster(profile)  # refuses what is no machine
    return TypedMachine(text, profile, _assumed(text.strip(), profile, called))


def machine_reference(reference: str, beside: Path | None) -> str | Profile:
    """What an experiment holds of a machine: a profile of one's own as it is, a shipped one's name, and a name that leaves
    something open as it was typed, so that this is said of every result. WafersimError with the nearest names."""
    try:
        path = find_profile(reference, beside)
    except UnknownName:
        called = known_machine(reference)
        if called is None:
            near = nearest_machines(reference) or LISTED
            raise WafersimError(f"unknown hardware profile {shortened(reference)}{near}") from None
        return reference if called.assumed else called.profile
    shipped = shipped_name("hardware", path)
    if shipped is None:
        return read_profile(path)
    called = known_machine(reference)  # a chip's name means the machine that is made of it
    if called is None or called.profile == shipped:
        return shipped
    return reference if called.assumed else called.profile


def _assumed(text: str, profile: str | Profile, called: Called | None) -> str:
    """What the name leaves open, the profile where it goes by another name, and what a system alone is joined to."""
    found = load_profile(profile)
    said = text
    if called is not None and _plain(text) != _plain(called.profile):
        said = called.said(text) or f"{text} taken as {called.profile}"
    if isinstance(found, SystemProfile):
        said += f" with {named(found.default_memoryx)} and {named(found.default_swarmx)}"
    return said if said != text else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.lower())
