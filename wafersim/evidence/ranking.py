"""How well predictions order the splits of one job: Kendall's tau of the order, and the regret of the split that they put first.

A job is measured in several splits where rows share model, machine, GPUs, sequence and batch. Tau is (pairs in the same order -
pairs in the other) / pairs, over all jobs of a group (Kendall 1938); regret is the measured time of the predicted best over the
measured best, minus one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import expm1, log
from typing import Any

from wafersim.evidence.rows import ValidatedRow


@dataclass(frozen=True)
class Ranking:
    """Of one group of rows: jobs in several splits, those splits, tau, and the regret of a choice in the mean and at most."""

    group: str
    jobs: int
    splits: int
    tau: float
    regret: float
    worst_regret: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class _Timed:
    """Logarithms of a split's predicted and published time."""

    predicted: float
    published: float


def rankings(rows: Sequence[ValidatedRow]) -> list[Ranking]:
    """By group, of those that have a job in several splits; shown rows do not count."""
    jobs: dict[str, dict[str, dict[str, list[_Timed]]]] = {}
    for row in rows:
        if row.job and row.split and row.use != "shown":
            of_job = jobs.setdefault(row.group, {}).setdefault(row.job, {})
            of_job.setdefault(row.split, []).append(_timed(row))
    found = []
    for group, by_job in jobs.items():
        several = [[_mean(rows_) for rows_ in splits.values()] for splits in by_job.values() if len(splits) > 1]
        if several:
            found.append(_ranking(group, several))
    return found


def _ranking(group: str, jobs: Sequence[Sequence[_Timed]]) -> Ranking:
    pairs = [pair for splits in jobs for pair in combinations(splits, 2)]
    agreed = sum(_sign(a.predicted - b.predicted) * _sign(a.published - b.published) for a, b in pairs)
    regrets = [_regret(splits) for splits in jobs]
    return Ranking(
        group, len(jobs), sum(map(len, jobs)), agreed / len(pairs), sum(regrets) / len(regrets), max(regrets)
    )


def _regret(splits: Sequence[_Timed]) -> float:
    chosen = min(splits, key=lambda one: one.predicted).published
    return expm1(chosen - min(one.published for one in splits))


def _timed(row: ValidatedRow) -> _Timed:
    """A rate is inversely proportional to a time."""
    sign = 1.0 if row.unit == "s" else -1.0
    return _Timed(sign * log(row.predicted), sign * log(row.published))


def _mean(repeats: Sequence[_Timed]) -> _Timed:
    """Of rows that repeat one split."""
    n = len(repeats)
    return _Timed(sum(one.predicted for one in repeats) / n, sum(one.published for one in repeats) / n)


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)
