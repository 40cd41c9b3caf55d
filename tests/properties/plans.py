"""Hypothesis draws weight-streaming plans: small, with ties, zero durations and every mechanism a plan can state."""

from hypothesis import strategies as st

from wafersim.strategies.weight_streaming.plan import (
    Jitter,
    Kernel,
    Latencies,
    PlanLayer,
    UpdateUnit,
    WeightStreamingPlan,
)
from wafersim.strategies.weight_streaming.tree import build_tree

TICKS = st.one_of(st.sampled_from([0, 1, 1, 2, 3]), st.integers(0, 40))


@st.composite
def trees(draw, systems: int):
    tree = build_tree(systems, draw(st.integers(2, 4)))
    lossy = [level for level in range(1, tree.depth) if tree.nodes[level] > 1]
    if lossy and draw(st.integers(0, 3)) == 0:
        level = draw(st.sampled_from(lossy))
        tree = tree.lose_node(level, draw(st.integers(0, tree.nodes[level] - 1)))
    if draw(st.integers(0, 3)) == 0:
        level = draw(st.integers(1, tree.depth))
        count = systems if level == tree.depth else tree.nodes[level]
        tree = tree.slow_link(level, draw(st.integers(0, count - 1)), draw(st.sampled_from([1.5, 2.0, 3.3])))
    return tree


def kernels(layers: int, trained: set[int], every: bool, hold: bool, retain: bool, pieces: int) -> list[Kernel]:
    """Forward through the layers and backward to the lowest trained one, with or without recompute, as a planner would order
    them. Frozen layers stream, pass input gradients on and drain nothing.
    """
    head, lowest = layers - 1, min(trained)
    out = [
        Kernel(
            "forward", i, streams=True, frees=not (retain and i == head), offloads=pieces if i >= lowest else 0
        )
        for i in range(layers)
    ]  # fmt: skip
    for i in reversed(range(lowest, layers)):
        again, frozen = every and i < head, i not in trained
        if again:
            out.append(
                Kernel(
                    "recompute", i, streams=True, frees=not hold, fetches=pieces, releases_fetch=bool(pieces)
                )
            )  # fmt: skip
        fetches = 0 if again else pieces
        streams = not hold if again else not (retain and i == head)
        out.append(
            Kernel("dgrad", i, streams=streams, frees=True, fetches=fetches, releases_fetch=frozen and bool(fetches))
        )
        if not frozen:
            out.append(Kernel("wgrad", i, drains=True, releases_fetch=bool(fetches)))
    return out


def forward_pass(layers: int) -> list[Kernel]:
    """A forward pass alone, which ends with its losses."""
    return [Kernel("forward", i, streams=True, frees=True, drains=i + 1 == layers) for i in range(layers)]


@st.composite
def plans(draw, orders=None) -> WeightStreamingPlan:
    systems, layers = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    chunks = [draw(st.integers(1, 4)) for _ in range(layers)]

    def per_chunk(n: int):
        return tuple(draw(st.lists(TICKS, min_size=n, max_size=n)))

    order = draw(st.sampled_from([(), ("ingress", "egress"), ("memory",), ("ingress", "egress", "memory", "ports")]))
    if orders is not None:
        order = draw(st.sampled_from(orders))
    pieces = draw(st.integers(1, 3)) if "ingress" in order else 0
    every, hold, retain = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    mode, trained = draw(st.sampled_from(["train", "train", "lora", "forward"])), set(range(layers))
    if mode == "lora":
        trained = draw(st.sets(st.integers(0, layers - 1), min_size=1))
    if mode == "forward":
        trained, pieces, hold, retain = {layers - 1}, 0, False, False
        ks = forward_pass(layers)
    else:
        ks = kernels(layers, trained, every, hold, retain, pieces)
    micro_batches, sizes = draw(st.integers(1, 5)), draw(st.integers(1, 2))
    latency = st.integers(0, 6)
    groups = [(i,) for i in sorted(trained, reverse=True)]
    if layers > 1 and trained >= {0, layers - 1} and draw(st.booleans()):  # a tied table
        groups = [*groups[1:-1], (0, layers - 1)]
    inputs = draw(st.booleans())
    # A chunk that is held, for recompute or for the output layer, keeps its credit until the input gradient: a pool
    # that could not hold the largest of them would deadlock, and the planner refuses it.
    held = max(chunks) + 1 if (every and hold) or retain else 1
    return WeightStreamingPlan(
        tree=draw(trees(systems)),
        layers=tuple(
            PlanLayer(n, n, n, n, *(per_chunk(n) for _ in range(8))) for n in chunks
        ),
        kernels=tuple(ks),
        micro_batches=micro_batches,
        micro_batch_sizes=tuple(range(sizes, 0, -1)),
        size_of=tuple(
            tuple(draw(st.integers(0, sizes - 1)) for _ in range(micro_batches)) for _ in range(systems)
        ),
        compute_ticks=tuple(tuple(per_chunk(chunks[k.layer]) for k in ks) for _ in range(sizes)),
        input_ticks=tuple(draw(st.integers(1, 60)) if inputs else 0 for _ in range(sizes)),
        fetch_ticks=tuple(per_chunk(max(1, pieces)) for _ in range(sizes)),
        weight_credits=draw(st.integers(held, max(held, 8))),
        drain_credits=draw(st.integers(1, 8)),
        activation_slots=draw(st.integers(1, 3)),
        latencies=Latencies(draw(latency), draw(latency), draw(latency)),
        updates=tuple(UpdateUnit(group, draw(TICKS)) for group in groups),
        clipping_barrier=draw(st.booleans()),
        reduction_tail=draw(st.sampled_from([0, 0, 1, 25])),
        arrival_order=order,
        jitter=draw(st.sampled_from([None, None, Jitter(0.3, 7)])),
    )  # fmt: skip
