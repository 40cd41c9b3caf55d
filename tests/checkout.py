"""A checkout of one's own, to change numbers in, and commands that are run there."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMAND_LINE = "from wafersim.__main__ import main; main()"
# Imports what commands import, which takes longer than most of them, and reads no number; then it is each of its children.
PARENT = """
import json, os, sys
read = []
sys.addaudithook(lambda event, of: event == "open" and read.append(str(of[0])))
import scipy.optimize
import wafersim.calibration.front, wafersim.calibration.profile_writer, wafersim.evidence.judge, wafersim.evidence.sets.training
import wafersim.cli.calibrate_command, wafersim.cli.validate_command
import wafersim.report.screen.calibration, wafersim.report.screen.validation
assert not [name for name in read if "hardware_profiles" in name or "experiments" in name or "/data/" in name], read
for line in sys.stdin:
    code, sys.argv, folder = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
for number, name in ((1, "stdout"), (2, "stderr")):
    os.dup2(os.open(folder + "/" + name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
exec(code, {"__name__": "__main__"})
"""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout to change numbers in, with the machine code that ours has: its first command need not compile it."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("wafersim", "hardware_profiles", "experiments"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.pyc*", "*.tmp.*"))
    return root


class Commands:
    """Runs commands of a checkout whose numbers change, and whose code does not: each in a process that has read nothing yet."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PARENT], cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __call__(self, *words: str, code: str = COMMAND_LINE) -> subprocess.CompletedProcess[str]:
        """As `python -m wafersim` with these words, or as other code."""
        assert self.parent.stdin is not None and self.parent.stdout is not None
        print(json.dumps([code, ["wafersim", *words], str(self.folder)]), file=self.parent.stdin, flush=True)
        status = int(self.parent.stdout.readline())
        said = [(self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr")]
        return subprocess.CompletedProcess(words, status, *said)

    def close(self) -> None:
        self.parent.communicate()
        assert self.parent.returncode == 0


@pytest.fixture(scope="module")
def wafersim(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands of the checkout to change numbers in."""
    found = Commands(copied, tmp_path_factory.mktemp("said"))
    yield found
    found.close()
