"""Workers of a dask cluster: the pool's table, whoever dies, joins or computes another model."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.planning.processes import PATIENCE_S, Processes, another, wait_until
from tests.planning.sweeps import command, keys
from wafersim.errors import WafersimError
from wafersim.inputs.loader import load_experiment
from wafersim.planning.cluster import KEPT, Cluster
from wafersim.planning.cluster_sweep import ClusterSweep
from wafersim.planning.executor import Task
from wafersim.planning.journal import Journal
from wafersim.planning.pool import Pool
from wafersim.planning.swept import write_results

FILE = """
name: spread
model: cerebras-gpt-111m
system: {profile: cs2, systems: 1}
training: {sequence_length: 2048, batch: 256, tokens: 20 per parameter}
sweep:
  "*":
    - {system.profile: cs2, system.systems: 1}
    - {system.profile: cs3, system.systems: 4}
    - {system.profile: dgx-a100-80gb, system.gpus: 8, strategy: auto}
    - {system.profile: cs2, system.systems: 512}
  training.batch: [64, 96, 128, 160, 192, 224, 256, 288, 320, 352]
"""


def test_what_is_no_address_is_said_in_a_line() -> None:
    with pytest.raises(
        WafersimError, match=r"--cluster 10\.0\.0\.1: is none of local, or a scheduler's address such as tcp://"
    ):
        Cluster("10.0.0.1", 1, print, "done")
    with pytest.raises(WafersimError, match=r"^--cluster 'tcp://a\\nb:1': is none of local.*$"):
        Cluster("tcp://a\nb:1", 1, print, "done")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WafersimError, match=r"pip install -e '\.\[cluster\]'"):
        Cluster("local", 1, print, "done")


def test_a_scheduler_that_is_not_there_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("wafersim.planning.cluster.CONNECT_S", 0.5)
    with pytest.raises(WafersimError, match=r"--cluster tcp://127\.0\.0\.1:9: no scheduler answers there"):
        Cluster("tcp://127.0.0.1:9", 1, print, "done")


def test_who_listens_and_never_speaks_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("wafersim.planning.cluster.CONNECT_S", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WafersimError, match=rf"--cluster {address}: no scheduler answers there"):
            Cluster(address, 1, print, "done")


@pytest.mark.parametrize("address", ["tcp://", "tcp://127.0.0.1:none", "tcp://127.0.0.1:99999999"])
def test_what_is_hardly_an_address_is_said_in_a_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("wafersim.planning.cluster.CONNECT_S", 0.5)
    with pytest.raises(WafersimError, match=rf"--cluster {address}: no scheduler answers there \(.+\)"):
        Cluster(address, 1, print, "done")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "spread.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def undisturbed(file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = tmp_path_factory.mktemp("undisturbed")
    journal = Journal(directory)
    Pool(1).execute(Task(load_experiment(file)), journal, 0.1, lambda _: None)
    write_results(Task(load_experiment(file)), journal)
    return (directory / "results.csv").read_bytes()


def swept(file: Path, directory: Path, address: str, say: Callable[[str], None] = print, each_s: float = 0.1) -> bytes:
    task, journal = Task(load_experiment(file)), Journal(directory)
    missing, counts = task.grid.size - journal.done(task.sweep), list[int]()
    with closing(Cluster(address, 2, say, KEPT)) as cluster:
        ClusterSweep(cluster).execute(task, journal, each_s, counts.append)
    write_results(task, journal)
    assert sum(counts) == missing
    return (directory / "results.csv").read_bytes()


def started(file: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(file, out, *words), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip


def until_more_than(count: int, directory: Path, process: subprocess.Popen[str]) -> None:
    wait_until(lambda: len(keys(directory)) > count or process.poll() is not None, every_s=0.02)


@pytest.mark.cluster
def test_its_table_is_that_of_the_pool(processes: Processes, file: Path, undisturbed: bytes, tmp_path: Path) -> None:
    processes.join()
    processes.join()
    assert swept(file, tmp_path, processes.address) == undisturbed


@pytest.mark.cluster
def test_points_that_another_grid_has_are_not_sent(
    processes: Processes, file: Path, undisturbed: bytes, tmp_path: Path
) -> None:
    half, journal = load_experiment(file, sets=["sweep.training.batch=[64, 96, 128, 160, 192]"]), Journal(tmp_path)
    Pool(1).execute(Task(half), journal, 0.1, lambda _: None)
    known = keys(tmp_path)
    processes.join("--preload", str(told(tmp_path, "asked")))
    assert swept(file, tmp_path, processes.address) == undisturbed
    asked = len((tmp_path / "asked").read_text())
    assert len(known) == 20 and asked == 20


def told(directory: Path, mark: str, more: str = "") -> Path:
    """A file that a worker loads first: it writes a letter for each point that it computes."""
    path = directory / f"{mark}_first.py"
    path.write_text(f"""
import os, time
from wafersim.planning import executor
def run_point(point, *args, real=executor.run_point, **kwargs):
    with open({str(directory / mark)!r}, "a") as file:
        file.write(".")
    {more or "pass"}
    return real(point, *args, **kwargs)
if executor.run_point.__module__ == "wafersim.planning.sweep":  # dask loads such a file twice
    executor.run_point = run_point
""")
    return path


@pytest.mark.cluster
def test_a_worker_of_another_version_is_refused_and_the_others_do_its_work(
    processes: Processes, file: Path, undisturbed: bytes, tmp_path: Path
) -> None:
    said: list[str] = []
    processes.join(path=another(tmp_path))
    processes.until_there(1)
    with pytest.raises(WafersimError, match="none of its 1 workers computes the same model"):
        swept(file, alone(tmp_path), processes.address, said.append)
    processes.join()
    processes.until_there(2)
    assert swept(file, tmp_path, processes.address, said.append) == undisturbed
    assert len(said) == 2 and all("is refused: its model is" in line for line in said)


def alone(directory: Path) -> Path:
    path = directory / "alone"
    path.mkdir()
    return path


@pytest.mark.cluster
def test_a_worker_that_has_no_wafersim_is_refused(processes: Processes, file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "wafersim").mkdir(parents=True)
    (tmp_path / "empty" / "wafersim" / "__init__.py").touch()
    processes.join(path=tmp_path / "empty")
    processes.until_there(1)
    said: list[str] = []
    with pytest.raises(WafersimError, match="none of its 1 workers"):
        swept(file, tmp_path, processes.address, said.append)
    assert "is refused: it cannot load this wafersim" in said[0] and "No module named" in said[0]
    assert processes.workers[0].poll() is None  # it may serve others


@pytest.mark.cluster
def test_a_point_that_kills_its_workers_ends_the_sweep_with_a_line_when_the_others_are_done(
    processes: Processes, file: Path, tmp_path: Path
) -> None:
    deadly = "point.overrides['training.batch'] == 96 and point.experiment.system.on_gpus and os.kill(os.getpid(), 9)"
    first = str(told(tmp_path, "asked", deadly))
    for _ in range(5):
        processes.join("--preload", first)
    with pytest.raises(WafersimError, match=r"3 workers died of one point .* 39 points of spread are kept"):
        swept(file, tmp_path, processes.address, each_s=0.5)


@pytest.mark.cluster
def test_ctrl_c_ends_with_a_line(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    slow = tmp_path / "slow.yaml"
    slow.write_text(FILE.replace("[64, 96", f"[{', '.join(map(str, range(1000, 9000, 4)))}, 64, 96"))
    process = started(slow, tmp_path / "out", "--cluster", "local")
    until_more_than(40, tmp_path / "out", process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 130 and "interrupted, " in said and "Traceback" not in said
    rows = len((tmp_path / "out" / "results.csv").read_text().splitlines()) - 1
    assert 40 < rows < 8040 and f"{rows:,} of 8,040" in said


@pytest.mark.cluster
def test_a_scheduler_that_dies_ends_the_sweep_with_a_line_and_the_next_one_goes_on(
    processes: Processes, file: Path, undisturbed: bytes, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    processes.join("--preload", str(told(tmp_path, "asked", "time.sleep(0.3)")))
    process = started(file, tmp_path / "out", "--cluster", processes.address)
    # In the middle of its first chunk, of which nothing has come back.
    wait_until(lambda: (tmp_path / "asked").exists() or process.poll() is not None)
    assert process.poll() is None
    processes.scheduler.kill()
    said = process.communicate(timeout=PATIENCE_S)[1]
    kept = keys(tmp_path / "out")
    assert process.returncode == 2 and len(kept) < 40
    assert said.splitlines()[-1].endswith(
        "the scheduler does not answer any more; finished points are kept; the same command goes on from there"
    )
    assert "Traceback" not in said
    with closing(Processes(tmp_path_factory.mktemp("next"))) as others:
        others.join()
        assert swept(file, tmp_path / "out", others.address) == undisturbed
    assert kept < keys(tmp_path / "out")


@pytest.mark.cluster
def test_workers_are_killed_at_random_and_others_join(
    processes: Processes, file: Path, undisturbed: bytes, tmp_path: Path
) -> None:
    chance = random.Random(17)
    first = str(told(tmp_path, "asked", "time.sleep(0.2)"))
    live = [processes.join("--preload", first) for _ in range(2)]
    process = started(file, tmp_path / "out", "--cluster", processes.address)
    for _ in range(6):
        before = len(keys(tmp_path / "out"))
        until_more_than(before, tmp_path / "out", process)
        time.sleep(chance.random())
        victim = live.pop(chance.randrange(len(live)))
        victim.kill()
        live.append(processes.join("--preload", first))
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, said
    assert len(keys(tmp_path / "out")) == 40
    assert (tmp_path / "out" / "results.csv").read_bytes() == undisturbed
