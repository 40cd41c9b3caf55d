"""What no plan's schedule may lose or invent: chunks on every link, gradients, updates, transfers, work.

In a drawn plan a chunk of a layer is one byte of its weights and one of its gradients, so that counts are bytes.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from tests.properties.plans import plans
from tests.properties.test_engines_agree import EXAMPLES, FAST
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.timeline.timeline import PASS, Timeline

Chunks = Counter[tuple[int, int, int, int]]  # (pass, micro-batch, layer, chunk) -> how often


def carried(timeline: Timeline, kind: str, level: int, entity: int) -> Chunks:
    """What an entity of a level served."""
    tasks = timeline.of(kind)
    tasks = tasks.select((tasks.level == level) & (tasks.entity == entity))
    columns = (tasks.pass_, tasks.micro_batch, tasks.layer, tasks.chunk)
    return Counter(zip(*(column.tolist() for column in columns), strict=True))


def stated(plan: WeightStreamingPlan, flag: str) -> Chunks:
    """Every chunk of every kernel with a flag, once a micro-batch."""
    return Counter(
        (PASS[kernel.pass_], micro_batch, kernel.layer, chunk)
        for kernel in plan.kernels
        if getattr(kernel, flag)
        for micro_batch in range(plan.micro_batches)
        for chunk in range(plan.layers[kernel.layer].chunks)
    )


def second_step(plan: WeightStreamingPlan) -> Timeline:
    """A step whose start overlaps with another's end."""
    reference = Reference(plan)
    reference.run_step()
    return reference.run_step()


@settings(**FAST | {"max_examples": EXAMPLES // 4})
@given(plans())
def test_every_byte_that_enters_a_link_leaves_it_once(plan: WeightStreamingPlan) -> None:
    timeline, tree = second_step(plan), plan.tree
    down, up = carried(timeline, "stream", 0, 0), carried(timeline, "accumulate", 0, 0)
    assert down == stated(plan, "streams")
    assert up == stated(plan, "drains")
    assert carried(timeline, "reduce", 0, 0) == up
    for level in range(1, tree.depth):
        for node in range(tree.nodes[level]):
            assert carried(timeline, "broadcast", level, node) == down
            assert carried(timeline, "reduce", level, node) == up
    for system in range(plan.systems):
        assert carried(timeline, "ingress", tree.depth, system) == down
        assert carried(timeline, "egress", tree.depth, system) == up
        sent, back = (timeline.of(kind) for kind in ("offload", "fetch"))
        pieces = [
            Counter(zip(*(c[mine.entity == system].tolist() for c in (mine.micro_batch, mine.layer, mine.chunk)), strict=True))
            for mine in (sent, back)
        ]  # fmt: skip
        assert pieces[0] == pieces[1]


@settings(**FAST | {"max_examples": EXAMPLES // 4})
@given(plans())
def test_trained_layers_alone_send_gradients_and_are_updated(plan: WeightStreamingPlan) -> None:
    timeline = second_step(plan)
    updates, added = timeline.of("update"), timeline.of("accumulate")
    trained = {layer for unit in updates.layer.tolist() for layer in plan.updates[unit].layers}
    assert Counter(updates.layer.tolist()) == Counter(range(len(plan.updates)))  # each once a step
    gradients = Counter(zip(added.layer.tolist(), added.micro_batch.tolist(), strict=True))
    assert gradients == {
        (layer, micro_batch): plan.layers[layer].chunks for layer in trained for micro_batch in range(plan.micro_batches)
    }  # fmt: skip
    for unit, start in zip(updates.layer.tolist(), updates.start.tolist(), strict=True):
        assert start >= added.end[np.isin(added.layer, plan.updates[unit].layers)].max()
    for kind in ("egress", "reduce"):
        assert set(timeline.of(kind).layer.tolist()) == trained


@settings(**FAST | {"max_examples": EXAMPLES // 4})
@given(plans())
def test_a_step_ends_with_its_updates_and_wafers_work_as_long_as_stated(plan: WeightStreamingPlan) -> None:
    plan = replace(plan, jitter=None)
    timeline = second_step(plan)
    assert timeline.end.max() == timeline.of("update").end.max()
    compute = timeline.of("compute")
    for system, sizes in enumerate(plan.size_of):
        mine = compute.select(compute.entity == system)
        assert mine.busy() == sum(sum(map(sum, plan.compute_ticks[size])) for size in sizes)
