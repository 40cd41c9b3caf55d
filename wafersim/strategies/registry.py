"""The strategies by name: the one place that knows them all."""

from __future__ import annotations

from typing import Any

from wafersim.strategies.gpu_parallel.strategy import GpuParallel
from wafersim.strategies.strategy import Strategy
from wafersim.strategies.weight_streaming.strategy import WeightStreaming
from wafersim.strategies.words import Words

STRATEGIES: tuple[Strategy[Any, Any], ...] = (WeightStreaming(), GpuParallel())


def strategy_of(kind: str) -> Strategy[Any, Any]:
    """The strategy that runs jobs of a kind."""
    return next(strategy for strategy in STRATEGIES if strategy.kind == kind)


def words_of(kind: str) -> Words:
    """The words for a kind of machine: wafer, gpu."""
    return next(strategy.words for strategy in STRATEGIES if strategy.words.kind == kind)
