"""Whole runs on a dask cluster: bit for bit those of one machine, whoever dies, joins or computes another model."""

import os
import pickle
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.planning.processes import PATIENCE_S, Processes, another
from wafersim.cli import commands
from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.metrics.prediction import Prediction
from wafersim.planning.cluster import Cluster
from wafersim.planning.cluster_runs import Blocks, ClusterRuns
from wafersim.simulation import jobs_of, simulate_with_interval
from wafersim.training_run.compiled import BLOCK, Outcomes, joined
from wafersim.training_run.duration import Duration, duration_of
from wafersim.training_run.many import ManyRuns, Simulate, on_all_cores
from wafersim.training_run.plan import JobRun, RunPlan, Saving, Source, Stretch, Strikes

RUNS = 40 * BLOCK + 7
SECOND = 10**12


@pytest.fixture(scope="module")
def asked() -> tuple[Experiment, Prediction]:
    experiment = load_experiment("opt175b_run")
    return experiment, simulate_with_interval(jobs_of(experiment))


def lasting(asked: tuple[Experiment, Prediction], simulate: Simulate = on_all_cores, runs: int = RUNS) -> Duration:
    return duration_of(*asked, runs, 5, simulate=simulate)


@pytest.fixture(scope="module")
def alone(asked: tuple[Experiment, Prediction]) -> Duration:
    return lasting(asked)


def assert_same(one: Duration, other: Duration) -> None:
    assert one.to_json() == other.to_json()
    for name in ("ends_s", "chance_ends_s", "costs_usd"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def backwards(many: ManyRuns) -> Outcomes:
    """Each block alone, the last one first, by what was pickled."""
    blocks: Blocks = pickle.loads(pickle.dumps(Blocks(replace(many))))
    found: dict[int, Any] = {number: blocks((number,))[0] for number in reversed(range(many.prepared.blocks))}
    return joined([found[number] for number in sorted(found)])


def test_blocks_in_any_order_are_the_whole(asked: tuple[Experiment, Prediction], alone: Duration) -> None:
    assert_same(lasting(asked, backwards), alone)


def hopeless() -> ManyRuns:
    """A job that fails every ten seconds and starts in an hour."""
    source = Source("node", Strikes.STOP, units=1, mean_s=10.0)
    job = JobRun("hopeless", (Stretch(10**6, (SECOND,), save_every=1000),), restart_ticks=3600 * SECOND,
                 saving=Saving("blocking", SECOND), sources=(source,))  # fmt: skip
    return ManyRuns(RunPlan((job,)), 1, RUNS, None, 1e5)


def test_why_runs_are_given_up_is_said_as_by_one_machine() -> None:
    many = hopeless()
    with pytest.raises(WafersimError) as here:
        on_all_cores(many)
    found = Blocks(many)((3, 0, 1))
    assert found[1] == str(here.value) and all(isinstance(block, str) for block in found)


def test_without_a_whole_run_nothing_is_sent_to_a_cluster() -> None:
    for words in (["run", "hello_111m"], ["compare", "llama3_8b"]):
        done = CliRunner().invoke(commands, [*words, "--cluster", "local"])
        assert done.exit_code == 2 and "--cluster is of --duration" in done.output
    done = CliRunner().invoke(commands, ["run", "cerebras_gpt_family", "--cluster", "local"])
    assert done.exit_code == 2 and "--cluster are of one experiment" in done.output


def test_an_address_that_is_none_is_said_before_anything_is_simulated() -> None:
    with pytest.raises(WafersimError, match=r"--cluster 10\.0\.0\.1: is none of local, or a scheduler's address"):
        CliRunner().invoke(
            commands, ["run", "hello_111m", "--duration", "--cluster", "10.0.0.1"], catch_exceptions=False
        )


def on(processes: Processes, say: Callable[[str], None] = print) -> closing[Cluster]:
    return closing(Cluster(processes.address, 1, say, "not answered"))


@pytest.mark.cluster
def test_its_runs_are_those_of_one_machine(
    processes: Processes, asked: tuple[Experiment, Prediction], alone: Duration
) -> None:
    processes.join()
    processes.join()
    with on(processes) as cluster:
        assert_same(lasting(asked, ClusterRuns(cluster)), alone)
        with pytest.raises(WafersimError, match=r"run 5 .* is given up"):
            ClusterRuns(cluster)(hopeless())


@pytest.mark.cluster
def test_the_command_prints_what_it_prints_without(processes: Processes) -> None:
    processes.join()
    for words in (["run", "hello_111m"], ["compare", "cs2_vs_a100"]):
        asked = [*words, "--duration", "--runs", "200", "--json", "--no-save"]
        here, there = (CliRunner().invoke(commands, [*asked, *more], catch_exceptions=False)
                       for more in ([], ["--cluster", processes.address]))  # fmt: skip
        assert here.stdout == there.stdout and '"duration"' in here.stdout


def first(directory: Path, then: str) -> Path:
    """A file that a worker loads first: it does something before each chunk of blocks."""
    path = directory / "first.py"
    path.write_text(f"""
import os
from wafersim.planning.cluster_runs import Blocks
def block(self, number, real=Blocks._block):
    {then}
    return real(self, number)
if Blocks._block.__name__ == "_block":  # dask loads such a file twice
    Blocks._block = block
""")
    return path


@pytest.mark.cluster
def test_workers_die_and_join(
    processes: Processes, asked: tuple[Experiment, Prediction], alone: Duration, tmp_path: Path
) -> None:
    mark = tmp_path / "dead"
    die = f"number < 7 or os.path.exists({str(mark)!r}) or (open({str(mark)!r}, 'w').close(), os.kill(os.getpid(), 9))"
    mortal = processes.join("--preload", str(first(tmp_path, die)))
    processes.until_there(1)
    processes.join()
    with on(processes) as cluster:
        assert_same(lasting(asked, ClusterRuns(cluster)), alone)
    assert mark.exists() and mortal.wait(PATIENCE_S) == -9


@pytest.mark.cluster
def test_a_block_that_kills_its_workers_ends_with_a_line(processes: Processes, tmp_path: Path) -> None:
    deadly = str(first(tmp_path, "number == 7 and os.kill(os.getpid(), 9)"))
    for _ in range(5):
        processes.join("--preload", deadly)
    with on(processes) as cluster, pytest.raises(WafersimError, match="3 workers died of one block of runs"):
        ClusterRuns(cluster)(replace(hopeless(), runs=12 * BLOCK))


@pytest.mark.cluster
def test_a_worker_of_another_version_is_refused(
    processes: Processes, asked: tuple[Experiment, Prediction], tmp_path: Path
) -> None:
    said: list[str] = []
    processes.join(path=another(tmp_path))
    processes.until_there(1)
    with on(processes, said.append) as cluster, pytest.raises(WafersimError, match="none of its 1 workers"):
        lasting(asked, ClusterRuns(cluster))
    assert len(said) == 1 and "is refused: its model is" in said[0]


@pytest.mark.cluster
def test_a_scheduler_that_dies_ends_with_a_line(processes: Processes, asked: tuple[Experiment, Prediction]) -> None:
    processes.join()
    processes.until_there(1)
    with on(processes) as cluster:
        os.kill(processes.scheduler.pid, 9)
        with pytest.raises(WafersimError, match="the scheduler does not answer any more; not answered"):
            lasting(asked, ClusterRuns(cluster))
