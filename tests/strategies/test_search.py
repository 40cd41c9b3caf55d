"""The search finds what simulating everything would, because its bound is one."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry
from wafersim.gpu.memory import memory_use
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel import search as search_module
from wafersim.strategies.gpu_parallel.closed_form import estimate, lower_bound
from wafersim.strategies.gpu_parallel.layouts import resolve
from wafersim.strategies.gpu_parallel.periodic import run_to_period
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.gpu_parallel.quick_bound import quick_bound
from wafersim.strategies.gpu_parallel.search import fastest, search, settled
from wafersim.strategies.gpu_parallel.space import Space, splits_of
from wafersim.timeline.clock import to_seconds
from wafersim.workload.model import load_model
from wafersim.workload.transformer import workload_of

MACHINES = [
    ("dgx-a100-80gb", "megatron-lm"),
    ("vtrain-a100", "megatron-deepspeed"),
    ("jean-zay", "megatron-deepspeed-bloom"),
    ("mosaic-a100-40gb", "llm-foundry-bf16"),
    ("dgx-h100", "megatron-core"),
]
CLUSTERS = {machine: cluster_of(load_gpu_machine(*machine)) for machine in MACHINES}


@st.composite
def spaces(draw: st.DrawFn) -> tuple[Space, GpuParallelSpec]:
    """A small model on a few GPUs, with anything that a user may leave open."""
    base = load_model("gpt3-1.3b")
    model = replace(base, layers=draw(st.sampled_from([2, 4, 6, 7, 8, 14])), heads=draw(st.sampled_from([4, 8, 16])))
    wide = draw(st.booleans())  # fields that are open only where that is asked for
    gpus = draw(st.sampled_from([1, 2, 4] if wide else [1, 2, 4, 8, 16]))
    batch = gpus * draw(st.sampled_from([1, 2] if wide else [1, 2, 3, 4]))
    cluster = CLUSTERS[draw(st.sampled_from(MACHINES))]
    room = draw(st.sampled_from([1.0, 0.25, 0.1]))
    cluster = replace(cluster, device=replace(cluster.device, memory=room * cluster.device.memory))
    schedule = draw(st.sampled_from(["any"] * wide + ["auto", "gpipe", "1f1b", "interleaved", "zero-bubble"]))
    stages = [0, 1, 2] if schedule == "zero-bubble" else [0, 1, 2, 3]
    stage = draw(st.sampled_from(["auto"] * wide + stages))
    spec = GpuParallelSpec(
        kind="gpu-parallel",
        schedule=schedule,
        zero_stage=stage,
        context=draw(st.sampled_from(["auto"] * wide + [1, 2])),
        precision=draw(st.sampled_from(["auto"] * wide + ["bf16"])),
        flash_attention=draw(st.booleans()),
        recompute=draw(st.sampled_from(["auto", "full"])),
        show=draw(st.sampled_from([1, 3])),
    )
    if schedule == "interleaved" and draw(st.booleans()):
        chunks, stages = draw(st.sampled_from([2, 3])), draw(st.sampled_from([2, 4]))
        spec = spec.model_copy(update={"virtual_stages": chunks, "uneven_stages": draw(st.booleans())})
        if chunks * stages <= model.layers and draw(st.booleans()):
            cuts = draw(st.permutations([1] * (model.layers - chunks * stages) + [0] * (chunks * stages - 1)))
            listed = "".join(map(str, cuts)).split("0")
            spec = spec.model_copy(update={"pipeline": stages, "stages": tuple(len(part) + 1 for part in listed)})
    if draw(st.booleans()):
        spec = spec.model_copy(update={"overlap_gradients": draw(st.booleans())})
        software = replace(cluster.software, overlap_gradients=spec.overlap_gradients)
        cluster = replace(cluster, software=software)
    if draw(st.integers(0, 3)) == 0:
        model = replace(model, experts=4, experts_per_token=2)
        routed = {
            "expert": draw(st.sampled_from([1, 2, 4, "auto"])), "expert_tensor": draw(st.sampled_from(["auto", 1, 2]))
        }  # fmt: skip
        dropped = {"expert_capacity": draw(st.sampled_from([None, 1.25])), "expert_imbalance": 1.5}
        spec = spec.model_copy(update={**routed, **dropped})
    if draw(st.integers(0, 3)) == 0:
        kind = draw(st.sampled_from(["auto", "ring", "all-to-all"]))
        spec = spec.model_copy(update={"context": 2, "context_kind": kind})
    geometry = Geometry.of(workload_of(model, 1024))
    return Space(geometry, model, cluster, gpus, batch, draw(st.booleans())), spec


@settings(max_examples=120, deadline=None)
@given(spaces())
def test_pruning_loses_nothing(case: tuple[Space, GpuParallelSpec]) -> None:
    space, spec = case
    try:
        everything = search(space, spec, prune=False)
    except Infeasible:
        with pytest.raises(Infeasible):
            search(space, spec)
        with pytest.raises(Infeasible):
            fastest(space, spec)
        return
    pruned = search(space, spec)
    assert fastest(space, spec) == pruned.best[0] == everything.best[0]
    assert [one.seconds for one in pruned.best] == [one.seconds for one in everything.best]
    assert pruned.considered == everything.considered and pruned.too_large == everything.too_large
    assert everything.bounded == 0


@settings(max_examples=200, deadline=None)
@given(spaces(), st.randoms(use_true_random=False))
def test_no_simulated_step_is_shorter_than_its_bound(case: tuple[Space, GpuParallelSpec], random) -> None:
    space, spec = case
    try:
        splits = splits_of(space, spec)
    except Infeasible:
        return
    layout, schedule = splits.one(random.randrange(len(splits)))
    plan = build_gpu_plan(space.geometry, layout, space.cluster, schedule, space.clipping, space.model.tied_embeddings)
    simulated = to_seconds(float(run_to_period(plan).step_ticks))
    bound, quick = (
        float(np.max(of(space.geometry, layout, space.cluster, schedule == "zero-bubble")))
        for of in (lower_bound, quick_bound)
    )
    assert simulated >= bound >= quick > 0


def space_of(model: str, gpus: int, batch: int, machine: tuple[str, str] = MACHINES[0]) -> Space:
    shape = load_model(model)
    return Space(Geometry.of(workload_of(shape, 2048)), shape, CLUSTERS[machine], gpus, batch, True)


OPEN = {
    "kind": "gpu-parallel", "zero_stage": "auto", "context": "auto", "expert": "auto", "schedule": "any", "precision": "auto",
    "recompute": "any",
}  # fmt: skip


def test_the_space_is_every_split_that_can_be_asked_for() -> None:
    # Plain loops over every value of every field; what `resolve` takes is a split of the space, and nothing else is.
    model = replace(load_model("gpt3-1.3b"), layers=4, heads=4, experts=4, experts_per_token=2)
    cluster, gpus, batch = CLUSTERS["dgx-h100", "megatron-core"], 8, 8
    space = Space(Geometry.of(workload_of(model, 1024)), model, cluster, gpus, batch, True)
    sizes = (1, 2, 4, 8)
    asked = set()
    for t, p, c, e, v, b in product((1, 2, 4), (1, 2, 3, 4), sizes, (1, 2, 4), (1, 2, 3, 4), sizes):
        for zero, schedule, fp8, recompute in product(
            range(4), ("1f1b", "interleaved", "gpipe", "zero-bubble"), ("bf16", "fp8"), ("full", "mlp", "none")
        ):
            spec = GpuParallelSpec(
                kind="gpu-parallel", tensor=t, pipeline=p, context=c, expert=e, virtual_stages=v, micro_batch=b,
                zero_stage=zero, schedule=schedule, precision=fp8, recompute=recompute,
            )  # fmt: skip
            try:
                layout = resolve(spec, model, gpus, batch, cluster)
            except Infeasible:
                continue
            # Without a pipeline all schedules are one; a search interleaves only whole groups of micro-batches.
            if (p == 1 and schedule != "1f1b") or (v > 1 and int(layout.micro_batches) % p):
                continue
            asked.add((layout, schedule))
    splits = splits_of(space, GpuParallelSpec(**OPEN))
    found = [splits.one(index) for index in range(len(splits))]
    assert len(found) == len(set(found))
    assert set(found) == asked


def test_the_fastest_of_experts_is_found_without_looking_at_most_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    space = space_of("gpt3-1.3b", 16, 64, ("dgx-h100", "megatron-core"))
    model = replace(space.model, experts=16, experts_per_token=2)
    space = replace(space, model=model, geometry=Geometry.of(workload_of(model, 2048)))
    looked_at, expanded = 0, search_module.splits_of_sizes

    def counted(*args):
        nonlocal looked_at
        found = expanded(*args)
        looked_at += len(found[0])
        return found

    spec = GpuParallelSpec(**OPEN)
    everything = search(space, spec)
    monkeypatch.setattr(search_module, "splits_of_sizes", counted)
    assert fastest(space, spec) == everything.best[0]
    assert 0 < looked_at < 0.1 * everything.considered


def test_what_a_search_settles_can_be_asked_for() -> None:
    space = replace(space_of("gpt3-1.3b", 8, 32, ("dgx-h100", "megatron-core")))
    spec = GpuParallelSpec(**OPEN)
    best = search(space, spec).best[0]
    fixed = settled(spec, best)
    assert not fixed.searched
    assert resolve(fixed, space.model, 8, 32, space.cluster) == best.layout
    assert search(space, fixed).best[0].seconds == best.seconds


def test_sequence_parallelism_never_costs_time_or_memory() -> None:
    # Which is why `auto` is on wherever tensor > 1, and not searched.
    space = space_of("gpt3-6.7b", 16, 64)
    times, memories = [], []
    for sequence_parallel in (True, False):
        spec = GpuParallelSpec(kind="gpu-parallel", sequence_parallel=sequence_parallel)
        splits = splits_of(space, spec)
        times.append(np.asarray(estimate(space.geometry, splits.layout, space.cluster)))
        memories.append(np.asarray(memory_use(space.geometry, splits.layout, space.cluster).total))
    assert (times[0] <= times[1]).all() and (memories[0] <= memories[1]).all()
    assert (memories[0] < memories[1]).any()


def test_more_that_is_open_is_never_slower() -> None:
    space = space_of("gpt3-6.7b", 16, 64, ("dgx-h100", "megatron-core"))
    plain = search(space, GpuParallelSpec(kind="gpu-parallel")).best[0].seconds
    for field, value in OPEN.items():
        if field != "kind":
            assert search(space, GpuParallelSpec(kind="gpu-parallel", **{field: value})).best[0].seconds <= plain
    fp8 = search(space, GpuParallelSpec(kind="gpu-parallel", precision="auto")).best[0]
    assert int(fp8.layout.fp8) == 1 and fp8.seconds < plain
    assert GpuParallelSpec(kind="gpu-parallel").precision == "bf16"  # numerics change only where that is asked for


@pytest.mark.parametrize("machine", MACHINES)
def test_the_closed_form_is_near_the_simulation(machine: tuple[str, str]) -> None:
    # Constants are fitted through the closed form; what it leaves out must be small beside what they can mend.
    space = space_of("gpt3-6.7b", 64, 512, machine)
    spec = GpuParallelSpec(kind="gpu-parallel", show=8)
    for found in search(space, spec).best:
        assert float(np.max(estimate(space.geometry, found.layout, space.cluster))) == pytest.approx(
            found.seconds, rel=0.04
        )


def test_the_front_trades_time_for_memory() -> None:
    found = search(space_of("gpt3-6.7b", 64, 512), GpuParallelSpec(kind="gpu-parallel"))
    assert len(found.front) > 1
    memories = [one.memory for one in found.front]
    assert memories == sorted(memories, reverse=True)
    assert found.too_large > 0 and found.bounded > 0


def test_a_faster_network_never_makes_the_best_slower() -> None:
    space = space_of("gpt3-6.7b", 64, 512)
    network = space.cluster.network
    rates = ("node_bandwidth", "collective_bandwidth", "gradient_bandwidth", "p2p_bandwidth")
    faster = replace(network, **{name: 2 * getattr(network, name) for name in rates})
    spec = GpuParallelSpec(kind="gpu-parallel")
    better = search(replace(space, cluster=replace(space.cluster, network=faster)), spec)
    assert better.best[0].seconds <= search(space, spec).best[0].seconds


def test_nothing_fits_and_the_nearest_miss_is_named() -> None:
    with pytest.raises(Infeasible, match=r"no split of \d+ fits; the smallest does not fit: .* of 75\.\d GB|80\.\d GB"):
        search(space_of("gpt3-175b", 8, 8), GpuParallelSpec(kind="gpu-parallel"))


def test_experts_are_spread_unless_that_is_said_or_nothing_is_searched() -> None:
    space = space_of("gpt3-1.3b", 8, 16, ("dgx-h100", "megatron-core"))
    model = replace(space.model, experts=8, experts_per_token=2)
    space = replace(space, model=model, geometry=Geometry.of(workload_of(model, 2048)))

    def tried(**given) -> set[int]:
        return set(splits_of(space, GpuParallelSpec(kind="gpu-parallel", **given)).layout.expert.astype(int).tolist())

    assert tried() == tried(expert="auto") == {1, 2, 4, 8}
    assert tried(expert=1) == {1}
    said = {"tensor": 1, "pipeline": 1, "virtual_stages": 1, "micro_batch": 1, "recompute": "full"}
    spec = GpuParallelSpec(kind="gpu-parallel", **said)
    assert not spec.searched and resolve(spec, model, 8, 16, space.cluster).expert == 1
