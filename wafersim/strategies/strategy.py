"""The face of a strategy: how a job runs on its kind of machine. Nothing above asks what that machine is made of.

choose      settles every `auto`
plan        says who does what in which order
lower, reference, fold    run the plan: as a task graph, as SimPy processes, with alike entities left out
tally       counts a plan's tasks before any is made
account     says where the step went, what binds, what takes memory
features    place the job among those that were measured
words       name all of it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from wafersim.inputs.fit import Set
from wafersim.inputs.machine import AnyMachine
from wafersim.strategies.job import Job
from wafersim.strategies.lowering import Lowered
from wafersim.strategies.run import Folded, PeriodicStep, Plan, Reference
from wafersim.strategies.tally import Tally
from wafersim.strategies.words import Words


@dataclass(frozen=True)
class Breakdown:
    """Seconds of one step by part, in reading order; they add up to the step."""

    parts: tuple[tuple[str, float], ...]

    def __getitem__(self, key: str) -> float:
        return dict(self.parts)[key]

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(self.parts)

    @property
    def largest(self) -> str:
        """The part that takes longest, the first of equals."""
        return max(self.parts, key=lambda part: part[1])[0]

    def to_json(self) -> dict[str, float]:
        """Seconds by part."""
        return dict(self.parts)


@dataclass(frozen=True)
class Binding:
    """What binds a step: the part that is largest, and the resource behind it in words."""

    part: str
    resource: str


class MemoryUse(Protocol):
    """What takes the memory of a wafer or of the fullest GPU, in bytes."""

    @property
    def capacity_bytes(self) -> float: ...
    @property
    def total_bytes(self) -> float: ...
    @property
    def reason(self) -> str: ...
    def to_json(self) -> dict[str, Any]: ...


class Split(Protocol):
    """How a job is split over its chips."""

    @property
    def name(self) -> str: ...
    @property
    def dimensions(self) -> tuple[str, ...]:
        """Kinds of parallelism that a person has to split the job by."""
        ...

    def to_json(self) -> dict[str, Any] | None: ...


class Search(Protocol):
    """What a search over splits went through: seconds of those that it shows, and what tells their kernels apart."""

    @property
    def seconds(self) -> tuple[float, ...]: ...
    @property
    def kernels(self) -> tuple[tuple[int, ...], ...]: ...
    def with_chances(self, chances: tuple[float, ...]) -> Search:
        """With how likely each is the fastest of those shown."""
        ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Account:
    """What a strategy knows of a step that was simulated."""

    batch_per_chip: float
    micro_batch: int
    micro_batches: int
    breakdown: Breakdown
    binding: Binding
    utilisation: tuple[tuple[str, float], ...]
    memory: MemoryUse
    split: Split
    simulated: int  # entities; the others are alike one of them
    notes: tuple[str, ...] = ()
    search: Search | None = None


@dataclass(frozen=True)
class Features:
    """Where a job stands among those that were measured: logarithms of `names`, the rows it belongs to (`group`) of the first
    of the calibrations that it leans on (`fits`). `one_row`: a factor of it is known from one row alone. `guessed`: paths of
    numbers that are another's, whose rows say nothing of this machine; `device`: the chip, where rows of a group name one;
    `stack`: the software that constants belong to, where groups of rows share it."""

    fits: tuple[Set, ...]
    group: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    one_row: bool = False
    guessed: tuple[str, ...] = ()
    device: str = ""
    stack: str = ""


@dataclass(frozen=True)
class Slack:
    """A resource that binds may get `factor` times faster until `then` binds, None if nothing ever does.

    One that does not bind may get `factor` times slower until the step is 1 % longer.
    """

    resource: str
    share: float
    factor: float | None
    binds: bool
    then: str | None = None


@dataclass(frozen=True)
class SharedJob:
    """Mean ticks of a job's step, alone on the cluster and beside the others, over `steps` steps."""

    alone_ticks: float
    together_ticks: float
    steps: int

    @property
    def slowdown(self) -> float:
        """How many times as long a step takes beside the others."""
        return self.together_ticks / self.alone_ticks


P = TypeVar("P", bound=Plan)
C = TypeVar("C")
ChoiceOf = TypeVar("ChoiceOf", covariant=True)


class Prospects(Protocol[ChoiceOf]):
    """What a job chooses among, before anything is simulated for it."""

    def choice(self) -> ChoiceOf:
        """What `choose` finds."""
        ...


class Strategy(Protocol[P, C]):
    """A way to run jobs. `P` is its plan, `C` what it chooses."""

    @property
    def kind(self) -> str: ...

    @property
    def words(self) -> Words: ...

    @property
    def scales_from_one(self) -> bool:
        """Whether one chip alone can do the job, so that many are measured against it."""
        ...

    @property
    def simulates_seconds(self) -> bool:
        """Whether `seconds` simulates, as opposed to a closed form."""
        ...

    def choose(self, job: Job, told: bool = True) -> C:
        """Every `auto` settled. Raises Infeasible with the reason when nothing fits or numbers do not go together.

        Not `told`, what it was settled among is left out, where that is sooner.
        """
        ...

    def prospects(self, job: Job) -> Prospects[C]:
        """The same in two parts, not `told`. Raises Infeasible."""
        ...

    def look_ahead(self, prospects: Sequence[Any]) -> None:
        """Work out together what the prospects of many jobs will ask for; a fault of one may be raised, and is its own later."""
        ...

    def again(self, job: Job, choice: C) -> C:
        """The choice of another phase of a run whose last one has `choice`. Raises Infeasible where that cannot be kept."""
        ...

    def plan(self, job: Job, choice: C) -> P:
        """Raises Infeasible where the choice cannot run on the job's machine."""
        ...

    def lower(self, plan: P) -> Lowered: ...

    def reference(self, plan: P) -> Reference: ...

    def fold(self, plan: P) -> Folded[P]: ...

    def tally(self, plan: P) -> Tally: ...

    def account(self, job: Job, choice: C, periodic: PeriodicStep[P]) -> Account: ...

    def features(self, job: Job, choice: C) -> Features: ...

    def seconds(self, job: Job, choice: C, machines: Sequence[AnyMachine]) -> list[float]:
        """A step's seconds on machines like the job's with every choice kept, quickly; nan where it cannot run."""
        ...

    def simulated(self, job: Job, choice: C, machines: Sequence[AnyMachine]) -> list[float]:
        """The same, simulated on each."""
        ...

    def rivals(self, job: Job, choice: C, machines: Sequence[AnyMachine]) -> list[list[float]]:
        """Seconds of each split that a search shows, on each of some machines, quickly; nothing where none was searched."""
        ...

    def estimate(self, job: Job) -> float:
        """Seconds of the best step, quickly, for choosing among many clusters. Raises Infeasible."""
        ...

    def bound(self, job: Job) -> float:
        """Seconds that no step of the job beats, quickly: at most those of the one that is simulated. Raises Infeasible."""
        ...

    def slacks(self, periodic: PeriodicStep[P]) -> list[Slack]:
        """What each resource has to spare; nothing where a strategy does not know."""
        ...

    def fits(self, job: Job, choice: C, machines: Sequence[AnyMachine]) -> list[tuple[float, ...]]:
        """Memory that a job takes of each machine, what there is, and what else decides whether it can run there."""
        ...

    def share(self, jobs: Sequence[Job], check: bool) -> list[SharedJob]:
        """Jobs side by side on one cluster; `check` compares with SimPy. Raises WafersimError where jobs share nothing."""
        ...
