"""Many layouts on many machines cost what each costs on each."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gpu.test_memory import ONE
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.gemm import matmul_rates
from wafersim.gpu.layout import RECOMPUTE, Geometry, Layout
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.machines import on_each
from wafersim.gpu.memory import memory_use
from wafersim.inputs.machine import load_gpu_machine
from wafersim.strategies.gpu_parallel.closed_form import estimate, lower_bound
from wafersim.workload.transformer import build_workload

SHIPPED = [
    cluster_of(load_gpu_machine(*names))
    for names in (
        ("dgx-a100-80gb", "megatron-lm"), ("dgx-h100", "megatron-core"), ("mosaic-h100",), ("gb200-nvl72",),
        ("dgx2-v100",), ("jean-zay",),
    )
]  # fmt: skip
MODELS = {  # grouped queries, windows, an encoder, experts with and without dense blocks, latent attention, prediction modules
    name: Geometry.of(build_workload(name, 512))
    for name in ("gpt3-1.3b", "llama2-70b", "gemma3-1b", "t5-11b", "mixtral-8x7b", "llama4-scout", "deepseek-v3")
}  # fmt: skip
PARTS = ("device", "network", "software")
NUMBERS = [
    (part, field.name)
    for part in PARTS
    for field in fields(getattr(SHIPPED[0], part))
    if isinstance(getattr(getattr(SHIPPED[0], part), field.name), float)
]
FLAGS = [f.name for f in fields(SHIPPED[0].software) if isinstance(getattr(SHIPPED[0].software, f.name), bool)]


@st.composite
def machines(draw: Any) -> Cluster:
    """A shipped one with some numbers nudged, perhaps another flag, perhaps without what its switches reduce."""
    cluster: Cluster = draw(st.sampled_from(SHIPPED))
    for part, name in draw(st.lists(st.sampled_from(NUMBERS), max_size=4)):
        number = getattr(getattr(cluster, part), name) * draw(st.sampled_from([0.5, 1.01, 3.0]))
        cluster = replace(cluster, **{part: replace(getattr(cluster, part), **{name: number})})
    for name in draw(st.lists(st.sampled_from(FLAGS), max_size=1)):
        flag = not getattr(cluster.software, name)
        cluster = replace(cluster, software=replace(cluster.software, **{name: flag}))
    rate = draw(st.sampled_from([0.0, cluster.device.switch_bandwidth]))
    return replace(cluster, device=replace(cluster.device, switch_bandwidth=rate))


@st.composite
def layouts(draw: Any, geometry: Geometry, clusters: list[Cluster]) -> Layout:
    """Of any number of GPUs, in a precision that all machines have."""
    tensor, context = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from([1, 2]))
    data, layers = draw(st.sampled_from([1, 2, 8, 32])), int(geometry.layers)
    stages = [(p, v) for p in range(1, 11) for v in range(1, 4) if layers % (p * v) == 0 or 2 < p * v <= layers]
    pipeline, virtual = draw(st.sampled_from(stages))
    most = min(data * context, int(geometry.experts))
    rates = zip(*(matmul_rates(cluster.device).values() for cluster in clusters), strict=True)
    return replace(
        ONE, data=data, tensor=tensor, pipeline=pipeline, context=context,
        expert=draw(st.sampled_from([one for one in (1, 2, 4, 8) if one <= most] or [1])),
        virtual_stages=virtual, micro_batch=draw(st.integers(1, 4)), micro_batches=draw(st.sampled_from([1, 7, 64])),
        zero_stage=draw(st.integers(0, 3)), shard=draw(st.sampled_from([one for one in (1, 2, 8) if data % one == 0])),
        sequence_parallel=draw(st.integers(0, 1)), recompute=draw(st.sampled_from(list(RECOMPUTE.values()))),
        flash=draw(st.integers(0, 1)), exchanges=draw(st.sampled_from([0.0, 1.0])),
        fp8=draw(st.sampled_from([code for code, each in enumerate(rates) if all(each)])),
        capacity=draw(st.sampled_from([0.0, 1.25])), imbalance=draw(st.sampled_from([1.0, 1.3])),
    )  # fmt: skip


def costs_of(geometry: Geometry) -> dict[str, Callable[[Layout, Cluster], Column]]:
    """What is worked out in columns: seconds, what bounds them, bytes of each part of memory."""
    return {
        "estimate": lambda layout, cluster: estimate(geometry, layout, cluster),
        "bound": lambda layout, cluster: lower_bound(geometry, layout, cluster),
        "bytes": lambda layout, cluster: np.stack(
            np.broadcast_arrays(*vars(memory_use(geometry, layout, cluster)).values())
        ),
    }


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_all_at_once_is_each_on_each(data: st.DataObject) -> None:
    geometry = MODELS[data.draw(st.sampled_from(sorted(MODELS)))]
    clusters = data.draw(st.lists(machines(), min_size=1, max_size=5))
    splits = data.draw(st.lists(layouts(geometry, clusters), min_size=1, max_size=3))
    for name, cost in costs_of(geometry).items():
        together = on_each(cost, splits, clusters)
        # A machine among others is to the bit what it is alone.
        alone = [on_each(cost, splits, [each]) for each in clusters]
        assert np.array_equal(together, np.concatenate(alone, axis=-2)), name
        # And what plain numbers give, whose powers a processor may round in another way than those of arrays.
        plain = np.array([[np.asarray(cost(one, each)) for one in splits] for each in clusters])
        plain = np.moveaxis(plain.reshape(*together.shape[-2:], *together.shape[:-2]), (0, 1), (-2, -1))
        np.testing.assert_allclose(together, plain, rtol=1e-15, err_msg=name)


def test_every_number_may_be_a_column() -> None:
    """A column of machines that differ in one number each, as those of an interval do: all numbers that costs read."""
    geometry, here = MODELS["deepseek-v3"], SHIPPED[1]
    clusters = [here]
    for part, name in NUMBERS:
        number = 1.5 * getattr(getattr(here, part), name)
        clusters.append(replace(here, **{part: replace(getattr(here, part), **{name: number})}))
    piped = replace(ONE, data=16, tensor=2, pipeline=11, micro_batches=8, expert=8)
    for layout in (piped, replace(piped, pipeline=1, zero_stage=3, shard=16, flash=1)):
        for what, cost in costs_of(geometry).items():
            together = on_each(cost, [layout], clusters)[..., 0]
            for at in range(0, len(clusters), 9):
                assert np.array_equal(together[..., [at]], on_each(cost, [layout], [clusters[at]])[..., 0]), what
            plain = np.array([np.asarray(cost(layout, cluster)).reshape(together.shape[:-1]) for cluster in clusters])
            np.testing.assert_allclose(together, np.moveaxis(plain, 0, -1), rtol=1e-15, err_msg=what)


def test_the_order_of_machines_is_kept_where_kinds_take_turns() -> None:
    """Machines of two kinds in turn: of nodes of eight and of 72, each at two rates of its memory."""
    eight, rack = SHIPPED[1], SHIPPED[3]
    slow = [replace(one, device=replace(one.device, memory_bandwidth=1e12)) for one in (eight, rack)]
    clusters = [eight, rack, *slow, eight]
    read = on_each(lambda layout, cluster: cluster.device.memory_bandwidth / layout.data, [ONE], clusters)
    assert read[:, 0].tolist() == [cluster.device.memory_bandwidth for cluster in clusters]
