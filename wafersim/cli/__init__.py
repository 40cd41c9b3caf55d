"""The commands, one file each; a command's module loads when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from wafersim import __version__

COMMANDS = {
    "run": "Simulate an experiment, print its predictions, write a run directory.",
    "sweep": "Thousands of points by many workers, journalled: what a kill leaves is gone on with.",
    "compare": "Weight streaming beside the best GPU strategy: time, energy, cost, what has to be tuned.",
    "plan": "What to use for a model by a day, within a budget or a power: cheapest, fastest, how sure.",
    "report": "One HTML page of what run, compare or plan has written, to send on.",
    "share": "Several experiments side by side on one MemoryX: how much each slows down.",
    "kernel": "One matmul on the wafer under each dataflow: cycles, efficiency, bound.",
    "validate": "Published measurements through the same path: predicted beside published.",
    "calibrate": "Fit the calibrated constants on published rows, and on yours.",
    "show": "Print a hardware profile with the source of every number, or a model.",
    "list": "List models, hardware profiles or experiments.",
    "schema": "Print the JSON Schema of experiments, comparisons, plans or hardware profiles.",
}
INTERRUPTED = 130  # the exit code, as shells have it of a program that Ctrl-C ended
COMPLETION = "_WAFERSIM_COMPLETE"  # how a shell asks click for the words that may follow


class LazyGroup(click.Group):
    """A group that knows its commands' names and first lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"wafersim.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            from wafersim.errors import did_you_mean

            ctx.fail(f"no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}; commands: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wafersim")
def commands() -> None:
    """Predict training steps on wafer-scale weight-streaming clusters.

    Start with:  python -m wafersim run andromeda16
    """


def _instead(error: click.UsageError) -> str:
    """What to type for an option that `plan` has, or that people guess, where an experiment's own field says it."""
    named = getattr(error, "option_name", "").removeprefix("--") if isinstance(error, click.NoSuchOption) else ""
    field = {"chips": "system.systems (or system.gpus)", "systems": "system.systems", "gpus": "system.gpus"}.get(named)
    takes_sets = error.ctx is not None and any("--set" in one.opts for one in error.ctx.command.params)
    if field is None or not takes_sets:
        return ""
    return f"No such option '--{named}'; --set {field} says how many, such as --set system.systems=8"


def run_command_line() -> int:
    """The exit code of the command that `sys.argv` names. What is wrong with the arguments is printed.

    Not click's own `main`, which ends a closed pipe with 1 before anybody else hears of it.
    """
    asked = os.environ.get(COMPLETION)
    if asked is not None:
        from click.shell_completion import shell_complete

        return shell_complete(commands, {}, "wafersim", COMPLETION, asked)
    try:
        with commands.make_context("wafersim", sys.argv[1:]) as context:
            commands.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "wafersim"
        click.echo(f"{command}: {_instead(error) or error.format_message()} (`{command} --help`)", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as stopped:
        click.echo(str(stopped) or "interrupted", err=True)
        return INTERRUPTED
    return 0
