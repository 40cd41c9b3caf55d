"""The assumed numbers that a prediction leans on."""

from __future__ import annotations

from wafersim.inputs.machine import numbers
from wafersim.strategies.job import Job


def assumed_numbers(job: Job) -> tuple[str, ...]:
    """The numbers of the job's machine that nobody has published or measured, by path."""
    asked = job.disturbances
    choices = {"compute_jitter": asked.jitter, "system_spread": asked.spread}
    unused = {name for name, choice in choices.items() if choice != "profile"} | {"rent", "price", "host_power"}
    return tuple(
        path
        for path, number, _ in numbers(job.machine)
        if number.kind == "assumed" and path.split(".")[1] not in unused
    )
