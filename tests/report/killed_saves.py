"""Saves that are killed at every file operation in turn; run as a program, it prints what stood after each kill.

A program of its own, because it forks, and because an audit hook cannot be taken out again.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from wafersim.report import run_directory
from wafersim.report.run_directory import save_directory, sweep

FILE_OPERATIONS = {
    "open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.listdir", "os.scandir", "fcntl.flock",
    "shutil.rmtree", "tempfile.mkdtemp", "wafersim.exchange",
}  # fmt: skip


def save(root: Path, version: str) -> Path:
    """One save of two files that both say which version they are."""

    def write(directory: Path) -> None:
        (directory / "first").write_text(version)
        (directory / "below").mkdir()
        (directory / "below" / "second").write_text(version)

    return save_directory(root, {"name": "x"}, write)


def standing(root: Path) -> list[str]:
    """What each visible directory holds: "old" or "new" where it is complete, else the list of its files."""
    found = []
    for place in sorted(root.glob("[!.]*")):
        files = {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}
        complete = files.keys() == {"first", "below/second"} and len(set(files.values())) == 1
        found.append(files["first"] if complete else f"half: {files}")
    return found


def killed_at(n: int, root: Path) -> str:
    """Save in a child that kills itself before its n-th file operation; the operation, or nothing if it came to the end."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, _: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in FILE_OPERATIONS:
                seen += 1
                if seen == n:
                    os.write(write, event.encode())
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        save(root, "new")
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        event = pipe.read()
    assert bool(event) == os.WIFSIGNALED(status), status
    return event


def main(work: Path, replaces: bool, exchanges: bool) -> None:
    if not exchanges:
        run_directory._exchange = lambda *_: False  # type: ignore[assignment]
    for n in range(1, 1000):
        root = work / str(n)
        if replaces:
            save(root, "old")
        event = killed_at(n, root)
        at_once = standing(root)
        sweep(root) if root.exists() else None
        swept, hidden = standing(root), len(list(root.glob(".*")))
        save(root, "next")
        print(
            json.dumps({"event": event, "at_once": at_once, "swept": swept, "hidden": hidden, "next": standing(root)})
        )
        shutil.rmtree(root)
        if not event:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "replaces", sys.argv[3] == "exchanges")
