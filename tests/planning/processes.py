"""A scheduler and workers of dask on this machine, to be killed."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.checkout import ROOT
from wafersim.planning.cluster import Cluster

PATIENCE_S = 120.0


class Processes:
    """A scheduler and its workers, each a process of its own on a port that was free."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.workers = directory, list[subprocess.Popen[bytes]]()
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", self.file)
        until = time.monotonic() + PATIENCE_S
        while not (self.file.exists() and self.file.read_text().rstrip().endswith("}")):
            assert time.monotonic() < until and self.scheduler.poll() is None
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    @property
    def file(self) -> Path:
        return self.directory / "scheduler.json"

    def join(self, *words: str, path: Path = ROOT) -> subprocess.Popen[bytes]:
        """One more worker; of the package that lies at a path."""
        common = ("--nthreads", "1", "--no-nanny", "--local-directory", self.directory)
        self.workers.append(self._start("worker", self.address, *common, *words, path=path))
        return self.workers[-1]

    def until_there(self, count: int) -> None:
        """Wait for so many workers."""
        until = time.monotonic() + PATIENCE_S
        while True:
            with closing(Cluster(self.address, 1, print, "done")) as cluster:
                if cluster.workers >= count:
                    return
            assert time.monotonic() < until
            time.sleep(0.2)

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
