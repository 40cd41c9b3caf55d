"""What slices of GPU steps say that they waited for, beside the parts of the step and by hand."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli import commands
from wafersim.inputs.loader import load_experiment
from wafersim.simulation import Simulated, jobs_of, simulate_run
from wafersim.strategies.gpu_parallel.waits import waits_between, waits_of_update
from wafersim.timeline.clock import to_seconds
from wafersim.timeline.timeline import PASS

LLAMA = ("model=llama3-8b", "system.gpus=64", "training.batch=128", "strategy.micro_batch=1")
SPLITS = {
    "replicas": ("data=64",),
    "sharded weights": ("data=64", "zero_stage=3"),
    "pipeline": ("data=8", "tensor=2", "pipeline=4", "virtual_stages=1"),
    "interleaved": ("data=4", "tensor=4", "pipeline=4", "virtual_stages=2"),
}


def step(split: str) -> Simulated:
    sets = (*LLAMA, *(f"strategy.{each}" for each in SPLITS[split]))
    experiment = load_experiment("llama3_h100", sets).model_copy(update={"sweep": None})
    return simulate_run(jobs_of(experiment), told=False)


@pytest.mark.parametrize("split", SPLITS)
def test_gaps_of_a_stage_are_what_its_work_leaves_open(split: str) -> None:
    one = step(split)
    timeline, plan = one.periodic.timeline, one.periodic.plan
    for stage in range(plan.stages):
        work = timeline.of("compute")
        work = work.select(work.entity == stage)
        waits = [*waits_between(timeline, plan, stage), *waits_of_update(timeline, plan, stage)]
        assert min(wait.ticks for wait in waits) >= 0
        update = timeline.of("update")
        until = int(update.start[update.entity == stage][0])
        assert sum(wait.ticks for wait in waits) == until - int(work.start.min()) - work.busy()
        for wait in waits[:-2]:
            assert timeline.entity[wait.row] == stage
            before = work.end[work.end <= timeline.start[wait.row]].max()
            assert wait.ticks <= timeline.start[wait.row] - before


def test_the_first_stage_waits_for_its_first_micro_batch_to_come_back() -> None:
    """1F1B: while it does as many forward passes as there are stages, the first micro-batch goes forward through the others;
    what is left to wait for is that it comes back through them."""
    one = step("pipeline")
    timeline, plan = one.periodic.timeline, one.periodic.plan
    first = next(waits_between(timeline, plan, 0))
    work = timeline.of("compute")
    others = work.select((work.micro_batch == 0) & (work.entity > 0) & (work.pass_ == PASS["backward"]))
    assert (first.part, timeline.pass_[first.row]) == ("bubble", PASS["backward"])
    assert len(others) == 3 and others.busy() < first.ticks < 1.2 * others.busy()


def test_sharded_weights_are_waited_for_as_data() -> None:
    one = step("sharded weights")
    waits = list(waits_between(one.periodic.timeline, one.periodic.plan, 0))
    assert {wait.part for wait in waits} == {"data"}
    assert to_seconds(sum(wait.ticks for wait in waits)) <= dict(one.prediction.to_json()["breakdown"])["data"]


def test_a_trace_and_its_reader_get_them(tmp_path: Path) -> None:
    words = ["--set", *" --set ".join((*LLAMA, *(f"strategy.{each}" for each in SPLITS["pipeline"]))).split()]
    path = tmp_path / "t.json"
    found = CliRunner().invoke(
        commands, ["run", "llama3_h100", *words, "--point", "1", "--no-save", "--trace", str(path)]
    )
    assert found.exit_code == 0, found.output
    events = json.loads(path.read_text())["traceEvents"]
    waited = [event for event in events if "waited_us" in event.get("args", {})]
    assert {part for event in waited for part in event["args"]["waited_us"]} >= {"pipeline bubble"}
    assert all(us > 0 for event in waited for us in event["args"]["waited_us"].values())
