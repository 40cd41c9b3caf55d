"""`--cluster`: workers of other machines for commands that have much to compute."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wafersim.planning.cluster import Cluster

AGAIN = "give another scheduler, or leave --cluster out"

SAID = "workers of a dask scheduler, tcp://HOST:8786; local starts one with its workers here."

cluster_option = click.option("--cluster", metavar="ADDRESS", default=None, help=f"W{SAID[1:]}")


def connected(address: str, workers: int | None = None, after: str = AGAIN) -> Cluster:
    """The cluster at an address, until the command ends; "local" with so many workers, one a core if left out.

    `after` is what a line says where the scheduler is gone. Raises WafersimError, one line.
    """
    from wafersim.errors import WafersimError
    from wafersim.planning.cluster import LOCAL, Cluster

    if workers and address != LOCAL:
        raise WafersimError(f"--workers {workers}: a scheduler has workers of its own; leave --workers out")
    found = Cluster(address, workers or len(os.sched_getaffinity(0)), say, after)
    click.get_current_context().call_on_close(found.close)
    return found


def say(line: str) -> None:
    """To stderr: the answer is what a reader of stdout wants."""
    click.echo(line, err=True)
