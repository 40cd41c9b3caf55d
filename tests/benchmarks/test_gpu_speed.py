"""Speed of GPU plans and of the search, for reading and comparing, never a gate."""

import numpy as np

from tests.strategies.test_search import OPEN as EVERYTHING
from tests.strategies.test_search import space_of
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.simulation import Replay, jobs_of, simulate_run
from wafersim.simulation.intervals import uncertainty_of
from wafersim.simulation.provenance import moving_assumed
from wafersim.simulation.ranking import ranked
from wafersim.strategies.gpu_parallel.closed_form import estimate
from wafersim.strategies.gpu_parallel.periodic import run_to_period
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.gpu_parallel.search import search
from wafersim.strategies.gpu_parallel.space import splits_of

OPEN = GpuParallelSpec(kind="gpu-parallel")


def test_closed_form(benchmark) -> None:
    """Target 3e5 evaluations/s on one core."""
    space = space_of("gpt3-175b", 1536, 1536)
    columns = splits_of(space, OPEN).layout
    tiled = type(columns)(**{name: np.tile(value, 50) for name, value in vars(columns).items() if name != "stages"})
    benchmark(lambda: estimate(space.geometry, tiled, space.cluster))
    benchmark.extra_info["evaluations_per_s"] = round(len(tiled.data) / benchmark.stats["mean"])


def test_simulated_1f1b_plans(benchmark) -> None:
    """Target 200 plans/s: 12 stages, 96 micro-batches, lowering and all steps to the period included."""
    space = space_of("gpt3-175b", 96, 96)
    spec = GpuParallelSpec(
        kind="gpu-parallel", tensor=8, pipeline=12, micro_batch=1, virtual_stages=1, recompute="full"
    )
    layout, _ = splits_of(space, spec).one(0)
    benchmark(lambda: run_to_period(build_gpu_plan(space.geometry, layout, space.cluster, "1f1b", True)))
    benchmark.extra_info["plans_per_s"] = round(1 / benchmark.stats["mean"])


def test_search(benchmark) -> None:
    """Target 10 s: GPT-3 175B on 1,536 GPUs, every split, micro-batch, recompute and interleaving."""
    space = space_of("gpt3-175b", 1536, 1536)
    found = benchmark.pedantic(lambda: search(space, OPEN), rounds=3)
    benchmark.extra_info["considered"], benchmark.extra_info["simulated"] = found.considered, found.simulated


def test_search_of_everything(benchmark) -> None:
    """Target 1 s: the same with sharding, context, experts, schedule and precision open as well."""
    space = space_of("gpt3-175b", 1536, 1536, ("dgx-h100", "megatron-core"))
    found = benchmark.pedantic(lambda: search(space, GpuParallelSpec(**EVERYTHING)), rounds=3)
    benchmark.extra_info["considered"], benchmark.extra_info["simulated"] = found.considered, found.simulated


def test_interval(benchmark) -> None:
    """Target 100 ms: interval, chances and assumed numbers of Llama 2 70B on 512 H100: some 70 machines that are nudged."""
    job = Experiment(
        name="interval", model="llama2-70b", system={"profile": "dgx-h100", "gpus": 512}, strategy="auto",
        training={"batch": 1024, "sequence_length": 4096, "tokens": "2T"},
    )  # fmt: skip
    run = simulate_run(jobs_of(job))
    assert run.prediction.search is not None

    def said() -> None:
        ranked(run.job, run.choice, run.prediction.search)
        rough = Replay(run.job, run.choice)
        uncertainty_of(rough)
        moving_assumed(rough, Replay(run.job, run.choice, exact=True))

    benchmark(said)
