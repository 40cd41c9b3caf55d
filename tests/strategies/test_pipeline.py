"""Pipeline schedules by their published bubbles, and what sharded states send."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout
from wafersim.inputs.machine import load_gpu_machine
from wafersim.strategies.gpu_parallel.periodic import run_to_period
from wafersim.strategies.gpu_parallel.plan import GpuPlan, Unit
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.gpu_parallel.schedules import BACKWARD as BACKWARD_PASS
from wafersim.strategies.gpu_parallel.schedules import FORWARD as FORWARD_PASS
from wafersim.strategies.gpu_parallel.schedules import stage_orders
from wafersim.timeline.clock import to_seconds
from wafersim.workload.transformer import build_workload

FORWARD, BACKWARD = 120, 240  # ticks of a whole stage and micro-batch; both divide by 1 to 6 chunks


def even_plan(schedule: str, stages: int, micro_batches: int, chunks: int = 1, split: bool = False) -> GpuPlan:
    """Equal stages, free transfers, no optimizer."""
    unit = Unit(FORWARD // chunks, (BACKWARD // 2 if split else BACKWARD) // chunks, BACKWARD // 2 if split else 0)
    return GpuPlan(
        stages=stages, chunks=chunks, micro_batches=micro_batches, schedule=schedule,
        units=tuple(tuple((unit,) for _ in range(chunks)) for _ in range(stages)), fine="none",
        sends=(0,) * (stages * chunks - 1), ports=(0,) * (stages * chunks - 1), blocking_sends=False, gathers=False,
        prefetch=1, scatters=False, scatter_every=False, overlap=False, tie=0, norm=0, clipping=True, update=(0,) * stages,
        regather=((0,) * chunks,) * stages,
    )  # fmt: skip


def bubble(plan: GpuPlan) -> float:
    """Ticks of a step beyond a stage's own work; clipping keeps steps apart."""
    return float(run_to_period(plan).step_ticks) - plan.micro_batches * (FORWARD + BACKWARD)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["gpipe", "1f1b"]), st.integers(1, 8), st.integers(1, 20))
def test_gpipe_and_1f1b_leave_p_minus_1_micro_batches_idle(schedule: str, p: int, m: int) -> None:
    assert bubble(even_plan(schedule, p, m)) == (p - 1) * (FORWARD + BACKWARD)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(0, 20), st.integers(2, 6))
def test_interleaving_divides_the_bubble_by_the_chunks_whatever_is_left_over(p: int, more: int, v: int) -> None:
    assert bubble(even_plan("interleaved", p, p + more, v)) == (p - 1) * (FORWARD + BACKWARD) / v


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.integers(1, 4), st.integers(1, 20))
def test_every_stage_works_on_every_micro_batch_of_every_chunk_once_each_way(p: int, v: int, m: int) -> None:
    for order in stage_orders("interleaved", p, m, v):
        slots = list(zip(order.pass_.tolist(), order.micro_batch.tolist(), order.chunk.tolist(), strict=True))
        assert sorted(slots) == [
            (way, b, c) for way in sorted((FORWARD_PASS, BACKWARD_PASS)) for b in range(m) for c in range(v)
        ]


def test_a_port_sends_one_transfer_at_a_time() -> None:
    # The stage in the middle sends activations on and gradients back, 2 x 250 ticks for each micro-batch: one after the other
    # where both leave by the network adapter, at once where its other neighbour is in the node.
    def overlaps(ports: tuple[int, int]) -> bool:
        plan = replace(even_plan("1f1b", 3, 16), sends=(250, 250), ports=ports)
        sends = run_to_period(plan).timeline.of("send")
        mine = sends.select(sends.entity == 1)
        at = np.argsort(mine.start, kind="stable")
        return bool((mine.start[at][1:] < mine.end[at][:-1]).any())

    assert not overlaps((1, 1)) and overlaps((0, 1))


def test_weights_of_later_chunks_come_back_behind_the_slots_before_them() -> None:
    alone = float(run_to_period(even_plan("interleaved", 1, 4, 2)).step_ticks)
    plan = replace(even_plan("interleaved", 1, 4, 2), regather=((60, 300),))
    assert float(run_to_period(plan).step_ticks) == alone + 360
    # The slot behind the first one of chunk 0 begins when its weights have come, after 60 ticks; the one behind that, the first
    # behind chunk 1's, could begin after 120, and waits until 360.
    assert float(run_to_period(replace(plan, overlap_regather=True)).step_ticks) == alone + 240


def test_gradients_of_chunks_that_are_done_leave_behind_the_slots_to_come() -> None:
    # Of two chunks the second is done p slots before the first: only the first one's gradients are seen.
    plan = even_plan("interleaved", 4, 8, 2)
    units = tuple(tuple((replace(chunk[0], scatter=300),) for chunk in stage) for stage in plan.units)
    scattering = replace(plan, units=units, fine="last", scatters=True, overlap=True)
    assert bubble(scattering) == bubble(plan) + 300


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(0, 12))
def test_a_split_backward_pass_leaves_a_third_of_the_bubble(p: int, more: int) -> None:
    # Qi et al. 2024, ZB-H1: (p - 1) (T_F + T_B - T_W) for (p - 1) (T_F + T_B + T_W), and the three are equal here.
    assert bubble(even_plan("zero-bubble", p, p + more, split=True)) == (p - 1) * FORWARD


def test_the_slowest_stage_sets_the_pace() -> None:
    plan = even_plan("1f1b", 4, 32)
    slow = Unit(FORWARD + 10, BACKWARD + 20)
    units = (*plan.units[:2], ((slow,),), plan.units[3])
    # 32 x 390 at the slow stage; two forward passes (240) come before its first and two backward passes (480) behind its
    # last. The last stage takes 360 for the first micro-batch while the slow one has 130 of work, so it waits 230; and 360
    # for the last one while it has 260, so it waits 100.
    expected = 32 * 390 + 240 + 480 + 230 + 100
    assert float(run_to_period(replace(plan, units=units)).step_ticks) == expected


GEOMETRY = Geometry.of(build_workload("gpt3-1.3b", 2048))
LAYOUT = Layout(
    data=16, tensor=1, pipeline=1, context=1, expert=1, virtual_stages=1, micro_batch=1, micro_batches=1, zero_stage=0,
    shard=16, sequence_parallel=0, recompute=0, flash=1, fp8=0,
)  # fmt: skip


@pytest.mark.parametrize(("stage", "volume"), [(0, 2), (1, 2), (2, 2), (3, 3)])
def test_zero_sends_what_the_paper_says(stage: int, volume: int) -> None:
    # Rajbhandari et al. 2020, section 7: 2 Psi elements a GPU up to stage 2, 3 Psi at stage 3, here (n - 1) / n of that.
    cluster = cluster_of(load_gpu_machine("dgx-a100-80gb"))
    network = replace(
        cluster.network, gpus_per_node=1, collective_bandwidth=1e9, gradient_bandwidth=1e9, gradient_sharing=0.0,
        node_bandwidth=1e9, latency=0.0, rank_latency=0.0,
    )  # fmt: skip
    software = replace(cluster.software, gradient_bytes=2.0, collective_share=1.0)
    plain = replace(cluster, network=network, software=software)
    plan = build_gpu_plan(GEOMETRY, replace(LAYOUT, zero_stage=stage), plain, "1f1b", clipping=True)
    units = [unit for chunk in plan.units[0] for unit in chunk]
    ticks = sum(unit.gather + unit.gather_again + unit.scatter for unit in units) + sum(map(sum, plan.regather))
    parameters = GEOMETRY.layers * GEOMETRY.block_parameters + GEOMETRY.table_parameters
    assert to_seconds(ticks) * 1e9 / 2 == pytest.approx(volume * parameters * 15 / 16, rel=1e-3)


def test_hybrid_sharding_keeps_gathers_inside_a_node() -> None:
    cluster = cluster_of(load_gpu_machine("dgx-a100-80gb"))
    whole, hybrid = (
        build_gpu_plan(GEOMETRY, replace(LAYOUT, zero_stage=3, shard=shard), cluster, "1f1b", clipping=True)
        for shard in (16, 8)
    )
    assert sum(u.gather for u in hybrid.units[0][0]) < sum(u.gather for u in whole.units[0][0])
