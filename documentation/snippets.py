"""What the pages show: fenced blocks, which are commands, files, Python or what a command prints; and whether that is still so.

`wafersim` commands of a `sh` or `bash` block end well. A `console` block has commands after `$` and what they print; a line
`...` in it stands for any lines. A block below a line that ends with `` `NAME`: `` is that file, beside which the page's
commands run. A comment above a block says what is otherwise: `<!-- not run: why -->`, `<!-- slow: how long -->`, `<!-- exit
2 -->`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

SHELL = ("sh", "bash")
MARK = re.compile(r"<!-- (not run|slow|exit)(?:: | )?(.*?) -->")
FILE = re.compile(r"`([\w./-]+\.\w+)`:$")
TIME = re.compile(r"\s+\d[\d,.]* ?(?:ms|s|min|h)$")  # that a command took, at the end of its first line
RUN_HASH = re.compile(r"-[0-9a-f]{8}(?=/|\b)")


@dataclass(frozen=True)
class Block:
    """A fenced block; `first` is the line of its text, from 1, `file` its name where it is one."""

    language: str
    text: str
    first: int
    indent: str = ""
    file: str | None = None
    not_run: str | None = None
    slow: bool = False
    exit_code: int = 0


@dataclass(frozen=True)
class Shown:
    """A command of a console block, and what the page shows of its output."""

    command: str
    output: tuple[str, ...]


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page in order, each with what the lines above it say."""
    lines = page.split("\n")
    above: list[str] = []
    place = 0
    while place < len(lines):
        fence = re.fullmatch(r"( *)```(\w*).*", lines[place])
        if fence is None:
            above = [*above, lines[place]] if lines[place].strip() else above if _goes_on(above) else []
            place += 1
            continue
        end = next(i for i in range(place + 1, len(lines)) if lines[i].strip() == "```")
        text = "\n".join(line.removeprefix(fence[1]) for line in lines[place + 1 : end])
        yield _marked(Block(fence[2], text, place + 2, fence[1]), above)
        above, place = [], end + 1


def commands(block: Block) -> list[str]:
    """The command lines of a shell block, those that a backslash continues as one."""
    joined = re.sub(r" *\\\n\s*", " ", block.text)
    return [line for line in joined.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def shown(block: Block) -> list[Shown]:
    """The commands of a console block with what they print."""
    found: list[Shown] = []
    for line in re.sub(r" *\\\n\s*", " ", block.text).split("\n"):
        if line.startswith("$ "):
            found.append(Shown(line[2:], ()))
        elif found:
            found[-1] = replace(found[-1], output=(*found[-1].output, line))
    return [replace(one, output=_stripped(one.output)) for one in found]


def arguments(command: str) -> tuple[list[str], str | None] | None:
    """(arguments of wafersim, file that its output goes to) of a command line; None of another program's."""
    words = shlex.split(command, comments=True)
    if words[:3] in (["python", "-m", "wafersim"], [".venv/bin/python", "-m", "wafersim"]):
        words = words[2:]
    if words[:1] != ["wafersim"]:
        return None
    if ">" in words:
        place = words.index(">")
        return words[1:place], words[place + 1]
    return words[1:], None


def alike(expected: tuple[str, ...], printed: str) -> bool:
    """Whether a page shows what was printed, but for the time it took and the hash of a run."""
    said, lines = masked(expected), masked(_stripped(tuple(printed.split("\n"))))
    parts = _parts(said)
    if len(parts) == 1:
        return lines == parts[0]
    if len(lines) < sum(map(len, parts)) or lines[: len(parts[0])] != parts[0]:
        return False
    place = len(parts[0])
    for part in parts[1:-1]:
        starts = [i for i in range(place, len(lines)) if lines[i : i + len(part)] == part]
        if not starts:
            return False
        place = starts[0] + len(part)
    last = parts[-1]
    return place <= len(lines) - len(last) and (not last or lines[-len(last) :] == last)


def masked(lines: tuple[str, ...]) -> list[str]:
    """Lines without what differs from run to run."""
    out = [RUN_HASH.sub("-HASH", line.rstrip()) for line in lines]
    return [TIME.sub(" TIME", line) for line in out[:1]] + out[1:]


def rewritten(expected: tuple[str, ...], printed: str) -> tuple[str, ...]:
    """What a page should show instead: as many lines before and after its `...` as it has now."""
    lines = _stripped(tuple(line.rstrip() for line in printed.split("\n")))
    parts = _parts(list(expected))
    if len(parts) == 1:
        return lines
    head, tail = len(parts[0]), len(parts[-1])
    return (*lines[:head], "...", *(lines[-tail:] if tail else ()))


def with_outputs(page: str, block: Block, outputs: list[tuple[str, ...]]) -> str:
    """The page with other outputs in a console block, one for each of its commands."""
    lines, end = page.split("\n"), block.first - 1 + len(block.text.split("\n"))
    new: list[str] = []
    rest = iter(outputs)
    for place, line in enumerate(block.text.split("\n")):
        asks = line.startswith("$ ") or (new and place and block.text.split("\n")[place - 1].endswith("\\"))
        if asks:
            new.append(line)
            if not line.endswith("\\"):
                new += next(rest)
    return "\n".join([*lines[: block.first - 1], *((block.indent + line).rstrip() for line in new), *lines[end:]])


def _parts(lines: list[str]) -> list[list[str]]:
    """Lines between those that are `...`."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _goes_on(above: list[str]) -> bool:
    """Whether a blank line leaves what stands above it: a comment or a file's name that its block follows."""
    return bool(above) and (MARK.search(above[-1]) is not None or FILE.search(above[-1]) is not None)


def _marked(block: Block, above: list[str]) -> Block:
    for line in above[-2:]:
        for mark, said in MARK.findall(line):
            if mark == "not run":
                block = replace(block, not_run=said)
            elif mark == "slow":
                block = replace(block, slow=True)
            else:
                block = replace(block, exit_code=int(said))
    file = FILE.search(above[-1]) if above else None
    return replace(block, file=file[1] if file and block.language in ("yaml", "json", "csv") else None)


def _stripped(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Without blank lines at both ends."""
    kept = [i for i, line in enumerate(lines) if line.strip()]
    return lines[kept[0] : kept[-1] + 1] if kept else ()
