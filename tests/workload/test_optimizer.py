"""One table of optimizer states serves time and memory of wafers and of GPUs."""

from typing import get_args

import numpy as np
import pytest

from tests.simulation.test_conservation import experiment
from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.data_parallel import Parameters, update_time
from wafersim.gpu.layout import FULL, Geometry, Layout
from wafersim.gpu.memory import memory_use
from wafersim.inputs.experiment import Experiment, TrainingSpec
from wafersim.inputs.machine import load_gpu_machine, load_machine
from wafersim.inputs.optimizer import OPTIMIZERS, OptimizerName
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.simulation import simulate
from wafersim.strategies.job import Job, Training
from wafersim.strategies.weight_streaming.memoryx import check_memoryx
from wafersim.workload.optimizer import memoryx_bytes, update_bytes
from wafersim.workload.transformer import build_workload


def on_gpus(optimizer: str, **strategy: object) -> Experiment:
    split = {"kind": "gpu-parallel", "data": 8, "tensor": 1, "pipeline": 1, "virtual_stages": 1, "micro_batch": 1}
    return Experiment.model_validate(
        {
            "name": "t",
            "model": "cerebras-gpt-1.3b",
            "system": {"profile": "dgx-a100-80gb", "gpus": 8},
            "strategy": {**split, "recompute": "none", "zero_stage": 1, **strategy},
            "training": {"sequence_length": 2048, "batch": 8, "optimizer": optimizer},
        }
    )


def test_every_optimizer_has_its_states_and_each_a_source() -> None:
    assert get_args(OptimizerName) == tuple(OPTIMIZERS)
    assert TrainingSpec.model_json_schema()["properties"]["optimizer"]["enum"] == list(OPTIMIZERS)
    assert all(len(states.source) > 20 for states in OPTIMIZERS.values())


def test_bytes_of_a_parameter() -> None:
    # Rajbhandari et al. 2020, section 3.1: K = 12 bytes of Adam in mixed precision (fp32 weight, momentum, variance).
    assert OPTIMIZERS["adamw"].stored == 12
    # An update reads and writes these 12 twice, reads 4 of the gradient and writes a 16-bit weight; Lion has one moment less.
    assert update_bytes("adamw") == 12 + 12 + 4 + 2
    assert update_bytes("lion") == 8 + 8 + 4 + 2
    # Adafactor's sums are nothing beside its weight, and it reads the gradient twice.
    assert update_bytes("adafactor") == pytest.approx(4 + 4 + 8 + 2, abs=0.05)


def test_a_lighter_optimizer_is_faster_and_smaller_on_both_machines() -> None:
    slow = {"overrides": {"memoryx.optimizer_bandwidth": "50 GB/s"}}
    adam, lion = (
        simulate(experiment(system=slow, training={"optimizer": name, "optimizer_barrier": "global-norm"}))
        for name in ("adamw", "lion")
    )
    # 8 bytes less for each of 111,050,496 parameters at 50 GB/s, all of it exposed behind a barrier: 17.8 ms.
    assert adam.step_time_s - lion.step_time_s == pytest.approx(111_050_496 * 8 / 50e9, rel=1e-3)
    model = build_workload("cerebras-gpt-111m")
    assert memoryx_bytes(model, "adamw") == 111_050_496 * 16  # with the summed gradient
    assert memoryx_bytes(model, "lion") == 111_050_496 * 12
    adam, lion = (simulate(on_gpus(name)) for name in ("adamw", "lion"))
    # One moment of 1.316 B parameters over 8 GPUs: 4 bytes each, 0.66 GB.
    spared = adam.memory.optimizer - lion.memory.optimizer
    assert spared == pytest.approx(adam.parameters * 4 / 8, rel=0.02)  # without positions and norms
    assert lion.step_time_s < adam.step_time_s


def test_an_update_on_gpus_takes_as_much_less_as_it_moves() -> None:
    machine = load_gpu_machine(
        "dgx-a100-80gb", None, {"software.step_time": "0 s", "software.step_time_per_block": "0 s"}
    )
    one = Layout(
        data=1, tensor=1, pipeline=1, context=1, expert=1, virtual_stages=1, micro_batch=1, micro_batches=1,
        zero_stage=0, shard=1, sequence_parallel=0, recompute=FULL, flash=1, fp8=0,
    )  # fmt: skip
    adam, lion = (
        float(update_time(Parameters(1e9, 0.0), 1.0, one, cluster_of(machine, optimizer=name)))
        for name in ("adamw", "lion")
    )
    assert lion / adam == pytest.approx(22 / 30)
    # Adam itself takes what the software's profile says, as it was fitted on Adam's rows.
    gpu, traffic = machine.gpu.values, machine.software.values.optimizer_traffic.value
    assert adam == pytest.approx(1e9 * traffic / (gpu.memory_efficiency.value * 2.039e12), rel=1e-9)


def test_fully_sharded_states_of_7b_on_four_gpus() -> None:
    # DeepSpeed's estimator counts 18 bytes a parameter (weight 2, gradient 4, Adam 12): 6.738e9 x 18 / 4 = 30.3 GB = 28.2 GiB,
    # and a gathered layer besides (29.0). Lion keeps 4 bytes less of each: 14 x 6.738e9 / 4 = 22.0 GiB.
    for name, gibibytes in (("adamw", 28.2), ("lion", 22.0)):
        cluster = cluster_of(load_gpu_machine("dgx-a100-80gb", "llm-foundry-amp"), optimizer=name)
        layout = Layout(
            data=4, tensor=1, pipeline=1, context=1, expert=1, virtual_stages=1, micro_batch=1, micro_batches=1,
            zero_stage=3, shard=4, sequence_parallel=0, recompute=FULL, flash=1, fp8=0,
        )  # fmt: skip
        use = memory_use(Geometry.of(build_workload("llama2-7b", 512)), layout, cluster, name)
        assert float(np.max(use.weights + use.gradients + use.optimizer)) / 2**30 == pytest.approx(gibibytes, abs=0.1)


@pytest.mark.parametrize(
    ("capacity", "said"),
    [
        # 12,853,125,120 parameters x (4 weight + 8 moments + 4 gradient) = 205.65 GB, said as 206.
        (
            "1 GB",
            r"1.29e.10 parameters take 206 GB; the MemoryX of this experiment has 1 GB; memoryx-cs2-1.5tb \(1.5 TB\) holds it",
        ),
        ("205.6 GB", "take 206 GB"),
        ("205.7 GB", None),
    ],
)
def test_what_does_not_fit_in_memoryx_is_refused(capacity: str, said: str | None) -> None:
    job = experiment("cerebras-gpt-13b", 1, system={"overrides": {"memoryx.capacity": capacity}}, training={"batch": 8})
    if said is None:
        assert simulate(job).step_time_s > 0
        return
    with pytest.raises(Infeasible, match=said):
        simulate(job)


def huge(machine: str, model: str = "megatron-1008b", **training) -> Job:
    """A job of a model that only MemoryX holds."""
    asked = Training(batch=1, **training)
    return Job(build_workload(model, 2048), load_machine(machine), 1, WeightStreamingSpec(), asked)


def test_a_trillion_parameters_need_another_memoryx() -> None:
    # 1,008 B parameters x 16 bytes = 16.1 TB of 12; CS-2 has none larger, CS-3's smallest holds it.
    with pytest.raises(
        Infeasible, match=r"take 16.2 TB; memoryx-cs2-12tb has 12 TB; memoryx-cs3-24tb \(24 TB\) holds it"
    ):
        check_memoryx(huge("cs2"))
    check_memoryx(huge("cs3"))
    # Lion keeps 12 bytes: 12.1 TB, still too much; with half of the weights zero, (12 + 2 of an index) / 2 = 7.1 TB.
    with pytest.raises(Infeasible, match="lion states"):
        check_memoryx(huge("cs2", optimizer="lion"))
    check_memoryx(huge("cs2", optimizer="lion", density=0.5))


def test_jobs_that_share_a_memoryx_share_its_capacity() -> None:
    half = huge("cs2", "megatron-529.6b")
    check_memoryx(half)  # 529.6e9 x 16 = 8.5 of 12 TB
    with pytest.raises(Infeasible, match="take 17"):
        check_memoryx(half, half)
    nothing_holds_it = [half] * 150
    with pytest.raises(Infeasible, match="the largest, memoryx-cs3-1200tb, has 1200 TB"):
        check_memoryx(*nothing_holds_it)
