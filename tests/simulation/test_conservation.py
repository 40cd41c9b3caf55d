"""What no schedule may break, on real plans: bytes, FLOPs, one op at a time, causes before effects, credits."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from wafersim.inputs.experiment import Experiment
from wafersim.simulation import Simulated, job_of, simulate_step
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.timeline.timeline import PASSES, Timeline


def experiment(model: str = "cerebras-gpt-111m", systems: int = 5, **changes: dict) -> Experiment:
    fields = {
        "name": "t",
        "model": model,
        "system": {"profile": "cs2", "systems": systems, **changes.get("system", {})},
        "strategy": {"micro_batch": 12, **changes.get("strategy", {})},
        "training": {"batch": 24 * systems, **changes.get("training", {})},
    }
    if "batch_per_system" in fields["training"]:
        del fields["training"]["batch"]
    return Experiment.model_validate(fields)


VARIANTS = {
    "recompute on the wafer": {"strategy": {"activations": {"keep": "block-inputs", "place": "wafer"}}},
    "block inputs on servers": {"strategy": {"activations": {"keep": "block-inputs", "place": "servers"}}},
    "everything on servers": {"strategy": {"activations": {"keep": "all", "place": "servers"}}},
    "every second block": {"strategy": {"activations": {"keep": "every-2", "recompute_weights": "restream"}}},
    "no clipping": {"training": {"gradient_clipping": "none"}},
    "uneven shards": {"training": {"batch": 101}},
    "tight credits": {"strategy": {"weight_credits": 5, "drain_credits": 1}},
}


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda name: name.replace(" ", "-"))
def simulated(request: pytest.FixtureRequest) -> Simulated:
    found = simulate_step(job_of(experiment(**VARIANTS[request.param])))
    return replace(found).knowing(run_to_period(found.plan, reductions=False))  # every system, not one for all


def test_the_state_is_periodic(simulated: Simulated) -> None:
    assert simulated.periodic.exact


def test_every_tree_level_multiplies_on_the_way_down_and_adds_on_the_way_up(simulated: Simulated) -> None:
    plan, timeline = simulated.plan, simulated.periodic.timeline

    def sent(kind: str, size: str, level: int | None = None) -> int:
        tasks = timeline.of(kind)
        if level is not None:
            tasks = tasks.select(tasks.level == level)
        # Whole layers: each chunk carries its share of the layer.
        return sum(
            getattr(plan.layers[i], size) * n // plan.layers[i].chunks for i, n in Counter(tasks.layer.tolist()).items()
        )

    # Five systems on a 1:4 tree: a root with two nodes, which have four and one system.
    assert plan.tree.nodes == (1, 2)
    assert sent("broadcast", "weight_bytes") == 2 * sent("stream", "weight_bytes")
    assert sent("ingress", "weight_bytes") == 5 * sent("stream", "weight_bytes")
    assert sent("egress", "gradient_bytes") == 5 * sent("reduce", "gradient_bytes", 0)
    assert sent("reduce", "gradient_bytes", 1) == 2 * sent("reduce", "gradient_bytes", 0)
    assert sent("accumulate", "gradient_bytes") == sent("reduce", "gradient_bytes", 0)
    # Every gradient goes up once a micro-batch, the tied table from both of its ends.
    assert sent("accumulate", "gradient_bytes") == plan.micro_batches * sum(
        layer.gradient_bytes for layer in plan.layers
    )


def test_flops_of_the_timeline_are_those_of_the_workload(simulated: Simulated) -> None:
    plan, timeline = simulated.plan, simulated.periodic.timeline
    compute = timeline.of("compute")
    compute = compute.select((compute.chunk == 0) & (compute.pass_ != PASSES.index("recompute")))
    kernel_of = {(PASSES.index(k.pass_), k.layer): i for i, k in enumerate(plan.kernels)}
    flops = 0.0
    for pass_, layer, system, micro_batch in zip(
        *(c.tolist() for c in (compute.pass_, compute.layer, compute.entity, compute.micro_batch)), strict=True
    ):
        flops += plan.flops[plan.size_of[system][micro_batch]][kernel_of[pass_, layer]]
    # Matmuls only: 6 per weight and token; a 111M block has 12 x 768^2 of them, the logits 50257 x 768.
    tokens = simulated.prediction.batch * 2048
    assert flops == pytest.approx(6 * (10 * 12 * 768**2 + 50257 * 768) * tokens, rel=1e-9)


def test_no_resource_serves_two_at_once(simulated: Simulated) -> None:
    timeline = simulated.periodic.timeline
    groups = {"stream": "stream", "broadcast": "broadcast", "compute": "compute", "reduce": "reduce",
              "accumulate": "accumulate", "update": "update"}  # fmt: skip
    for name in groups:
        _disjoint(timeline.of(name))
    for pair in (("ingress", "fetch"), ("egress", "offload")):  # one link each
        tasks = [timeline.of(kind) for kind in pair]
        for system in range(5):
            mine = [t.select(t.entity == system) for t in tasks]
            _serial(np.concatenate([t.start for t in mine]), np.concatenate([t.end for t in mine]))


def _disjoint(tasks: Timeline) -> None:
    for level in set(tasks.level.tolist()):
        for entity in set(tasks.entity.tolist()):
            mine = tasks.select((tasks.level == level) & (tasks.entity == entity))
            _serial(mine.start, mine.end)


def _serial(start: np.ndarray, end: np.ndarray) -> None:
    order = np.lexsort((end, start))
    assert np.all(start[order][1:] >= end[order][:-1])


def test_nothing_starts_before_what_it_needs(simulated: Simulated) -> None:
    plan, timeline = simulated.plan, simulated.periodic.timeline

    def times(kind: str, level: int | None = None) -> dict[tuple[int, ...], tuple[int, int]]:
        tasks = timeline.of(kind)
        if level is not None:
            tasks = tasks.select(tasks.level == level)
        columns = (tasks.entity, tasks.pass_, tasks.micro_batch, tasks.layer, tasks.chunk)
        keys = zip(*(c.tolist() for c in columns), strict=True)
        return dict(zip(keys, zip(tasks.start.tolist(), tasks.end.tolist(), strict=True), strict=True))

    hop, memoryx = plan.latencies.hop, plan.latencies.memoryx
    stream, broadcast, ingress, compute = times("stream"), times("broadcast"), times("ingress"), times("compute")
    egress, up1, up0, added = times("egress"), times("reduce", 1), times("reduce", 0), times("accumulate")
    for (node, *key), (start, _) in broadcast.items():
        assert start >= stream[0, *key][1] + memoryx, node
    for (system, *key), (start, end) in ingress.items():
        assert start >= broadcast[plan.tree.parents[1][system], *key][1] + hop
        assert compute[system, *key][0] >= end + hop
    for (system, *key), (start, _) in egress.items():
        assert start >= compute[system, *key][1]
    for (node, *key), (start, _) in up1.items():
        assert start >= max(egress[child, *key][1] for child in plan.tree.children(1, node)) + hop
    for (_, *key), (start, _) in up0.items():
        assert start >= max(up1[node, *key][1] for node in (0, 1)) + hop
    updates, tail = timeline.of("update"), timeline.of("tail")
    last = max(end for _, end in added.values())
    assert len(tail) == 1  # once a step, whatever the number of micro-batches
    assert tail.start[0] >= last
    assert tail.end[0] - tail.start[0] == plan.reduction_tail > 0
    waiting = updates.layer >= (
        0 if plan.clipping_barrier else plan.update_of(0)
    )  # the embedding's gradient is the last
    assert waiting.any()
    assert updates.start[waiting].min() >= tail.end[0]
    for unit, start in zip(updates.layer.tolist(), updates.start.tolist(), strict=True):
        assert start >= max(end for key, (_, end) in added.items() if key[3] in plan.updates[unit].layers)


def test_credits_are_never_overdrawn(simulated: Simulated) -> None:
    plan, timeline = simulated.plan, simulated.periodic.timeline
    taken = timeline.of("stream").start
    compute = timeline.of("compute")
    freeing = {(PASSES.index(k.pass_), k.layer) for k in plan.kernels if k.frees}
    slowest: dict[tuple[int, ...], int] = {}
    for *key, end in zip(
        *(c.tolist() for c in (compute.pass_, compute.micro_batch, compute.layer, compute.chunk, compute.end)),
        strict=True,
    ):
        if (key[0], key[2]) in freeing:
            slowest[tuple(key)] = max(slowest.get(tuple(key), 0), end)
    freed = np.array(sorted(slowest.values())) + plan.latencies.credit_return
    assert len(freed) == len(taken)
    for at in taken:  # within one step, which starts with every credit at home
        assert np.sum(taken <= at) - np.sum(freed <= at) <= plan.weight_credits


def test_the_parts_of_the_breakdown_are_the_step(simulated: Simulated) -> None:
    parts = simulated.prediction.breakdown.to_json()
    assert all(value >= 0 for value in parts.values())
    assert sum(parts.values()) == pytest.approx(simulated.prediction.step_time_s, rel=1e-9)
