"""Every number that a profile can state is read: turned, it moves some prediction, bill or verdict of a few small jobs.

The numbers come from the schemas by introspection, so one that is added and read by nothing fails here.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import wafersim.inputs.machine
import wafersim.inputs.profile_file
from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.footprint import MoneySpec
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import Machine, load_any
from wafersim.inputs.operation import OperationProfile
from wafersim.inputs.profile import Profile
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import names
from wafersim.inputs.sourced import Sourced
from wafersim.kernel import kernel_cost
from wafersim.simulation import job_of, simulate, simulate_step
from wafersim.training_run.duration import built_of
from wafersim.wafer.measured_kernels import KernelShape, cycles
from wafersim.workload.model import load_model
from wafersim.workload.transformer import workload_of

TURNS = (1.3, 0.7)
SAID = (
    "step_time_s", "mfu", "binding_resource", "memory", "days_to_train", "power_w", "peak_power_w", "energy_j", "cost_usd",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What it says (raising WafersimError if it cannot run), and the profiles that it may read."""

    says: Callable[[], object]
    profiles: tuple[str, ...]


def on_wafers(profile: str, model: str = "cerebras-gpt-111m", systems: int = 1, **fields: Any) -> Job:
    at_least = {"strategy": {"micro_batch": 12, "activations": {"keep": "all", "place": "wafer"}}}
    asked = {
        "name": "t",
        "model": model,
        "system": {"profile": profile, "systems": systems, **fields.pop("system", {})},
        "training": {"batch_per_system": 12, **fields.pop("training", {})},
        **at_least,
        **fields,
    }
    whole = load_profile(profile)
    parts = (whole.name, getattr(whole, "system", whole.name))
    system = load_profile(parts[1])
    others = (system.default_memoryx, system.default_swarmx) if whole is system else (whole.memoryx, whole.swarmx)

    def says() -> object:
        return _said(simulate(Experiment.model_validate(asked)).to_json())

    return Job(says, tuple(dict.fromkeys((*parts, *others))))


def on_gpus(
    profile: str, gpus: int, software: str | None = None, model: str = "gpt3-350m", shape: dict[str, int] | None = None,
    sequence: int = 2048, **strategy: Any,
) -> Job:  # fmt: skip
    split = {"kind": "gpu-parallel", "tensor": 1, "pipeline": 1, "virtual_stages": 1, "micro_batch": 1}
    asked = {
        "name": "t",
        "model": model,
        "system": {"profile": profile, "gpus": gpus, **({"software": software} if software else {})},
        "strategy": {**split, "recompute": "none", "flash_attention": False, **strategy},
        "training": {"sequence_length": sequence, "batch": 4 * gpus},
    }
    network = load_profile(profile)

    def says() -> object:
        job = job_of(Experiment.model_validate(asked))
        if shape is not None:
            job = replace(job, workload=workload_of(replace(load_model(model), **shape), sequence))
        return _said(simulate_step(job).prediction.to_json())

    return Job(says, (network.name, network.gpu, software or network.software))


def kernel(profile: str, m: int, k: int, n: int) -> Job:
    def says() -> object:
        cost = kernel_cost(wafersim.inputs.profile_file.load_profile(profile), "weight-streaming", m, k, n)
        return cost.cycles, cost.refused is None

    return Job(says, (profile,))


def installed(profile: str, count: int) -> Job:
    """How many there are of a machine, what it draws without a job, and what it costs to buy."""
    found = load_any(profile)
    parts = (found.name, found.system.name) if isinstance(found, Machine) else (found.name, found.gpu.name)

    def says() -> object:
        machine = load_any(profile)
        supply = machine.supply(count)
        return machine.most, supply.idle_watts, supply.purchase

    return Job(says, tuple(dict.fromkeys(parts)))


def offered(profile: str) -> Job:
    """What an hour of a machine costs by each offer that its profile names."""
    found = load_profile(profile)

    def says() -> object:
        machine = load_any(profile)
        return [replace(machine, money=MoneySpec(offer=name)).supply(8).rent for name in found.offers]

    return Job(says, (profile,))


def measured_loop(profile: str, family: str) -> Job:
    shape = KernelShape(p=4, m=3, k=5, n=7, groups=2, hops=3, nonzeros=10, iterations=2)

    def says() -> object:
        stated = wafersim.inputs.profile_file.load_profile(profile).kernel_code[family]
        return cycles(family.removesuffix("-simulator"), shape, {name: number.value for name, number in stated.items()})

    return Job(says, (profile,))


def whole_run(profile: str, experiment: str, **run: Any) -> Job:
    """What a run is planned as: its engines read nothing else."""
    prediction = simulate(load_experiment(experiment))

    def says() -> object:
        asked = load_experiment(experiment).model_dump(exclude_none=True)
        built = built_of(Experiment.model_validate({**asked, "run": {"operation": profile, **run}}), prediction)
        return f"{{{built.run} {built.uncertain}"

    return Job(says, (profile,))


def _of_operation(value: float | str) -> dict[str, Any]:
    return {"value": value, "kind": "assumed", "source": "this test", "date": "2026"}


def everything() -> OperationProfile:
    """A cluster of wafers of which all is stated that a profile of operation can say."""
    usual = load_profile("gpu-operation")
    assert isinstance(usual, OperationProfile)
    stated = {
        "shape": 0.8, "burst_share": 0.1, "burst_units": 10, "bad_share": 0.3, "bad_times": 10, "loses_memory": 0.2,
        "per_1000_days": 2, "repair": "2 h", "detection": "3 min", "detection_sigma": 0.5,
    }  # fmt: skip
    failures = {
        "mine": {"of": "unit", "strikes": "stop", "takes_unit": True, **{k: _of_operation(v) for k, v in stated.items()}},
        "wrong": {
            "of": "swarmx", "strikes": "corrupt", "per_1000_days": _of_operation(1), "detection": _of_operation("1 min"),
            "latency": _of_operation("1 h"),
        },
        "spike": {
            "of": "memoryx", "strikes": "spike", "per_1000_days": _of_operation(1), "detection": _of_operation("1 min"),
            "back_steps": _of_operation(100),
        },
    }  # fmt: skip
    values = usual.values.model_dump() | {
        name: _of_operation(value)
        for name, value in {
            "weights_bandwidth": "1 GB/s", "memoryx_nodes": 10, "swarmx_nodes": 10, "spares": 0.4, "input_stall": 0.1,
        }.items()
    }  # fmt: skip
    return OperationProfile.model_validate(
        {**usual.model_dump(), "name": "everything", "values": values, "failures": failures}
    )


def profile_of(name: str) -> Profile:
    """A shipped profile, or the one of these tests."""
    return everything() if name == "everything" else load_profile(name)


def _said(prediction: dict[str, Any]) -> str:
    return json.dumps({name: prediction[name] for name in SAID})


def jobs() -> Iterator[Job]:
    servers = {"strategy": {"micro_batch": 12, "activations": {"keep": "block-inputs", "place": "servers"}}}
    yield on_wafers("andromeda", systems=5, training={"optimizer": "lion"})
    yield on_wafers("cs2", systems=2, disturbances={"jitter": "profile", "spread": "profile"})
    yield on_wafers("cs3", systems=3, model="cerebras-gpt-1.3b", **servers)
    yield on_wafers("cs2", system={"software": "R1.7"})
    yield on_wafers("cs2", system={"software": "R1.8"})
    yield on_wafers("cs2", system={"software": "R1.9"})
    # Rotary embeddings exchange, and `auto` follows the release's working set.
    for release in ("R1.7", "R1.8", "R1.9", "R2.0", "R2.1"):
        yield on_wafers(
            "cs2", model="gptj-6b", system={"software": release}, training={"batch_per_system": 300}, strategy={}
        )
    yield on_wafers("cs2", training={"batch_per_system": 90}, strategy={"micro_batch": 90})  # attention above its floor
    yield on_wafers("cs2", systems=192)  # as many as SwarmX reaches
    yield on_wafers("cs1", model="megatron-76.1b", strategy={"micro_batch": 1})  # 1.22 TB at a MemoryX of 1.5
    yield kernel("cs2", 655_360, 16_384, 16_384)  # tiles of 40 KB in the 48 of a PE
    yield on_gpus("dgx-a100-80gb", 16, "megatron-lm", tensor=2, pipeline=2, data=4, recompute="selective")
    yield on_gpus(
        "vtrain-a100", 16, tensor=2, pipeline=4, virtual_stages=2, data=2, schedule="interleaved", micro_batch=2
    )
    yield on_gpus("jean-zay", 416, zero_stage=1)  # all that are installed
    yield on_gpus(
        "vtrain-a100", 2, model="opt-125m", sequence=128, tensor=2
    )  # 6 heads: no fused softmax, and nothing but launches
    yield on_gpus("dgx-a100-80gb", 8, shape={"head_dim": 68}, tensor=2)
    yield on_gpus("dgx-h200", 8, flash_attention=True, precision="fp8", tensor=8, micro_batch=4)
    yield on_gpus("dgx-h100", 16, model="mixtral-8x7b", expert=8, tensor=2, flash_attention=True, recompute="full")
    yield on_gpus("dgx2-v100", 8, tensor=4, pipeline=2)
    yield on_gpus("dgx-h100", 24, pipeline=24)  # one GPU of a node sends, by its own adapter
    for gpus in (6, 8):  # rings of two, four, six and eight GPUs are told apart
        yield on_gpus("dgx2-v100", gpus)
    yield on_gpus("dgx-b200", 8, shape={"head_dim": 192}, flash_attention=True, precision="nvfp4")  # wide heads
    yield on_gpus("gb200-nvl72", 8, flash_attention=True)  # two trays
    experts = {"expert": 4, "tensor": 2, "recompute": "full", "micro_batch": 2}
    yield on_gpus("dgx-b200", 8, model="mixtral-8x7b", flash_attention=True, precision="mxfp8", **experts)  # two a GPU
    yield on_gpus("dgx2-v100", 2)
    yield on_gpus("mosaic-a100-40gb", 16, zero_stage=3, flash_attention=True, recompute="full")
    yield on_gpus("grand-teton-h100", 16, zero_stage=3, context=2, flash_attention=True, recompute="selective")
    for profile in ("andromeda", "dgx-a100-80gb"):
        yield installed(profile, 8)
    for profile in names("hardware"):
        if getattr(load_profile(profile), "offers", None):
            yield offered(profile)
    yield whole_run("everything", "shared_13b")
    yield whole_run("wafer-operation", "hello_111m")
    for profile in ("cs2", "cs3"):
        for family in load_profile(profile).kernel_code:
            yield measured_loop(profile, family)


def places(schema: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of the numbers that a schema allows; "*" for what a file names itself."""
    for name, field in schema.model_fields.items():
        depth, inner = 0, field.annotation
        while not isinstance(inner, type) and get_args(inner):
            depth += "dict" in str(inner).split("[")[0]
            options = get_args(inner)[:1] if hasattr(inner, "__metadata__") else get_args(inner)[::-1]
            inner = next(option for option in options if option is not type(None))
        here = (*path, name, *("*",) * depth)
        if inner is Sourced:
            yield here
        elif isinstance(inner, type) and issubclass(inner, BaseModel) and inner not in get_args(Profile):
            yield from places(inner, here)  # a profile inside another one is of a kind of its own


def numbers(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of the numbers that a profile states."""
    if isinstance(value, Sourced):
        yield path
    elif isinstance(value, BaseModel):
        for name, inner in value:
            yield from numbers(inner, (*path, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from numbers(inner, (*path, name))


def turned(value: Any, path: tuple[str | int, ...], factor: float) -> Any:
    """A profile with one number multiplied; what is counted stays whole."""
    if not path:
        return value.model_copy(update={"value": factor * value.value})
    name, *rest = path
    if isinstance(value, dict):
        return value | {name: turned(value[name], tuple(rest), factor)}
    return value.model_copy(update={name: turned(getattr(value, str(name)), tuple(rest), factor)})


def generic(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """A stated path as its schema has it."""
    first, *rest = map(str, path)
    if first == "failures":  # by cause
        return first, "*", *rest[1:]
    return (first, *rest) if first == "values" else (first, *("*",) * len(rest))


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Profile]], None]:
    """Put other profiles in the place of shipped ones."""

    def put(others: dict[str, Profile]) -> None:
        def load(name: str | Profile) -> Profile:
            return (others.get(name) if isinstance(name, str) else None) or (
                profile_of(name) if isinstance(name, str) else name
            )

        monkeypatch.setattr(wafersim.inputs.machine, "load_profile", load)
        monkeypatch.setattr(wafersim.inputs.profile_file, "load_profile", load)

    return put


def answer(job: Job) -> object:
    try:
        return job.says()
    except WafersimError as refused:
        return str(refused)


def test_every_number_moves_an_answer(shipped: Callable[[dict[str, Profile]], None]) -> None:
    known = {kind: set(places(kind)) for kind in get_args(Profile)}
    shipped({})
    usual = [(job, answer(job)) for job in jobs()]
    assert not [said for _, said in usual if isinstance(said, str) and not said.startswith("{")]
    read: set[tuple[type, tuple[str, ...]]] = set()
    stated: dict[tuple[type, tuple[str, ...]], list[tuple[str, tuple[str | int, ...]]]] = {}
    for name in dict.fromkeys(name for job, _ in usual for name in job.profiles):
        profile = profile_of(name)
        for path in numbers(profile):
            stated.setdefault((type(profile), generic(path)), []).append((name, path))

    def moves(name: str, path: tuple[str | int, ...], factor: float, job: Job, said: object) -> bool:
        shipped({name: turned(profile_of(name), path, factor)})
        return answer(job) != said

    for place, where in stated.items():
        wanted = (
            where if "*" in place[1] and place[1][0] != "failures" else [where]
        )  # every number of a mapping, any profile's of a field
        for one in wanted:
            several = [one] if isinstance(one, tuple) else one
            attempts = (
                (name, path, factor, at)
                for factor in TURNS
                for at, (job, _) in enumerate(usual)
                for name, path in several
                if name in job.profiles
            )
            hit = next((a for a in attempts if moves(*a[:3], *usual[a[3]])), None)
            if hit is None:
                break
            usual.insert(0, usual.pop(hit[3]))  # likely to be moved by the next number, too
        else:
            read.add(place)
    unread = [
        f"{kind.__name__}: {'.'.join(path)}"
        for kind, paths in known.items()
        for path in paths
        if (kind, path) not in read
    ]
    assert not unread, "\n".join(sorted(unread))
