"""Tasks of a step are counted from its plan before any is made; more than are simulated is one line."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from tests.properties.gpu_plans import gpu_plans
from tests.properties.plans import plans
from wafersim.inputs.experiment import Experiment
from wafersim.simulation import job_of, simulate
from wafersim.strategies import tally as counting
from wafersim.strategies.gpu_parallel.graph import lower as lower_gpu
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.tally import tally as tally_gpu
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.run import run_to_period
from wafersim.strategies.tally import TooManyTasks
from wafersim.strategies.weight_streaming.graph import lower
from wafersim.strategies.weight_streaming.plan import Jitter, WeightStreamingPlan
from wafersim.strategies.weight_streaming.tally import tally

SMALL = {
    "name": "small", "model": "cerebras-gpt-111m", "system": {"profile": "cs2", "systems": 4},
    "strategy": {"micro_batch": 4}, "training": {"batch_per_system": 8, "sequence_length": 128},
}  # fmt: skip
ON_GPUS = {
    "name": "gpus", "model": "cerebras-gpt-111m", "system": {"profile": "dgx-a100-80gb", "gpus": 6},
    "strategy": {"kind": "gpu-parallel", "micro_batch": 1, "data": 1, "tensor": 6, "pipeline": 1},
    "training": {"batch": 3_000_000, "sequence_length": 128},
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(plans())
def test_a_wafer_plan_has_as_many_tasks_as_its_graph(plan: WeightStreamingPlan) -> None:
    assert tally(plan).tasks == lower(plan).graph.tasks


@settings(max_examples=60, deadline=None)
@given(gpu_plans())
def test_a_gpu_plan_has_as_many_tasks_as_its_graph(plan: GpuPlan) -> None:
    assert tally_gpu(plan).tasks == lower_gpu(plan).graph.tasks


@pytest.mark.parametrize("engine", ["auto", "fast", "queue", "reference"])
def test_every_engine_refuses_before_it_makes_a_task(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(Experiment.model_validate(SMALL))
    strategy = strategy_of(job.kind)
    plan = strategy.plan(job, strategy.choose(job))
    alike = tally(strategy.fold(plan).plan).tasks
    monkeypatch.setattr(counting, "MOST_TASKS", alike)
    run_to_period(strategy, plan, engine)  # the four systems are alike, and one of them is simulated
    own = replace(plan, jitter=Jitter(0.01, 0))
    monkeypatch.setattr(type(strategy), "lower", None)
    monkeypatch.setattr(type(strategy), "reference", None)
    with pytest.raises(TooManyTasks, match=r"2 micro-batches, 4 systems with jitter\).*no disturbances.jitter"):
        run_to_period(strategy, own, engine)


def test_the_reference_of_both_counts_systems_that_the_other_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(Experiment.model_validate(SMALL))
    strategy = strategy_of(job.kind)
    plan = strategy.plan(job, strategy.choose(job))
    monkeypatch.setattr(counting, "MOST_TASKS", tally(plan).tasks - 1)
    run_to_period(strategy, plan)
    with pytest.raises(TooManyTasks, match="4 systems that differ; the SimPy reference leaves none of them out"):
        run_to_period(strategy, plan, "both")


def test_micro_batches_by_the_million_on_gpus_are_one_line() -> None:
    said = (
        r"^a step has 6,000,\d{3} tasks \(1 pipeline stage of .*, 3,000,000 micro-batches\); up to .* GB: a larger "
        r"strategy.micro_batch, more GPUs that share the batch \(strategy.data\) or a smaller training.batch$"
    )
    with pytest.raises(TooManyTasks, match=said):
        simulate(Experiment.model_validate(ON_GPUS))


def test_jobs_side_by_side_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(Experiment.model_validate(SMALL))
    strategy = strategy_of(job.kind)
    jobs = [job, job]
    one = tally(strategy.fold(strategy.plan(job, strategy.choose(job))).plan).tasks
    monkeypatch.setattr(counting, "MOST_TASKS", 2 * one)  # enough for each alone, whose reads of MemoryX are tasks, too
    with pytest.raises(TooManyTasks, match="of the largest of the jobs"):
        strategy.share(jobs, False)
