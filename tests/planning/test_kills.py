"""A sweep that is killed again and again, its workers and its scheduler, too: every point once, with the bytes of a calm one.

A few kills of a few hundred points by default; as many as one likes by

    WAFERSIM_KILLS=100 WAFERSIM_KILL_POINTS=5000 pytest -m kill -n0 tests/planning/test_kills.py

which takes about ten minutes for each test on two idle cores. WAFERSIM_KILL_SEED draws other moments.
"""

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.planning.processes import Processes, wait_until
from tests.planning.sweeps import asked, command

KILLS = int(os.environ.get("WAFERSIM_KILLS", "8"))
POINTS = int(os.environ.get("WAFERSIM_KILL_POINTS", "240"))
SEED = int(os.environ.get("WAFERSIM_KILL_SEED", "17"))
SPARED = 0.05  # of the points, which are left to the last attempt
PATIENCE_S = 300.0
SYSTEMS = (1, 2, 4, 8)
FILE = f"""
name: killed
model: cerebras-gpt-111m
system: {{profile: cs2, systems: 1}}
training: {{sequence_length: 2048, batch: 64, tokens: 20 per parameter}}
sweep:
  system.systems: {list(SYSTEMS)}
  training.tokens: {[f"{1000 + more} M" for more in range(POINTS // len(SYSTEMS))]}
"""
Rows = dict[bytes, str]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "killed.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def calm(file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("calm")
    subprocess.run(command(file, out), check=True, cwd=ROOT, capture_output=True)
    return (out / "results.csv").read_bytes()


class Victim:
    """A sweep that is started again whenever it has ended."""

    def __init__(self, file: Path, out: Path, *words: str) -> None:
        self.command, self.out, self.kept, self.ends = command(file, out, *words), out, Rows(), Counter[int]()
        self.process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def done(self) -> int:
        """Points in its journal."""
        return sum(count for (count,) in asked(self.out, "SELECT count(*) FROM points"))

    def ended(self) -> None:
        """What it had is there, letter by letter, and nothing was said but lines."""
        said = self.process.communicate(timeout=PATIENCE_S)[1]
        assert "Traceback" not in said, said
        self.ends[self.process.returncode] += 1
        rows = Rows(asked(self.out, "SELECT key, cells FROM points"))
        assert {key: rows.get(key) for key in self.kept} == self.kept
        self.kept = rows

    def again(self) -> None:
        """Once more from the beginning, whether it ended by itself or not."""
        self.ended()
        self.process = self._started()

    def by(self, command: list[str]) -> None:
        """The same sweep by another command, when it has ended."""
        self.command = command
        self.process = self._started()

    def children(self) -> list[int]:
        """Its processes."""
        try:
            return [
                int(word)
                for word in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            ]
        except FileNotFoundError:
            return []

    def until(self, more: int) -> None:
        """Wait for so many more points; not for one that has ended."""
        wanted = self.done() + more
        wait_until(lambda: self.process.poll() is not None or self.done() >= wanted, 0.02, PATIENCE_S)


def moments(victim: Victim, chance: random.Random) -> Iterator[int]:
    """A number for each kill, at its moment: somewhere in the start, or some points later; the points last for all of them."""
    for number in range(KILLS):
        if chance.random() < 0.2:
            time.sleep(4 * chance.random())
        else:
            left = max(0.0, (1 - SPARED) * POINTS - victim.done())
            victim.until(chance.randint(0, int(2 * left / (KILLS - number))))
            time.sleep(0.05 * chance.random())
        yield number


def assert_as_if_calm(victim: Victim, calm: bytes) -> None:
    assert victim.process.wait(PATIENCE_S) == 0
    victim.ended()
    places = asked(victim.out, "SELECT place, key FROM places ORDER BY place")
    assert [place for place, _ in places] == list(range(POINTS))
    assert {key for _, key in places} == victim.kept.keys() and len(victim.kept) == POINTS
    assert (victim.out / "results.csv").read_bytes() == calm


@pytest.mark.kill
@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_and_its_processes_are_killed(file: Path, calm: bytes, tmp_path: Path, workers: int) -> None:
    chance, killed = random.Random(SEED + workers), Counter[str]()
    victim = Victim(file, tmp_path / "out", "--workers", str(workers))
    for _ in moments(victim, chance):
        if victim.process.poll() is not None:
            victim.again()
        children = victim.children() if workers > 1 else []
        if children and chance.random() < 0.3:
            os.kill(chance.choice(children), 9)
            killed["worker"] += 1
            continue  # the sweep has others
        before = victim.done()
        victim.process.kill()
        killed["sweep" if before else "sweep before its first point"] += 1
        victim.again()
    print(f"killed: {dict(killed)}; ends: {dict(victim.ends)}; {victim.done()} points when the kills were over")
    assert_as_if_calm(victim, calm)


@pytest.mark.kill
def test_workers_and_schedulers_of_a_cluster_are_killed(
    file: Path, calm: bytes, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("distributed")
    chance, killed = random.Random(SEED), Counter[str]()
    cluster = joined(tmp_path_factory)
    victim = Victim(file, tmp_path / "out", "--cluster", cluster.address)
    try:
        for _ in moments(victim, chance):
            if victim.process.poll() is not None:
                victim.again()
            what = chance.choices(["worker", "sweep", "scheduler"], [0.7, 0.2, 0.1])[0]
            killed[what] += 1
            if what == "worker":
                chance.choice([worker for worker in cluster.workers if worker.poll() is None]).kill()
                cluster.join()
            elif what == "sweep":
                victim.process.kill()
                victim.again()
            else:
                cluster.scheduler.kill()
                victim.ended()
                cluster.close()
                cluster = joined(tmp_path_factory)
                victim.by(command(file, victim.out, "--cluster", cluster.address))
        print(f"killed: {dict(killed)}; ends: {dict(victim.ends)}; {victim.done()} points when the kills were over")
        assert_as_if_calm(victim, calm)
    finally:
        cluster.close()


def joined(tmp_path_factory: pytest.TempPathFactory) -> Processes:
    """A scheduler with two workers, which may come later than who asks for them."""
    cluster = Processes(tmp_path_factory.mktemp("cluster"))
    for _ in range(2):
        cluster.join()
    return cluster
