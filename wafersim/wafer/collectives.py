"""Reduce, broadcast, all-reduce and shift on a line of PEs, word by word.

A vector of `words` wavelets pipelines: a PE takes one word a cycle from its router, adds it, and passes it on. A word
that enters or leaves a PE spends the ramp's cycles T_R on the way, a router hop one more. The closed form is that of
Luczynski et al. (HPDC 2024, arXiv 2404.15888):

    T = max(C, E / N + L) + (2 T_R + 1) D

with C the words through the busiest PE, E the word-hops, N the links, L the longest distance and D the PEs that add one
after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isqrt, log2

import numpy as np
import numpy.typing as npt

from wafersim.compiled import njit

SHAPES = ("chain", "tree", "two-phase", "star")


@dataclass(frozen=True)
class Line:
    """A line of PEs: the ramp between a PE and its router, and a hop, in cycles."""

    ramp: int = 2
    hop: int = 1


def parents(shape: str, p: int) -> npt.NDArray[np.int64]:
    """To whom each PE sends its sum; PE 0 is the root (-1). Senders always stand to the right of their parent."""
    up = np.full(p, -1, np.int64)
    if shape == "chain":
        up[1:] = np.arange(p - 1)
    elif shape == "star":
        up[1:] = 0
    elif shape == "tree":
        for i in range(1, p):
            up[i] = i & (i - 1)  # the lowest set bit taken away: a binomial tree
    elif shape == "two-phase":
        group = group_size(p)
        for i in range(1, p):
            up[i] = i - 1 if i % group else i - group  # chains inside groups, then a chain of their heads
    else:
        raise AssertionError(shape)
    return up


def group_size(p: int) -> int:
    """The group of the two-phase reduce: about the square root of the line."""
    return max(1, isqrt(p - 1) + 1) if p > 1 else 1


def reduce(shape: str, vectors: npt.NDArray[np.float32], line: Line) -> tuple[npt.NDArray[np.float32], int]:
    """(sum at PE 0, cycles) of P vectors, one row a PE, added in the order in which they arrive."""
    total, cycles = _reduce(vectors.astype(np.float32), parents(shape, len(vectors)), line.ramp, line.hop)
    return total, int(cycles)


def reduce_closed_form(shape: str, p: int, words: int, line: Line) -> float:
    """The formula of the module's first lines, for one-word wavelets."""
    if p == 1:
        return 0.0
    group = group_size(p)
    contention, energy, depth = {
        "chain": (words, words * (p - 1), p - 1),
        "star": (words * (p - 1), words * p * (p - 1) / 2, 1),
        "tree": (words * ceil(log2(p)), words * p / 2 * ceil(log2(p)), ceil(log2(p))),
        "two-phase": (2 * words, words * (p - 1 + p - group), group - 1 + ceil(p / group) - 1),
    }[shape]
    longest = (p - 1) * line.hop
    return max(contention, energy / (p - 1) + longest) + (2 * line.ramp + 1) * depth


def broadcast_cycles(p: int, words: int, line: Line) -> int:
    """A multicast from one end: routers copy, so the last word reaches the far PE after the line's hops and two ramps."""
    return 0 if p == 1 else words + (p - 1) * line.hop + 2 * line.ramp


def all_reduce_cycles(shape: str, p: int, words: int, line: Line) -> float:
    """Reduce to PE 0, then broadcast."""
    return reduce_closed_form(shape, p, words, line) + broadcast_cycles(p, words, line)


@njit()
def _reduce(vectors, up, ramp, hop):  # type: ignore[no-untyped-def]
    """Word-by-word times: every PE, from the right end on, adds its children's words as they come, nearest child first."""
    p, words = vectors.shape
    ready = np.zeros((p, words), np.int64)  # when a PE's own sum of a word is complete
    total = vectors.copy()
    taken = np.zeros(p, np.int64)  # when the PE may take the next word from its router
    children = np.zeros(p, np.int64)
    for child in range(1, p):
        children[up[child]] += 1
    for receiver in range(p - 1, -1, -1):
        # All children stand to the right and are complete; they come in the order of their first word.
        order = np.empty(children[receiver], np.int64)
        first = np.empty(children[receiver], np.int64)
        n = 0
        for child in range(receiver + 1, p):
            if up[child] == receiver:
                order[n], first[n] = child, ready[child, 0] + (child - receiver) * hop
                n += 1
        for index in np.argsort(first, kind="mergesort"):
            child = order[index]
            for w in range(words):
                # ramp out of the child, the hops, ramp into the receiver, one cycle for the addition
                arrive = ready[child, w] + 2 * ramp + (child - receiver) * hop
                start = max(arrive, taken[receiver])
                taken[receiver] = start + 1
                total[receiver, w] += total[child, w]
                ready[receiver, w] = start + 1
    last = np.int64(0)
    for w in range(words):
        last = max(last, ready[0, w])
    return total[0], last
