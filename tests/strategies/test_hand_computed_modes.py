"""Forward passes, adapters of frozen weights, recompute by capacity and the tail of a reduction, in ticks worked out on paper.

The small plans have the durations of `test_hand_computed`: MemoryX sends a chunk in 2, its latency is 1; a link into a
system takes 3, a hop 1; every slice of compute takes 10; a link out takes 3, the root's link 2, accumulating 1; an update 5;
a credit takes 2 to come back. All of them have four credits, two systems and one micro-batch.
"""

from dataclasses import replace

import pytest

from tests.strategies.test_hand_computed import LAYER, plan, spans
from tests.strategies.test_planner import MACHINE, MODEL, SETTINGS, hundred_ticks
from wafersim.strategies.weight_streaming import choice
from wafersim.strategies.weight_streaming.activations import Policy, candidates
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import Kernel, UpdateUnit, WeightStreamingPlan
from wafersim.strategies.weight_streaming.planner import Planned, build_plan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.workload.transformer import workload_of

ENGINES = ("fast", "queue", "reference")

# Adapters of the layer in the middle are trained; the other weights are frozen.
LORA = plan(
    [
        Kernel("forward", 0, streams=True, frees=True),
        Kernel("forward", 1, streams=True, frees=True),
        Kernel("forward", 2, streams=True, frees=True),
        Kernel("dgrad", 2, streams=True, frees=True),
        Kernel("dgrad", 1, streams=True, frees=True),
        Kernel("wgrad", 1, drains=True),
    ],
    layers=3, systems=2, micro_batches=1,
)  # fmt: skip

# Losses weigh nothing and update nothing.
FORWARD = replace(
    plan(
        [Kernel("forward", i, streams=True, frees=True, drains=i == 2) for i in range(3)],
        layers=3, systems=2, micro_batches=1,
    ),
    layers=(replace(LAYER, gradient_bytes=0, egress_ticks=(0,), root_ticks=(0,), accumulate_ticks=(0,)),) * 3,
    updates=(UpdateUnit((2,), 0),),
)  # fmt: skip

Spans = dict[str, tuple[int, int]]


def two_steps(of: WeightStreamingPlan) -> list[dict[str, Spans]]:
    reference = Reference(of)
    kinds = ("stream", "ingress", "compute", "egress", "reduce", "accumulate", "update")
    return [{kind: spans(step, kind) for kind in kinds} for step in (reference.run_step(), reference.run_step())]


def test_frozen_weights_of_the_next_step_leave_before_the_adapters_are_updated() -> None:
    first, second = two_steps(LORA)
    # Four credits; the fifth chunk leaves when forward 0's (17) is back at 19.
    assert first["stream"] == {"f0.0": (0, 2), "f1.0": (2, 4), "f2.0": (4, 6), "d2.0": (6, 8), "d1.0": (19, 21)}
    assert first["compute"] == {
        "f0.0": (7, 17), "f1.0": (17, 27), "f2.0": (27, 37), "d2.0": (37, 47), "d1.0": (47, 57), "w1.0": (57, 67),
    }  # fmt: skip
    # One gradient, of the layer with adapters: out by 70, at the root at 71, in MemoryX at 74, updated by 80.
    assert first["egress"] == {"w1.0": (67, 70)}
    assert first["reduce"] == {"w1.0": (71, 73)}
    assert first["accumulate"] == {"w1.0": (74, 75)}
    assert first["update"] == {"u0.0": (75, 80)}
    # The frozen layer 0 needs but forward 1's credit (27 + 2): it is on the wafer long before 67. Layer 1 leaves when it is
    # updated, at 80, and is there 2 + 1 + 3 + 1 later; the frozen layer 2 goes behind it.
    assert second["stream"] == {
        "f0.0": (29, 31), "f1.0": (80, 82), "f2.0": (82, 84), "d2.0": (84, 86), "d1.0": (86, 88),
    }  # fmt: skip
    assert second["compute"] == {
        "f0.0": (67, 77), "f1.0": (87, 97), "f2.0": (97, 107), "d2.0": (107, 117), "d1.0": (117, 127), "w1.0": (127, 137),
    }  # fmt: skip
    assert second["update"] == {"u0.0": (145, 150)}
    # Six slices and 10 of the 20 that pass between the last slice and layer 1's new weights: the others are behind forward 0.
    for engine in ENGINES:
        assert run_to_period(LORA, engine).step_ticks == 70


def test_the_same_layers_all_trained_wait_for_their_updates() -> None:
    # Frozen layers send no gradients. If they did, two more wgrad slices would end at 77 and 87; the last gradient is in at
    # 95, clipping lets three updates of 5 go then, that of layer 0 last, and its weights are on the wafer at 110 + 7.
    kernels = list(LORA.kernels)
    kernels.insert(4, Kernel("wgrad", 2, drains=True))
    trained = plan([*kernels, Kernel("wgrad", 0, drains=True)], layers=3, systems=2, micro_batches=1)
    for engine in ENGINES:
        assert run_to_period(trained, engine).step_ticks == 110


def test_forward_passes_follow_each_other_without_a_gap() -> None:
    first, second = two_steps(FORWARD)
    assert first["stream"] == {"f0.0": (0, 2), "f1.0": (2, 4), "f2.0": (4, 6)}
    assert first["compute"] == {"f0.0": (7, 17), "f1.0": (17, 27), "f2.0": (27, 37)}
    # Losses alone go up: at the root at 37 + 1, in MemoryX 1 later; there is nothing to update.
    assert first["egress"] == {"f2.0": (37, 37)}
    assert first["accumulate"] == {"f2.0": (39, 39)}
    assert first["update"] == {"u0.0": (39, 39)}
    # The fourth credit takes layer 0 of the next pass; layer 1 goes when forward 0's (17) is back at 19.
    assert second["stream"] == {"f0.0": (6, 8), "f1.0": (19, 21), "f2.0": (39, 41)}
    assert second["ingress"]["f0.0"] == (12, 15)  # at the link at 9, which is busy until 12
    assert second["compute"] == {"f0.0": (37, 47), "f1.0": (47, 57), "f2.0": (57, 67)}
    for engine in ENGINES:
        assert run_to_period(FORWARD, engine).step_ticks == 30


def test_servers_for_activations_that_a_forward_pass_does_not_keep_have_nothing_to_do() -> None:
    for engine in ("queue", "reference"):
        assert run_to_period(replace(FORWARD, arrival_order=("ingress", "egress")), engine).step_ticks == 30


def test_a_plan_that_works_on_after_its_last_gradient_or_updates_what_sends_none_is_refused() -> None:
    with pytest.raises(AssertionError, match="work after the last gradient of a step would not end with it"):
        replace(LORA, kernels=(*LORA.kernels, Kernel("dgrad", 0, streams=True, frees=True)))
    with pytest.raises(AssertionError, match=r"layers \[1\] send gradients, \[0, 1\] are updated"):
        replace(LORA, updates=(UpdateUnit((1,), 5), UpdateUnit((0,), 5)))
    with pytest.raises(AssertionError, match=r"layers \[1\] send gradients, \[\] are updated"):
        replace(LORA, updates=())


# The planner's small transformer of four blocks, two micro-batches of 3 x 32 tokens, on links that take no time. A kernel
# takes 100 an op: embedding 100, block 600, head 200. Forward 100 + 4 x 600 + 200; backward 2 x 200, 4 x 2 x 600 and 100 of
# the embedding: 8,000 a micro-batch. A block's latencies are hidden; a step's are not: 30 + 7 down, 7 + 30 up.
AT_ONCE = replace(
    MACHINE, system_bandwidth=1e30, memoryx_bandwidth=1e30, accumulate_bandwidth=1e30, optimizer_bandwidth=1e30,
    link_bandwidth=1e30,
)  # fmt: skip
WORKLOAD = workload_of(MODEL, 32)
# Bytes: of everything kept, 96 tokens x 4 blocks x 2,176; a 64th of a block's working set, 96 x 1,280 / 64; eight chunks each
# way, 24,992 of weights down and 49,984 of gradients up, which are more than the reserved tenth.
ENOUGH = 835_584 + 1_920 + 8 * (24_992 + 49_984)


@pytest.mark.parametrize(
    ("sram", "policy", "step"),
    [(ENOUGH, Policy(0, "wafer"), 2 * 8_000 + 74), (ENOUGH - 1, Policy(1, "wafer", True), 2 * 10_400 + 74)],
)
def test_a_byte_too_few_for_all_activations_costs_a_forward_pass_of_the_blocks(
    sram: int, policy: Policy, step: int
) -> None:
    machine = replace(AT_ONCE, sram=sram)
    found = choice._first_fitting.__wrapped__(candidates("auto", "auto", "auto"), WORKLOAD, machine.memory, SETTINGS)
    assert isinstance(found, choice.Fitting)
    assert found.policy == policy
    planned = build_plan(WORKLOAD, machine, SETTINGS, found.policy, hundred_ticks)
    assert isinstance(planned, Planned)
    recomputed = [kernel.layer for kernel in planned.plan.kernels if kernel.pass_ == "recompute"]
    assert recomputed == ([4, 3, 2, 1] if policy.every else [])
    for engine in ENGINES:
        assert run_to_period(planned.plan, engine).step_ticks == step


@pytest.mark.parametrize(
    ("systems", "tail", "latency"),
    [
        (1, 0, 74),
        # (100 + 208,512 / 100) ticks a doubling, of 8,448 + 4 x 49,984 + 128 parameters, the tied table counted once.
        (2, 2_185, 74),
        (4, 4_370, 74),  # 4,370.24
        (8, 6_555, 74 + 14),  # 6,555.36; a second level of the tree is a hop more each way
    ],
)
def test_the_tail_takes_its_ticks_once_for_each_doubling_of_the_systems(systems: int, tail: int, latency: int) -> None:
    machine = replace(AT_ONCE, reduction_tail=100e-12, reduction_tail_per_parameter=1e-14)
    settings = replace(SETTINGS, shards=(6,) * systems)
    found = build_plan(WORKLOAD, machine, settings, Policy(0, "wafer"), hundred_ticks)
    assert isinstance(found, Planned)
    assert found.plan.reduction_tail == tail
    for engine in ENGINES:
        assert run_to_period(found.plan, engine).step_ticks == 16_000 + latency + tail
