"""A scheduler and workers of dask on this machine, to be killed."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.checkout import ROOT
from wafersim.planning.cluster import Cluster

PATIENCE_S = 120.0


def wait_until(true: Callable[[], bool], every_s: float = 0.05, patience_s: float = PATIENCE_S) -> None:
    """Look again and again whether something is true; fails where it does not become so."""
    until = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < until
        time.sleep(every_s)


class Processes:
    """A scheduler and its workers, each a process of its own on a port that was free."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.workers = directory, list[subprocess.Popen[bytes]]()
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", self.file)
        wait_until(lambda: self.scheduler.poll() is not None or self._is_written())
        assert self.scheduler.poll() is None
        self.address = json.loads(self.file.read_text())["address"]

    @property
    def file(self) -> Path:
        return self.directory / "scheduler.json"

    def _is_written(self) -> bool:
        return self.file.exists() and self.file.read_text().rstrip().endswith("}")

    def join(self, *words: str, path: Path = ROOT) -> subprocess.Popen[bytes]:
        """One more worker; of the package that lies at a path."""
        common = ("--nthreads", "1", "--no-nanny", "--local-directory", self.directory)
        self.workers.append(self._start("worker", self.address, *common, *words, path=path))
        return self.workers[-1]

    def until_there(self, count: int) -> None:
        """Wait for so many workers."""
        wait_until(lambda: self._there() >= count, every_s=0.2)

    def _there(self) -> int:
        with closing(Cluster(self.address, 1, print, "done")) as cluster:
            return cluster.workers

    def _start(self, what: str, *words: str | Path, path: Path = ROOT) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, "--no-dashboard", *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(path)}
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.directory, env=environment, stdout=log, stderr=log)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def another(directory: Path) -> Path:
    """A copy of the package in which a profile has one more comment."""
    path = directory / "another"
    for name in ("wafersim", "hardware_profiles", "experiments"):
        shutil.copytree(ROOT / name, path / name)
    with (path / "hardware_profiles" / "cs2.yaml").open("a") as profile:
        profile.write("# mine\n")
    return path
