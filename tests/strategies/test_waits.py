"""Where a step goes, on plans small enough to follow every chunk.

Ticks are those of test_hand_computed: MemoryX sends in 2 with a latency of 1, SwarmX links take 4 either way, a hop 1, the links
of a system 3, compute 10, the root's link 2, accumulating 1, an update 5.
"""

from dataclasses import replace

from tests.strategies.test_hand_computed import plan
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import Kernel, WeightStreamingPlan
from wafersim.strategies.weight_streaming.waits import TicksByPart, _scaled, parts_of_step

# One layer: nothing of a step overlaps, since its weights wait for the update and its gradient for the work.
ONE_LAYER = [Kernel("forward", 0, streams=True, frees=True), Kernel("wgrad", 0, drains=True)]


def one_layer(systems: int) -> WeightStreamingPlan:
    return replace(plan(ONE_LAYER, layers=1, systems=systems, micro_batches=1), floor_ticks=((0, 0),))


def parts(of: WeightStreamingPlan) -> TicksByPart:
    periodic = run_to_period(of)
    return parts_of_step(periodic.timeline, of, round(periodic.step_ticks))


def test_every_hop_of_a_deeper_tree_is_latency_on_the_way_down_and_up() -> None:
    # Five systems hang two hops deep. Down: 2 to send, 1 latency, 4 to the node, a hop, 3 into the system, a hop. Two slices
    # of 10. Up: 3 out, a hop, 4 up, a hop, 2 into MemoryX, 1 latency, 1 to add. Update: 5.
    of = one_layer(5)
    assert of.tree.depth == 2
    assert parts(of) == TicksByPart(
        compute=20, kernel_latency=0, exposed_stream=2 + 4 + 3, exposed_drain=3 + 4 + 2 + 1, exposed_activations=0,
            exposed_reduction=0,
        exposed_input=0, optimizer=5, fixed_latency=(1 + 1 + 1) + (1 + 1 + 1),
    )  # fmt: skip


def test_a_floor_is_told_apart_from_work() -> None:
    found = parts(replace(one_layer(2), floor_ticks=((4, 2),)))
    assert (found.compute, found.kernel_latency) == (14, 6)


def test_a_late_input_is_what_the_wafer_waits_for() -> None:
    # The input workers need 100 ticks a micro-batch; all else takes less, so that 80 of them are waited for.
    found = parts(replace(one_layer(1), input_ticks=(100,)))
    assert found.total == 100
    assert (found.compute, found.exposed_input, found.exposed_activations) == (20, 80, 0)


def test_weights_that_were_current_wait_for_their_credit_alone() -> None:
    # Two layers and one credit. The second layer's chunk leaves when the first slice has ended at 17 and its credit is back at
    # 19: 2 of credit, 2 to send, 3 into the system are the stream's, 2 latency; its update was over long before. Before the
    # step: 3 out, 2 up, 1 to add are the drain's, two updates of 5, again 2 + 3 of stream, and latency 2 up and 2 down.
    kernels = [
        Kernel("forward", 0, streams=True, frees=True),
        Kernel("forward", 1, streams=True, frees=True),
        Kernel("wgrad", 1, drains=True),
        Kernel("wgrad", 0, drains=True),
    ]
    of = replace(plan(kernels, layers=2, systems=1, micro_batches=1, credits=1), floor_ticks=((0,) * 4,))
    assert parts(of) == TicksByPart(
        compute=40, kernel_latency=0, exposed_stream=7 + 5, exposed_drain=6, exposed_activations=0, exposed_input=0,
            exposed_reduction=0,
        optimizer=10, fixed_latency=2 + 2 + 2,
    )  # fmt: skip


def test_parts_of_one_step_are_scaled_to_the_mean_step_to_the_tick() -> None:
    # Edges at 0, 3, 7 and 10 of 10 are at 0, 4.5, 10.5 and 15 of 15, cut to whole ticks.
    assert _scaled({"a": 3, "b": 4, "c": 3}, 10, 15) == {"a": 4, "b": 6, "c": 5}
