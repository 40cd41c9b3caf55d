"""Candidates of a plan on a dask cluster: one process's answer, whoever dies, joins or computes another model."""

import os
import pickle
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.checkout import ROOT
from tests.planning.processes import PATIENCE_S, Processes, another, wait_until
from wafersim.cli import commands
from wafersim.errors import WafersimError
from wafersim.inputs.goal import Offer, PlanSpec, offers_of, plan_file, with_values
from wafersim.planning.candidates import Candidate, Hardware, candidate_of
from wafersim.planning.cluster import Cluster
from wafersim.planning.cluster_plan import ClusterPlan, Question
from wafersim.planning.goal import answered
from wafersim.planning.whole_run import Whole, whole_or_why

RUNS = 100
OWN = {
    "mine.yaml": "base: cs3\nvalues: {clock: {value: 2.2 GHz, kind: assumed, source: ours, date: '2026'}}\n",
    "operation.yaml": "base: wafer-operation\nvalues: {swap: {value: 2 h, kind: assumed, source: ours, date: '2026'}}\n",
    "config.json": '{"model_type": "gpt2", "n_embd": 512, "n_layer": 20, "n_head": 8, "vocab_size": 32000, "n_positions": 2048}',
}
SPACE: list[dict[str, Any]] = [
    {"on": "h100", "sizes": [8, 16, 32, 64]},
    {"on": "a100", "sizes": [8, 32, 64], "price": "1 USD/h"},
    {"on": "cs2", "sizes": [1, 2, 4, 200]},
]


def asked(candidates: list[dict[str, Any]] = SPACE, model: str = "cerebras-gpt-1.3b") -> tuple[PlanSpec, list[Offer]]:
    file, here = plan_file(None)
    training = {"sequence_length": 2048, "batch": 512, "tokens": "26B"}
    values = {"name": "p", "goal": {"days": 12.0, "budget": "30 kUSD"}, "candidates": candidates}
    return offers_of(with_values(file, values | {"common": {"model": model, "training": training}}), here)


def answer_of(processes: Processes, say: Any = print) -> dict[str, Any]:
    with closing(Cluster(processes.address, 1, say, "not answered")) as cluster:
        return answered(*asked(), runs=RUNS, others=partial(ClusterPlan, cluster)).to_json()


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return answered(*asked(), runs=RUNS).to_json()


def candidates_of(offers: list[Offer], spec: PlanSpec) -> list[Candidate]:
    return [candidate_of(*form) for offer in offers for one in [Hardware.of(offer)] for form in one.forms(spec.goal)]


def test_all_that_a_candidate_is_made_of_travels_with_it(tmp_path: Path) -> None:
    for name, content in OWN.items():
        (tmp_path / name).write_text(content)
    mine, operation, model = (str(tmp_path / name) for name in OWN)
    spec, offers = asked([{"on": mine, "sizes": [1, 4], "fields": {"run": {"operation": operation}}}, SPACE[2]], model)
    candidates = candidates_of(offers, spec)
    here = [whole_or_why(one, spec.goal, RUNS, 3) for one in candidates]
    for name in OWN:
        (tmp_path / name).unlink()
    question: Question = pickle.loads(pickle.dumps(Question.of(spec.goal, candidates, RUNS, 3)))
    there = question(tuple(range(len(candidates))))
    for one, other in zip(here, there, strict=True):
        if isinstance(one, str) or isinstance(other, str):
            assert one == other
            continue
        assert one.to_json() == other.to_json() and np.array_equal(one.duration.ends_s, other.duration.ends_s)
    assert isinstance(here[0], Whole)


def test_what_is_sent_is_small() -> None:
    spec, offers = asked()
    candidates = candidates_of(offers, spec)
    before = len(pickle.dumps(Question.of(spec.goal, candidates, RUNS, 0)))
    whole_or_why(candidates[0], spec.goal, RUNS)  # which leaves its jobs and its prediction in the candidate
    assert len(pickle.dumps(Question.of(spec.goal, candidates, RUNS, 0))) == before < 100_000


def test_workers_of_a_scheduler_are_its_own_affair() -> None:
    words = ["plan", "--model", "gpt2-small", "--days", "1", "--workers", "3", "--cluster", "tcp://127.0.0.1:9"]
    with pytest.raises(WafersimError, match=r"--workers 3: a scheduler has workers of its own; leave --workers out"):
        CliRunner().invoke(commands, words, catch_exceptions=False)


def test_where_the_model_is_open_nothing_is_sent_to_a_cluster() -> None:
    done = CliRunner().invoke(commands, ["plan", "--days", "10", "--on", "cs2", "--cluster", "local"])
    assert done.exit_code == 2 and "--cluster is of a plan with a model" in done.output


@pytest.mark.cluster
def test_its_answer_is_that_of_one_process(processes: Processes, alone: dict[str, Any]) -> None:
    processes.join()
    processes.join()
    assert answer_of(processes) == alone


def first(directory: Path, then: str) -> Path:
    """A file that a worker loads first: it does something before each candidate that it measures."""
    path = directory / "first.py"
    path.write_text(f"""
import os, time
from wafersim.planning import cluster_plan
def whole_or_why(candidate, *args, real=cluster_plan.whole_or_why):
    with open({str(directory / "measured")!r}, "a") as file:
        file.write(".")
    {then}
    return real(candidate, *args)
if cluster_plan.whole_or_why.__module__ == "wafersim.planning.whole_run":  # dask loads such a file twice
    cluster_plan.whole_or_why = whole_or_why
""")
    return path


@pytest.mark.cluster
def test_workers_die_and_join(processes: Processes, alone: dict[str, Any], tmp_path: Path) -> None:
    mark = tmp_path / "dead"
    die = f"os.path.exists({str(mark)!r}) or (open({str(mark)!r}, 'w').close(), os.kill(os.getpid(), 9))"
    mortal = processes.join("--preload", str(first(tmp_path, die)))
    processes.until_there(1)
    processes.join()
    assert answer_of(processes) == alone
    assert mark.exists() and mortal.wait(PATIENCE_S) == -9


@pytest.mark.cluster
def test_a_candidate_that_kills_its_workers_ends_the_plan_with_a_line(processes: Processes, tmp_path: Path) -> None:
    deadly = str(first(tmp_path, "os.kill(os.getpid(), 9)"))
    for _ in range(4):
        processes.join("--preload", deadly)
    with pytest.raises(WafersimError, match=r"3 workers died of one candidate .* the plan is not answered"):
        answer_of(processes)


@pytest.mark.cluster
def test_a_worker_of_another_version_is_refused(processes: Processes, alone: dict[str, Any], tmp_path: Path) -> None:
    said: list[str] = []
    processes.join(path=another(tmp_path))
    processes.until_there(1)
    with pytest.raises(WafersimError, match="none of its 1 workers computes the same model; not answered"):
        answer_of(processes, said.append)
    processes.join()
    processes.until_there(2)
    assert answer_of(processes, said.append) == alone
    assert len(said) == 2 and all("is refused: its model is" in line for line in said)


@pytest.mark.cluster
def test_a_scheduler_that_dies_ends_the_plan_with_a_line(processes: Processes, tmp_path: Path) -> None:
    processes.join("--preload", str(first(tmp_path, "time.sleep(2.0)")))
    command = [
        sys.executable,
        "-m",
        "wafersim",
        "plan",
        "--model",
        "gpt2-small",
        "--tokens",
        "10B",
        "--days",
        "60",
        "--no-save",
    ]
    process = subprocess.Popen(
        [*command, "--cluster", processes.address], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    wait_until(lambda: (tmp_path / "measured").exists() or process.poll() is not None)
    processes.scheduler.kill()
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 2 and "Traceback" not in said
    assert said.splitlines()[-1].endswith(
        "the scheduler does not answer any more; give another scheduler, or leave --cluster out"
    )
