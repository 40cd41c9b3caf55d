"""Run what a page shows in a folder of its own: `python -m documentation.run_page PAGE ... [--write] [--slow]`.

It says how long each command took and which blocks show something else than what is printed; `--write` puts that into the page.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from documentation.shipped import ROOT
from documentation.snippets import SHELL, Block, alike, arguments, blocks, commands, rewritten, shown, with_outputs

SMALLEST = {
    "name": "fields",
    "model": "cerebras-gpt-111m",
    "system": {"profile": "cs2", "systems": 1},
    "training": {"batch_per_system": 120},
}
ASKING = (("show",), ("list",), ("kernel",), ("validate",), ("schema",))  # what writes nothing
DRAWING = ("run", "compare", "plan")  # figures have tests of their own: nothing is drawn where a page shows no output
STARTING = ("sweep",)  # commands that start processes
SEEN: dict[tuple[str, ...], tuple[int, str, str]] = {}  # of commands that read no file of a page


@dataclass
class PageRun:
    """A page at work in a folder, which has links to the checkout's; `problems` says what is not as it is shown."""

    name: str
    text: str
    folder: Path
    slow: bool = False
    problems: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    took: list[tuple[float, str]] = field(default_factory=list)
    outputs: list[tuple[Block, list[tuple[str, ...]]]] = field(default_factory=list)

    def all(self) -> None:
        """Every block in order."""
        for name in ("docs", "experiments", "hardware_profiles"):
            (self.folder / name).symlink_to(ROOT / name)
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            for block in blocks(self.text):
                if block.not_run is None and (self.slow or not block.slow):
                    self._block(block)
        finally:
            os.chdir(before)

    def _block(self, block: Block) -> None:
        if block.file is not None:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text + "\n", encoding="utf-8")
        elif block.language == "python":
            self._python(block)
        elif block.language == "yaml":
            self._fields(block)
        elif block.language in SHELL:
            for command in commands(block):
                self._run(block, command)
        elif block.language == "console":
            self._console(block)

    def _fields(self, block: Block) -> None:
        """Fields that stand alone: those of an experiment, over the smallest one."""
        import wafersim
        from wafersim.inputs.yaml_file import read_yaml

        path = self.folder / "fields.yaml"
        path.write_text(block.text + "\n", encoding="utf-8")
        try:
            wafersim.load_experiment({**SMALLEST, **read_yaml(path).values})
        except wafersim.WafersimError as error:
            self._say(block, str(error))

    def _console(self, block: Block) -> None:
        outputs = []
        for one in shown(block):
            printed = self._run(block, one.command)
            right = printed is None or alike(one.output, printed)
            if not right:
                self._say(block, f"{one.command}\nprints\n{printed}")
            outputs.append(one.output if right or printed is None else rewritten(one.output, printed))
        self.outputs.append((block, outputs))

    def _python(self, block: Block) -> None:
        begun = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.text, self.name, "exec"), self.names)
        except Exception as error:
            self._say(block, f"{type(error).__name__}: {error}")
        self.took.append((time.perf_counter() - begun, block.text.split("\n")[0]))

    def _run(self, block: Block, command: str) -> str | None:
        """What it prints; None of another program's command, which is a problem where the block does not say so."""
        asked = arguments(command)
        if asked is None:
            self._say(block, f"{command} is no command of wafersim; <!-- not run: why --> says that")
            return None
        words, target = asked
        begun = time.perf_counter()
        drawn = block.language == "console" or words[0] not in DRAWING or "--no-figures" in words
        code, out, err = self._called(tuple(words if drawn else [*words, "--no-figures"]))
        self.took.append((time.perf_counter() - begun, command))
        if target is not None:
            Path(target).write_text(out, encoding="utf-8")
        if code != block.exit_code:
            self._say(block, f"{command} ends with {code}\n{out[-2000:]}{err}")
        return out + err

    def _called(self, words: tuple[str, ...]) -> tuple[int, str, str]:
        own = any(Path(part).exists() for word in words for part in (word, word.partition("=")[2]) if part)
        if own or not (words[:1] in ASKING or "--no-save" in words):
            return called(words)
        if words not in SEEN:
            SEEN[words] = called(words)
        return SEEN[words]

    def _say(self, block: Block, problem: str) -> None:
        self.problems.append(f"{self.name}:{block.first}: {problem}")


def called(words: tuple[str, ...]) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `wafersim` with arguments, as in a pipe; in this process, where it starts no others."""
    from wafersim.__main__ import main

    if words[0] in STARTING:
        done = subprocess.run([sys.executable, "-m", "wafersim", *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["wafersim", *words]),
        mock.patch.dict(os.environ, {"COLUMNS": "80"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def at_work(name: str, text: str, slow: bool = False) -> Iterator[PageRun]:
    """A page that has been run, in a folder that goes."""
    with tempfile.TemporaryDirectory() as folder:
        run = PageRun(name, text, Path(folder), slow)
        run.all()
        yield run


def _main() -> int:
    asked = [name for name in sys.argv[1:] if not name.startswith("--")]
    wrong = 0
    for name in asked:
        page = Path(name).resolve()
        with at_work(name, page.read_text(encoding="utf-8"), slow="--slow" in sys.argv) as run:
            for seconds, command in run.took:
                print(f"{seconds:6.1f} s  {command}")
            print(f"{sum(seconds for seconds, _ in run.took):6.1f} s  {name}")
            print("\n".join(run.problems))
            wrong += len(run.problems)
            if "--write" in sys.argv:
                text = page.read_text(encoding="utf-8")
                for block, outputs in reversed(run.outputs):
                    text = with_outputs(text, block, outputs)
                page.write_text(text, encoding="utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(_main())
