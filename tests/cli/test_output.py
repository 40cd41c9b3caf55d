"""Where the output goes is the user's too: a full disk is one line, a reader that leaves is no fault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "wafersim"]
# Printed by JSON, by click, by click's own help, and by rich.
PRINTING = [
    ["schema", "experiment"],
    ["list", "models"],
    ["--help"],
    ["run", "hello_111m", "--no-save"],
    ["run", "hello_111m", "--no-save", "--json"],
]


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_full_disk_behind_stdout_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "the output cannot be written (No space left on device)\n"


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_closed_pipe_is_quiet(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody:
        done = subprocess.run([*PROGRAM, *arguments], stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_stdout_is_quiet() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *PROGRAM, "list", "models"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [([], 2, "Usage"), (["run"], 2, "Missing argument"), (["--version"], 0, ""), (["run", "--help"], 0, "")],
)
def test_exit_codes_of_the_command_line_itself(arguments: list[str], code: int, says: str) -> None:
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
