"""A GPU plan's ticks stay whole numbers on their way into the engines."""

import numpy as np

from wafersim.strategies.gpu_parallel.graph import lower
from wafersim.strategies.gpu_parallel.periodic import run_to_period
from wafersim.strategies.gpu_parallel.plan import GpuPlan, Unit

LONG = 2**53 + 1  # 2.5 hours of picoseconds: the first whole number that a double cannot hold


def one_stage(ticks: int) -> GpuPlan:
    """A single stage, which sends nothing, with one micro-batch of one unit."""
    return GpuPlan(
        stages=1, chunks=1, micro_batches=1, schedule="1f1b", units=(((Unit(ticks, 0),),),), fine="none", sends=(),
        ports=(), blocking_sends=False, gathers=False, prefetch=0, scatters=False, scatter_every=False, overlap=False, tie=0,
        norm=0, clipping=False, update=(0,), regather=((0,),), overlap_regather=False,
    )  # fmt: skip


def test_durations_of_a_plan_that_sends_nothing_are_whole_numbers() -> None:
    assert lower(one_stage(5)).durations().dtype == np.int64


def test_a_step_of_hours_keeps_its_last_tick() -> None:
    assert run_to_period(one_stage(LONG)).step_ticks == LONG
