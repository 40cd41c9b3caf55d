"""The page of the commands, made of what the program itself knows of them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click

from documentation.reference import as_markdown
from wafersim.cli import COMMANDS, commands

TOP = """\
# The commands

Made of the program: `wafersim COMMAND --help` says the same. Every command takes `--help`. An experiment, comparison or plan
is the name of a shipped one (`wafersim list experiments`) or a path. Exit codes: 0 good; 2 a fault of the input, or a job
that cannot run; 1 a broken accuracy floor of `validate`, or a fault of ours; 130 an interruption.

| command | |
|---|---|
"""


def page() -> str:
    """Markdown of the page."""
    table = "\n".join(f"| [`wafersim {name}`](#{name}) | {said} |" for name, said in COMMANDS.items())
    return f"{TOP}{table}\n" + "".join(_command(name) for name in COMMANDS)


def _command(name: str) -> str:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    context = click.Context(command, info_name=f"wafersim {name}")
    usage = " ".join(command.get_usage(context).split())
    said = _paragraphs(inspect.cleandoc(command.help or ""))
    options = [_option(one, context) for one in command.params if isinstance(one, click.Option)]
    return f"\n## {name} {{ #{name} }}\n\n```text\n{usage}\n```\n\n{said}\n\n" + "\n".join(options)


def _paragraphs(text: str) -> str:
    """Help as Markdown; what follows click's `\\b` keeps its lines."""
    out = []
    for block in text.split("\n\n"):
        if block.startswith("\b"):
            out.append(f"```text\n{block[1:].strip(chr(10))}\n```")
        else:
            out.append(as_markdown(" ".join(block.split())))
    return "\n\n".join(out)


def _option(option: click.Option, context: click.Context) -> str:
    """A term and what it says, as a definition list."""
    record = option.get_help_record(context)
    if record is None:
        return ""
    names, said = record
    said, *extra = re.split(r"\s*\[(?=default|required|x|\d)", said.removesuffix("]"))
    facts = [part for one in extra for part in one.strip("; ").split("; ")]
    default = _default(option)
    if default and not any("default" in fact for fact in facts):
        facts.insert(0, f"default: `{default}`")
    lines = [f"`{names}`", f":   {as_markdown(said) or '&nbsp;'}"]
    if facts:
        lines += ["", f"    {' · '.join(facts)}"]
    return "\n".join([*lines, ""])


def _default(option: click.Option) -> str:
    """What stands where an option is left out, as it would be typed; empty where that is nothing."""
    value = option.default
    if isinstance(value, bool):
        return (option.opts if value else option.secondary_opts)[0] if option.secondary_opts else ""
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value) if isinstance(value, str | int | float | Path) else ""
