"""Pipeline schedules: which stage works on which micro-batch of which model chunk, pass by pass, in which order.

GPipe: all forward, then all backward (Huang et al. 2019). 1F1B: after p - s - 1 forward slots, forward and backward in turn
(Narayanan et al. 2019). Interleaved: v chunks a stage, micro-batches in groups of p (Narayanan et al. 2021), the last of which
takes what is left over. Zero-bubble: the weight gradients apart from the input gradients, which go first, within the memory of
1F1B (Qi et al. 2024, ZB-H1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from wafersim.engine.graph import Ints
from wafersim.timeline.timeline import PASS

FORWARD, BACKWARD, DGRAD, WGRAD = (PASS[name] for name in ("forward", "backward", "dgrad", "wgrad"))
SCHEDULES = ("gpipe", "1f1b", "interleaved", "zero-bubble")


@dataclass(frozen=True)
class StageOrder:
    """Slots of one stage in the order in which it works through them; columns of equal length."""

    pass_: Ints
    micro_batch: Ints
    chunk: Ints

    def __len__(self) -> int:
        return len(self.pass_)


@lru_cache(maxsize=256)
def stage_orders(schedule: str, stages: int, micro_batches: int, chunks: int = 1) -> tuple[StageOrder, ...]:
    """The order of every stage."""
    assert schedule == "interleaved" or chunks == 1, "only the interleaved schedule has chunks"
    if schedule == "gpipe":
        return tuple(_gpipe(micro_batches) for _ in range(stages))
    if schedule == "1f1b":
        return tuple(_one_by_one(min(stages - s - 1, micro_batches), micro_batches) for s in range(stages))
    if schedule == "interleaved":
        return tuple(_interleaved(s, stages, micro_batches, chunks) for s in range(stages))
    assert schedule == "zero-bubble", schedule
    return tuple(_zero_bubble(s, stages, micro_batches) for s in range(stages))


def _order(slots: Ints) -> StageOrder:
    """From rows of (pass, micro-batch, chunk)."""
    columns = np.ascontiguousarray(slots.T)
    return StageOrder(columns[0], columns[1], columns[2])


def _gpipe(m: int) -> StageOrder:
    at = np.arange(m)
    passes = np.concatenate((np.full(m, FORWARD), np.full(m, BACKWARD)))
    return StageOrder(passes, np.concatenate((at, at[::-1])), np.zeros(2 * m, np.int64))


def _one_by_one(warm_up: int, total: int) -> StageOrder:
    passes, number = _alternating(warm_up, total)
    return StageOrder(passes, number, np.zeros(2 * total, np.int64))


def _alternating(warm_up: int, total: int) -> tuple[Ints, Ints]:
    """(pass, number of its kind) of `total` forward and backward slots: a warm-up, one of each in turn, the rest."""
    steady = total - warm_up
    passes = np.concatenate(
        (np.full(warm_up, FORWARD), np.tile([FORWARD, BACKWARD], steady), np.full(warm_up, BACKWARD))
    )
    number = np.empty(2 * total, np.int64)
    for kind in (FORWARD, BACKWARD):
        number[passes == kind] = np.arange(total)
    return passes, number


def _interleaved(stage: int, p: int, m: int, v: int) -> StageOrder:
    total, largest = m * v, largest_group(p, m)
    warm_up = total if m == p else min(2 * (p - stage - 1) + (v - 1) * largest, total)
    passes, number = _alternating(warm_up, total)
    before = m - largest  # micro-batches of the groups of p
    late = number >= before * v
    in_group = np.where(late, number - before * v, number % (p * v))
    size = np.where(late, largest, p)
    micro_batch = np.where(late, before, number // (p * v) * p) + in_group % size
    chunk = in_group // size
    return StageOrder(passes, micro_batch, np.where(passes == FORWARD, chunk, v - 1 - chunk))


def largest_group(p: int, m: int) -> int:
    """Micro-batches of the last group of an interleaved schedule: p, and what is left over; all where they are fewer than p.

    A group with fewer than p would wait for its own micro-batches to come around, or deadlock; Megatron-Core refuses it too
    (`microbatch_group_size_per_vp_stage` has to leave 0 or at least p).
    """
    return m if m < p else p + m % p


def _zero_bubble(stage: int, p: int, m: int) -> StageOrder:
    """1F1B whose weight gradients run `stage` micro-batches behind: later stages pass input gradients on first and fill the
    bubble of the cool-down with what they put off. No stage holds more than p micro-batches."""
    warm_up = min(p - stage, m)
    slots = [(FORWARD, i, 0) for i in range(warm_up)]
    for i in range(m):
        slots.append((DGRAD, i, 0))
        if i >= stage:
            slots.append((WGRAD, i - stage, 0))
        if warm_up + i < m:
            slots.append((FORWARD, warm_up + i, 0))
    slots += [(WGRAD, i, 0) for i in range(max(0, m - stage), m)]
    return _order(np.array(slots, np.int64))
