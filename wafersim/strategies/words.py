"""The words of a strategy, once: parts of a step, resources and lanes, each with key, label, colour and advice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Part:
    """A part of a step. `heads` a column, `label`s a legend, `resource` is what binds where the part is the largest."""

    key: str
    heads: str
    label: str
    colour: str
    resource: str
    advice: str
    working: bool = False  # chips work during it, as opposed to wait
    traffic: bool = False  # chips wait during it for what travels


@dataclass(frozen=True)
class Improvement:
    """A better machine that people ask about: what it is called, and by which factor it scales which numbers."""

    label: str
    factors: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Dial:
    """A bandwidth of the machine that a page lets people turn: numbers that go by one factor, the first of which is shown."""

    key: str
    label: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """What a strategy's chips, parts, memory and tasks are called."""

    kind: str  # of the machine: wafer, gpu
    one: str  # chip that a job counts
    many: str
    where: str  # a step's parts are told of
    works: str  # the subject of "... during 95 % of a step"
    parts: tuple[Part, ...]
    memory_title: str
    memory: tuple[tuple[str, str], ...]  # (key, heads) of what takes memory, in reading order
    tasks: tuple[tuple[str, str], ...] = ()  # (kind of task on the critical circuit, label) where they differ
    on_circuit: tuple[
        tuple[str, str], ...
    ] = ()  # (kind of task, key of the part that it makes longer); the others compute
    improvements: tuple[Improvement, ...] = ()  # of the machine, tried one by one where it is asked what would help
    dials: tuple[Dial, ...] = ()  # of the machine, the one that matters more first

    @cached_property
    def part(self) -> dict[str, Part]:
        """Parts by key."""
        return {part.key: part for part in self.parts}

    @cached_property
    def task(self) -> dict[str, str]:
        """Labels of tasks by kind."""
        return dict(self.tasks)

    def counted(self, number: int) -> str:
        """`1 system`, `16 systems`, `992 GPUs`."""
        return f"{number:,} {self.one if number == 1 else self.many}"
