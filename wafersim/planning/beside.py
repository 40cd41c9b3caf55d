"""What jobs of a packed order cost each other: those that run at the same time share MemoryX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.planning.sharing import Shared, share_cluster
from wafersim.training_run.family import Member

MOST_SETS = 12  # of jobs at the same time that are simulated, those of the most time first


@dataclass(frozen=True)
class Beside:
    """Jobs that run at the same time, from and to in seconds of the packed order, and how much longer the step of each is.

    Where that cannot be simulated there is a `reason`.
    """

    names: tuple[str, ...]
    from_s: float
    to_s: float
    shared: tuple[Shared, ...] = ()
    reason: str = ""


def at_the_same_time(members: Sequence[Member]) -> list[tuple[tuple[str, ...], float, float]]:
    """(names, from, to) of jobs that run together by their medians; a set that is part of a larger one is left out.

    Sets change only where a job begins or ends.
    """
    moments = sorted({at for member in members for at in (member.begins_s, member.ends_s)})
    spans = dict[tuple[str, ...], tuple[float, float]]()
    for low, high in pairwise(moments):
        there = tuple(member.name for member in members if member.begins_s <= low and member.ends_s >= high)
        if len(there) > 1:
            spans[there] = (spans.get(there, (low, high))[0], high)
    return [(names, *span) for names, span in spans.items() if not any(set(names) < set(other) for other in spans)]


def beside_each_other(experiments: Mapping[str, Experiment], members: Sequence[Member]) -> list[Beside]:
    """Each such set as it shares MemoryX, in the order of time."""
    sets = at_the_same_time(members)
    longest = sorted(sets, key=lambda one: one[1] - one[2])[:MOST_SETS]
    return [_beside(experiments, *one) for one in sets if one in longest]


def _beside(experiments: Mapping[str, Experiment], names: tuple[str, ...], low: float, high: float) -> Beside:
    try:
        shared = share_cluster([(name, experiments[name]) for name in names])
    except WafersimError as reason:
        return Beside(names, low, high, reason=str(reason))
    return Beside(names, low, high, tuple(shared))
