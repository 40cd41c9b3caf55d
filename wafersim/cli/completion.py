"""What a shell offers after `wafersim run `: names of shipped experiments, and files.

Loads what it needs inside: a shell asks at each press of a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def experiments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped experiments that begin with what was typed."""
    return _shipped("experiments", incomplete)


def comparisons(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped comparisons that begin with what was typed."""
    return _shipped("comparisons", incomplete)


def plans(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped plans that begin with what was typed."""
    return _shipped("plans", incomplete)


def _shipped(kind: str, incomplete: str) -> list[CompletionItem]:
    """Names, and the word that tells the shell to offer files; first, since bash forgets what came before that word."""
    from click.shell_completion import CompletionItem

    from wafersim.inputs.resources import names

    found = [CompletionItem(name) for name in names(kind) if name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *found]
