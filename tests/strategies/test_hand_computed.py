"""Plans small enough to work out on paper; every start and end is checked against the comment beside it.

All durations in ticks: MemoryX sends a chunk in 2, its latency is 1; a link into a system takes 3, a SwarmX link 4 down
and 4 up, a hop 1; every slice of compute takes 10; a link out takes 3, the root's link 2, accumulating 1; an update 5;
a credit takes 2 to come back.
"""

from dataclasses import replace

from wafersim.strategies.critical import critical_ops
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import Kernel, Latencies, PlanLayer, UpdateUnit, WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.strategies.weight_streaming.tree import build_tree
from wafersim.strategies.weight_streaming.waits import parts_of_step
from wafersim.timeline.timeline import PASSES, Timeline

LAYER = PlanLayer(1, 1, 2, 4, (2,), (4,), (3,), (3,), (4,), (2,), (1,), (1,))


def plan(
    kernels: list[Kernel], *, layers: int, systems: int, micro_batches: int, credits: int = 4
) -> WeightStreamingPlan:
    return WeightStreamingPlan(
        tree=build_tree(systems, 4),
        layers=(LAYER,) * layers,
        kernels=tuple(kernels),
        micro_batches=micro_batches,
        micro_batch_sizes=(1,),
        size_of=((0,) * micro_batches,) * systems,
        compute_ticks=(((10,),) * len(kernels),),
        floor_ticks=((0,) * len(kernels),),
        input_ticks=(0,),
        fetch_ticks=((0,),),
        weight_credits=credits,
        drain_credits=4,
        activation_slots=2,
        latencies=Latencies(memoryx=1, hop=1, credit_return=2),
        updates=tuple(UpdateUnit((kernel.layer,), 5) for kernel in kernels if kernel.drains),
        clipping_barrier=True,
    )


TWO_LAYERS = plan(
    [
        Kernel("forward", 0, streams=True, frees=True),
        Kernel("forward", 1, streams=True, frees=True),
        Kernel("dgrad", 1, streams=True, frees=True),
        Kernel("wgrad", 1, drains=True),
        Kernel("wgrad", 0, drains=True),
    ],
    layers=2,
    systems=2,
    micro_batches=2,
)


def spans(timeline: Timeline, kind: str, entity: int = 0) -> dict[str, tuple[int, int]]:
    """ "f0.1" is forward of layer 0 in micro-batch 1."""
    tasks = timeline.of(kind)
    tasks = tasks.select(tasks.entity == entity)
    return {
        f"{PASSES[p][0]}{layer}.{m}": (start, end)
        for p, layer, m, start, end in zip(
            *(c.tolist() for c in (tasks.pass_, tasks.layer, tasks.micro_batch, tasks.start, tasks.end)), strict=True
        )
    }


def test_two_layers_two_systems_two_micro_batches_with_prefetch() -> None:
    step = Reference(TWO_LAYERS).run_step()
    # Four credits: the fifth chunk waits for forward 0's end at 17, and 2 for the credit; the sixth for 27 + 2.
    assert spans(step, "stream") == {
        "f0.0": (0, 2), "f1.0": (2, 4), "d1.0": (4, 6), "f0.1": (6, 8), "f1.1": (19, 21), "d1.1": (29, 31),
    }  # fmt: skip
    for system in (0, 1):
        # In at send + 1 of latency; the link is busy for 3, so the next three wait for it.
        assert spans(step, "ingress", system) == {
            "f0.0": (3, 6), "f1.0": (6, 9), "d1.0": (9, 12), "f0.1": (12, 15), "f1.1": (22, 25), "d1.1": (32, 35),
        }  # fmt: skip
        # The first chunk is there at 6 + 1; from then on the wafer never waits.
        assert spans(step, "compute", system) == {
            "f0.0": (7, 17), "f1.0": (17, 27), "d1.0": (27, 37), "w1.0": (37, 47), "w0.0": (47, 57),
            "f0.1": (57, 67), "f1.1": (67, 77), "d1.1": (77, 87), "w1.1": (87, 97), "w0.1": (97, 107),
        }  # fmt: skip
        assert spans(step, "egress", system) == {
            "w1.0": (47, 50), "w0.0": (57, 60), "w1.1": (97, 100), "w0.1": (107, 110),
        }  # fmt: skip
    assert spans(step, "reduce") == {"w1.0": (51, 53), "w0.0": (61, 63), "w1.1": (101, 103), "w0.1": (111, 113)}
    assert spans(step, "accumulate") == {"w1.0": (54, 55), "w0.0": (64, 65), "w1.1": (104, 105), "w0.1": (114, 115)}


def test_clipping_holds_every_update_until_the_last_gradient() -> None:
    # The last gradient is in at 115: both updates after it, the next step's first weights leave at 125.
    step = Reference(TWO_LAYERS).run_step().of("update")
    assert list(zip(step.start.tolist(), step.end.tolist(), strict=True)) == [(115, 120), (120, 125)]
    assert run_to_period(TWO_LAYERS).step_ticks == 125


def test_without_clipping_a_layer_updates_when_its_own_gradient_is_complete() -> None:
    # Layer 1 is complete at 105, layer 0 at 115: only layer 0's update is left after the last gradient.
    free = replace(TWO_LAYERS, clipping_barrier=False)
    step = Reference(free).run_step().of("update")
    assert list(zip(step.start.tolist(), step.end.tolist(), strict=True)) == [(105, 110), (115, 120)]
    assert run_to_period(free).step_ticks == 120


def test_one_credit_is_no_prefetch() -> None:
    # Each chunk is sent 2 after the one before it was used and takes 2 + 1 + 3 + 1 to arrive.
    step = Reference(replace(TWO_LAYERS, weight_credits=1)).run_step()
    assert spans(step, "stream") == {
        "f0.0": (0, 2), "f1.0": (19, 21), "d1.0": (38, 40), "f0.1": (57, 59), "f1.1": (87, 89), "d1.1": (106, 108),
    }  # fmt: skip
    assert spans(step, "compute", 1) == {
        "f0.0": (7, 17), "f1.0": (26, 36), "d1.0": (45, 55), "w1.0": (55, 65), "w0.0": (65, 75),
        "f0.1": (75, 85), "f1.1": (94, 104), "d1.1": (113, 123), "w1.1": (123, 133), "w0.1": (133, 143),
    }  # fmt: skip
    # 143 + 3 egress + 1 hop + 2 root + 1 latency + 1 accumulate = 151, then two updates.
    assert run_to_period(replace(TWO_LAYERS, weight_credits=1)).step_ticks == 161


def test_a_full_drain_buffer_stops_the_wafer() -> None:
    # One drain credit: gradient w0.0 may start only when w1.0 is accumulated (55) and its credit is back (57).
    step = Reference(replace(TWO_LAYERS, drain_credits=1)).run_step()
    computed = spans(step, "compute")
    assert (computed["w1.0"], computed["w0.0"], computed["f0.1"]) == ((37, 47), (57, 67), (67, 77))


def test_five_systems_on_a_one_to_four_tree() -> None:
    one = plan(
        [Kernel("forward", 0, streams=True, frees=True), Kernel("wgrad", 0, drains=True)],
        layers=1, systems=5, micro_batches=1,
    )  # fmt: skip
    assert one.tree.nodes == (1, 2)
    assert [one.tree.children(1, node) for node in (0, 1)] == [(0, 1, 2, 3), (4,)]
    step = Reference(one).run_step()
    assert spans(step, "stream") == {"f0.0": (0, 2)}  # at the root at 3
    for node in (0, 1):
        assert spans(step, "broadcast", node) == {"f0.0": (3, 7)}  # at the node at 8
    for system in range(5):
        assert spans(step, "ingress", system) == {"f0.0": (8, 11)}  # on the wafer at 12
        assert spans(step, "compute", system) == {"f0.0": (12, 22), "w0.0": (22, 32)}
        assert spans(step, "egress", system) == {"w0.0": (32, 35)}  # at its node at 36
    reduces = step.of("reduce")
    rows = sorted(zip(*(c.tolist() for c in (reduces.level, reduces.entity, reduces.start, reduces.end)), strict=True))
    assert rows == [(0, 0, 41, 43), (1, 0, 36, 40), (1, 1, 36, 40)]  # the root has both at 40 + 1
    assert spans(step, "accumulate") == {"w0.0": (44, 45)}
    assert spans(step, "update") == {"u0.0": (45, 50)}


def test_held_weights_keep_their_credits() -> None:
    # Forward 1 holds its chunk for the input gradient: with two credits the next stream (f0 of micro-batch 1) can use
    # only the one that forward 0 freed at 17 + 2, and the one after it waits for the input gradient's end, 37 + 2.
    held = plan(
        [
            Kernel("forward", 0, streams=True, frees=True),
            Kernel("forward", 1, streams=True),
            Kernel("dgrad", 1, frees=True),
            Kernel("wgrad", 1, drains=True),
            Kernel("wgrad", 0, drains=True),
        ],
        layers=2, systems=2, micro_batches=2, credits=2,
    )  # fmt: skip
    assert spans(Reference(held).run_step(), "stream") == {
        "f0.0": (0, 2), "f1.0": (2, 4), "f0.1": (19, 21), "f1.1": (39, 41),
    }  # fmt: skip


def test_the_tail_of_a_reduction_holds_every_update_that_waits_for_the_last_gradient() -> None:
    # The last gradient is in at 115; the reduction ends 20 later. With clipping both updates (5 each) come after that.
    late = replace(TWO_LAYERS, reduction_tail=20)
    step = Reference(late).run_step()
    tail = step.of("tail")
    assert list(zip(tail.start.tolist(), tail.end.tolist(), strict=True)) == [(115, 135)]
    updates = step.of("update")
    assert list(zip(updates.start.tolist(), updates.end.tolist(), strict=True)) == [(135, 140), (140, 145)]
    for engine in ("fast", "reference"):
        assert run_to_period(late, engine).step_ticks == 145
    # Without it layer 1, whose own gradient is complete at 105, updates meanwhile; layer 0 waits, and the next step for it.
    free = replace(late, clipping_barrier=False)
    updates = Reference(free).run_step().of("update")
    assert list(zip(updates.start.tolist(), updates.end.tolist(), strict=True)) == [(105, 110), (135, 140)]
    for engine in ("fast", "reference"):
        assert run_to_period(free, engine).step_ticks == 140


def test_the_breakdown_shows_the_tail_that_the_wafer_waits_for() -> None:
    # Between the last slice of one step (107) and the first of the next (125 + 7 = 132, now 152): 20 more, all of them tail.
    for barrier in (True, False):
        usual, late = (
            run_to_period(replace(TWO_LAYERS, clipping_barrier=barrier, reduction_tail=tail)) for tail in (0, 20)
        )
        before, after = (
            parts_of_step(found.timeline, found.plan, int(found.step_ticks)).as_dict() for found in (usual, late)
        )
        assert after["exposed_reduction"] == 20
        assert after == {**before, "exposed_reduction": 20}
        assert critical_ops(late).shares["tail"] == 20 / int(late.step_ticks)


def test_an_update_during_the_tail_is_counted_once() -> None:
    # Without clipping, layer 1 updates from 105 to 130, while the reduction is under way (115 to 135); then layer 0 for 5.
    slow = replace(
        TWO_LAYERS, clipping_barrier=False, reduction_tail=20, updates=(UpdateUnit((1,), 25), UpdateUnit((0,), 5))
    )
    found = run_to_period(slow)
    parts = parts_of_step(found.timeline, found.plan, int(found.step_ticks)).as_dict()
    # The wafer ends at 107 and waits for 105-115 of update 1, 115-135 of the tail, 135-140 of update 0.
    assert found.step_ticks == 140
    assert (parts["optimizer"], parts["exposed_reduction"]) == (8 + 5, 20)
