"""The durations that a lowered plan reads, table by table: what changes when only numbers of a plan change."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wafersim.engine.graph import Ints
from wafersim.strategies.kept import of_the_same
from wafersim.strategies.weight_streaming.plan import PlanLayer, WeightStreamingPlan


class Table(NamedTuple):
    """A run of durations: a link's at a level of the tree, or "input", "activations", "tail", "update"."""

    name: str
    level: int = 0


def table_of(plan: WeightStreamingPlan, table: Table) -> Ints:
    """Ticks of a table, flat."""
    if table.name == "update":
        return np.array([unit.ticks for unit in plan.updates], np.int64)
    if table.name == "tail":
        return np.array([plan.reduction_tail], np.int64)
    if table.name == "input":  # [micro-batch, system]
        return np.array(plan.input_ticks, np.int64)[np.array(plan.size_of)].T.ravel()  # type: ignore[no-any-return]
    if table.name == "activations":  # [micro-batch, piece, system]
        ticks = np.array(plan.fetch_ticks, np.int64)[np.array(plan.size_of)]
        return ticks.transpose(1, 2, 0).ravel()  # type: ignore[no-any-return]
    ticks = _of_links(plan.layers)[table.name]
    factors = slowdowns(plan, table.level)
    if factors is None:
        return ticks
    return np.rint(ticks[:, None] * factors).astype(np.int64).ravel()  # [chunk, entity]


LINKS = ("send", "down", "ingress", "egress", "up", "root", "accumulate", "read")


@of_the_same(64)
def _of_links(layers: tuple[PlanLayer, ...]) -> dict[str, Ints]:
    """Ticks of the chunks of all layers on each kind of link."""
    each = (map(attrgetter(f"{name}_ticks"), layers) for name in LINKS)
    return {name: np.array([*chain.from_iterable(of)], np.int64) for name, of in zip(LINKS, each, strict=True)}


def slowdowns(plan: WeightStreamingPlan, level: int) -> npt.NDArray[np.float64] | None:
    """How slow the links above the entities of a level are; None where all are healthy."""
    factors = plan.tree.slowdown[level - 1] if level else ()
    return np.array(factors) if any(factor != 1.0 for factor in factors) else None


def compute_table(plan: WeightStreamingPlan, per_system: bool) -> Ints:
    """Ticks of compute without jitter: [micro-batch, slice], and [.., system] where systems differ."""
    ticks = np.array([[*chain.from_iterable(size)] for size in plan.compute_ticks], np.int64)
    if not per_system:
        return ticks[np.array(plan.size_of[0])]  # type: ignore[no-any-return]
    return ticks[np.array(plan.size_of).T].transpose(0, 2, 1)  # type: ignore[no-any-return]
