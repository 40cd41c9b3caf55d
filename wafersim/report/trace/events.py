"""Chrome trace events as lines of JSON, one an event, made a block at a time so that a trace of any length takes little memory.

`ts` and `dur` are microseconds. Perfetto rounds each to a nanosecond; others read them as doubles, move them to the first slice
of a lane and add them up. Neither must carry a slice beyond the start of its neighbour, which would be dropped, or drawn in it.
So edges are rounded to the nanosecond here, and `dur` is 0.1 ns short of what lies between them (of a run of days: three steps of
a double). What is exact stands beside: `ps` holds start and end in ticks.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ulp

import numpy as np
import numpy.typing as npt

from wafersim.timeline.timeline import Column

TICKS_PER_NANOSECOND = 1000
SHORT = 1e-4  # microseconds
STEPS = 3  # of doubles that reading, moving and adding may be off
BLOCK = 4096  # events whose text is in memory at a time


@dataclass(frozen=True)
class Lane:
    """A row of a viewer: one resource, within the process (group of rows) of that name."""

    process: str
    name: str


@dataclass(frozen=True)
class Counter:
    """A quantity over time, within the process of that name: `values[i]` of a `unit` from `at[i]` ticks on."""

    process: str
    name: str
    unit: str
    at: Column
    values: Column | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Numbers of the processes and lanes of a trace, in the order in which a viewer shows them, from 1."""

    processes: tuple[str, ...]
    lanes: tuple[Lane, ...]

    @classmethod
    def of(cls, lanes: Sequence[Lane], counters: Sequence[Counter] = ()) -> Rows:
        """Processes in the order of their first counter or lane, counters of no lane's process first."""
        of_lanes = {lane.process: None for lane in lanes}
        alone = {each.process: None for each in counters if each.process not in of_lanes}
        return cls((*alone, *of_lanes), tuple(lanes))

    def pid(self, process: str) -> int:
        """The number of a process."""
        return self.processes.index(process) + 1

    def names(self, idle: Container[int] = ()) -> Iterator[str]:
        """The events that name processes and lanes and put them in order; `idle` lanes (indices) are left out."""
        for place, process in enumerate(self.processes, 1):
            yield f'{{"ph":"M","pid":{place},"name":"process_name","args":{{"name":{quoted(process)}}}}}'
            yield f'{{"ph":"M","pid":{place},"name":"process_sort_index","args":{{"sort_index":{place}}}}}'
        for place, (pid, lane) in enumerate(zip(self.pids, self.lanes, strict=True), 1):
            if place - 1 in idle:
                continue
            where = f'"pid":{pid},"tid":{place}'
            yield f'{{"ph":"M",{where},"name":"thread_name","args":{{"name":{quoted(lane.name)}}}}}'
            yield f'{{"ph":"M",{where},"name":"thread_sort_index","args":{{"sort_index":{place}}}}}'

    @property
    def pids(self) -> tuple[int, ...]:
        """The process of every lane."""
        number = {process: place for place, process in enumerate(self.processes, 1)}
        return tuple(number[lane.process] for lane in self.lanes)


def quoted(text: str) -> str:
    """A JSON string of ASCII characters: markup, control characters and escape sequences are text there."""
    return json.dumps(text)


def nanoseconds(ticks: int) -> int:
    """The nearest nanosecond."""
    return (ticks + TICKS_PER_NANOSECOND // 2) // TICKS_PER_NANOSECOND


def microseconds(ticks: int) -> str:
    """Ticks in microseconds, to the nanosecond, without an exponent."""
    whole, part = divmod(nanoseconds(ticks), 1000)
    return f"{whole}.{part:03d}"


def duration(start: int, end: int) -> str:
    """`dur` of a slice, so short that neither rounding nor a sum of doubles passes its end; 0 of less than a nanosecond."""
    length = nanoseconds(end) - nanoseconds(start)
    slack = STEPS * ulp(end / (1000 * TICKS_PER_NANOSECOND))
    if length == 0:
        return "0.0"
    if slack <= SHORT:
        whole, part = divmod(10 * length - 1, 10_000)
        return f"{whole}.{part:04d}"
    return str(np.format_float_positional(max(0.0, length / 1000 - slack), trim="0"))


def counted(counter: Counter, pid: int, origin: int = 0) -> Iterator[str]:
    """The events of a counter, in ticks after the origin."""
    name, unit = quoted(counter.name), quoted(counter.unit)
    for first in range(0, len(counter.at), BLOCK):
        part = slice(first, first + BLOCK)
        for at, value in zip((counter.at[part] - origin).tolist(), counter.values[part].tolist(), strict=True):
            yield f'{{"ph":"C","pid":{pid},"ts":{microseconds(at)},"name":{name},"args":{{{unit}:{value}}}}}'


def flow(number: int, name: str, stops: Sequence[tuple[int, int, int]]) -> Iterator[str]:
    """Arrows from slice to slice: `stops` are (pid, tid, ticks inside the slice), in order of time; two at least."""
    for place, (pid, tid, at) in enumerate(stops):
        phase = "s" if place == 0 else "f" if place == len(stops) - 1 else "t"
        binds = "" if phase == "s" else ',"bp":"e"'
        where = f'"pid":{pid},"tid":{tid},"ts":{microseconds(at)}'
        yield f'{{"ph":"{phase}","id":{number},{where},"name":{quoted(name)},"cat":"path"{binds}}}'


def document(about: dict[str, object], events: Iterable[str]) -> Iterator[str]:
    """A whole trace as text, some events at a time."""
    yield f'{{"displayTimeUnit":"ms","otherData":{json.dumps(about)},"traceEvents":[\n'
    lines, first = list[str](), True
    for event in events:
        lines.append(event)
        if len(lines) == BLOCK:
            yield ("" if first else ",\n") + ",\n".join(lines)
            lines, first = [], False
    yield ("" if first or not lines else ",\n") + ",\n".join(lines)
    yield "\n]}\n"
