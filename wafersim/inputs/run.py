"""The section `run` of an experiment: how the whole training run is operated, and when it has to be done."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from wafersim import quantity
from wafersim.inputs.footprint import LONGEST, EnergySpec, MoneySpec
from wafersim.inputs.operation import Of, OperationProfile
from wafersim.inputs.sourced import Frozen

LAST_START = datetime.date(9000, 1, 1)  # the calendar ends with 9999, and a run must not


def _duration(value: Any) -> Any:
    seconds = quantity.parse(value, "time")
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"must be from 0 up to 100 years (got {value!r})")
    return seconds


def _every(value: Any) -> Any:
    """ "100 steps" -> 100, "3 h" -> 10800.0."""
    if value in ("auto", "none"):
        return value
    steps = re.fullmatch(r"\s*(\d{1,9})\s*steps?\s*", value) if isinstance(value, str) else None
    if steps:
        if int(steps[1]) == 0:
            raise ValueError("must be 1 step or more; none switches it off")
        return int(steps[1])
    try:
        seconds = quantity.parse(value, "time")
    except ValueError:
        raise ValueError(f'must be steps or a time, such as "100 steps" or "3 h" (got {value!r})') from None
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"must be above 0 and up to 100 years (got {value!r})")
    return float(seconds)


def _day(value: Any) -> datetime.date | None:
    """A date, or what is written like one; None for anything else."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\s*\d{4}-\d{2}-\d{2}\s*", value):
        return None
    try:
        return datetime.date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"is no date (got {value!r})") from None


def _when(value: Any) -> Any:
    """A date, or a duration from the start in seconds."""
    day = _day(value)
    if day is not None:
        return day
    try:
        return _duration(value)
    except ValueError:
        raise ValueError(
            f'must be a date or a time from the start, such as 2026-03-14 or "120 days" (got {value!r})'
        ) from None


def _date(value: Any) -> Any:
    day = _day(value)
    if day is None:
        raise ValueError(f"must be a date, such as 2026-03-14 (got {value!r})")
    return day


def _written(value: Any) -> Any:
    """As it may be written again: a run directory's experiment is an experiment."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) if isinstance(value, datetime.date) else value
    return f"{value} steps" if isinstance(value, int) else f"{value!r} s"


WRITTEN = PlainSerializer(_written)
TIME_SCHEMA = {"type": "string", "pattern": quantity.pattern("time")}
Duration = Annotated[float, BeforeValidator(_duration), WRITTEN, WithJsonSchema(TIME_SCHEMA)]
Every = Annotated[int | float, BeforeValidator(_every), WRITTEN, WithJsonSchema({"type": "string"})]
AutoEvery = Annotated[int | float | str, BeforeValidator(_every), WRITTEN, WithJsonSchema({"type": "string"})]
When = Annotated[datetime.date | float, BeforeValidator(_when), WRITTEN, WithJsonSchema({"type": "string"})]
Date = Annotated[datetime.date, BeforeValidator(_date), WRITTEN, WithJsonSchema({"type": "string", "format": "date"})]
OperationGiven = Annotated[
    Annotated[str, Tag("name")] | Annotated[OperationProfile, Tag("value")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "value"),
]
Share = Annotated[float, Field(ge=0, lt=1)]


class StartSpec(Frozen):
    """Starting the job; what is left out is the operation profile's."""

    first: Duration | None = Field(default=None, description="The first start: compile, weights, devices, workers.")
    restart: Duration | None = Field(default=None, description="Every later one, without reading the checkpoint.")


class CheckpointSpec(Frozen):
    """Checkpoints; times are of one save or one restore of the whole state."""

    every: AutoEvery = Field(
        default="auto",
        description='Steps or time between saves, such as "100 steps" or "3 h"; auto: the best; none: no saves.',
    )
    mode: Literal["blocking", "asynchronous"] | None = Field(
        default=None,
        description="Whether training stops until a save is complete, or only for `pause_time`; the operation profile's if "
        "left out.",
    )
    bytes_per_parameter: Annotated[float, Field(gt=0, le=64)] | None = Field(
        default=None,
        description="Of a checkpoint; if left out, what the optimizer keeps from step to step (AdamW: 12).",
    )
    store_bandwidth: Annotated[str, Field()] | None = Field(
        default=None, description='Of the store, such as "2 TB/s", instead of the operation profile\'s.'
    )
    save_time: Duration | None = Field(default=None, description="Instead of bytes over bandwidth.")
    restore_time: Duration | None = Field(default=None, description="Instead of bytes over bandwidth.")
    pause_time: Duration | None = Field(
        default=None, description="Training stops for so long in an asynchronous save; a tenth of a save if left out."
    )
    memory_every: Every | None = Field(default=None, description="Between saves in memory; none if left out.")
    memory_time: Duration | None = Field(default=None, description="Training stops for so long in a save in memory.")
    memory_restore_time: Duration | None = Field(default=None, description="As `memory_time` if left out.")
    keep: Annotated[int, Field(ge=1, le=4096, strict=True)] = Field(
        default=1000, description="Checkpoints that stay in the store, the newest ones."
    )

    @field_validator("store_bandwidth")
    @classmethod
    def _bandwidth(cls, value: str | None) -> str | None:
        if value is not None and quantity.parse(value, "bandwidth") <= 0:
            raise ValueError(f"must be above 0 (got {value!r})")
        return value

    @field_validator("memory_every", mode="before")
    @classmethod
    def _not_auto(cls, value: Any) -> Any:
        if value == "auto":
            raise ValueError('must be steps or a time, such as "10 steps"')
        return None if value == "none" else value

    @model_validator(mode="after")
    def _memory(self) -> CheckpointSpec:
        if (self.memory_every is None) != (self.memory_time is None):
            raise ValueError("saves in memory need both memory_every and memory_time")
        if self.memory_restore_time is not None and self.memory_every is None:
            raise ValueError("memory_restore_time means nothing without memory_every")
        if self.pause_time is not None and self.mode != "asynchronous":
            raise ValueError("pause_time is of asynchronous saves: mode must be asynchronous")
        return self


class EvaluationSpec(Frozen):
    """Evaluations; training waits for them."""

    every: Every = Field(description='Steps or time between them, such as "1000 steps".')
    time: Duration = Field(description="Of one, with the switch to it and back.")

    @field_validator("every", mode="before")
    @classmethod
    def _stated(cls, value: Any) -> Any:
        if value in ("auto", "none"):
            raise ValueError('must be steps or a time, such as "1000 steps"; leave evaluation out for none')
        return value


class MaintenanceSpec(Frozen):
    """Planned maintenance, by the calendar."""

    every: Duration = Field(description="From one to the next.")
    time: Duration = Field(description="How long the machine is away.")

    @model_validator(mode="after")
    def _shorter(self) -> MaintenanceSpec:
        if not self.every > self.time:
            raise ValueError("every must be longer than time")
        return self


class FailureSpec(Frozen):
    """Changes of one cause of failures of the operation profile, or a cause of one's own, which needs `per_1000_days`."""

    of: Of | None = Field(
        default=None,
        description="What fails, each by itself: a unit (a wafer-scale system; eight GPUs and their host), a node of MemoryX "
        "or of SwarmX, or the cluster as a whole. As the profile has it if left out, unit for a cause of one's own.",
    )
    strikes: Literal["stop", "corrupt", "spike"] | None = Field(
        default=None,
        description="stop: the job crashes or hangs; corrupt: it computes on wrongly and is found out later; spike: the loss "
        "diverges and training goes back. As the profile has it if left out, stop for a cause of one's own.",
    )
    per_1000_days: Annotated[float, Field(ge=0, le=1e6)] | None = Field(
        default=None, description="Failures of one in 1,000 days of work; 0: none."
    )
    shape: Annotated[float, Field(ge=0.2, le=10)] | None = Field(
        default=None, description="Weibull's k of the times between failures; 1 (exponential) if neither says it."
    )
    detection: Duration | None = Field(default=None, description="Until the job is stopped and the cause known.")
    detection_sigma: Annotated[float, Field(ge=0, le=3)] | None = Field(
        default=None, description="Log-normal sigma of detection; 0 if neither says it."
    )
    takes_unit: bool | None = Field(default=None, description="Whether a unit goes to repair.")
    repair: Duration | None = Field(default=None, description="Until a unit is back from repair.")
    burst_share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Share of failures that take several units."
    )
    burst_units: Annotated[int, Field(ge=1, le=64, strict=True)] | None = Field(
        default=None, description="Units that such a failure takes."
    )
    bad_share: Share | None = Field(default=None, description="Share of units that fail more often until returned.")
    bad_times: Annotated[float, Field(ge=1, le=1e4)] | None = Field(
        default=None, description="Times as often as other units that bad units fail."
    )
    latency: Duration | None = Field(default=None, description="Of corrupt: mean time of work until it is found.")
    back_steps: Annotated[int, Field(ge=0, le=10**9, strict=True)] | None = Field(
        default=None, description="Of spike: steps that training goes back."
    )
    loses_memory: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Share of failures that loses checkpoints in memory."
    )


FailuresGiven = Annotated[
    Annotated[Literal["none"], Tag("none")] | Annotated[dict[str, FailureSpec], Tag("causes")],
    Discriminator(lambda value: "none" if isinstance(value, str) else "causes"),
]


class PublishedRunSpec(Frozen):
    """What is published of the whole run, shown beside the prediction; never fitted."""

    days: Annotated[float, Field(gt=0, le=36_525)] = Field(description="Days from its first start to its end.")
    source: Annotated[str, Field(min_length=3)] = Field(description="Where it is published.")


class RunSpec(Frozen):
    """How the whole run is operated. What is left out is the operation profile's (`wafersim show gpu-operation`)."""

    start: Date | None = Field(default=None, description="Its first day, such as 2026-03-14; today if left out.")
    deadline: When | None = Field(default=None, description='A date, or a time from the start such as "120 days".')
    operation: OperationGiven | None = Field(
        default=None,
        description="An operation profile: a name, a path or a mapping; gpu-operation or wafer-operation if left out.",
    )
    published: PublishedRunSpec | None = Field(
        default=None, description="What is published of the whole run, shown beside the prediction."
    )
    start_up: StartSpec = Field(default=StartSpec(), description="How long starts take.")
    checkpoints: CheckpointSpec = Field(
        default=CheckpointSpec(), description="How often the state is saved, how and where."
    )
    evaluation: EvaluationSpec | None = Field(
        default=None, description="Evaluations during training; none if left out."
    )
    maintenance: MaintenanceSpec | None = Field(default=None, description="Planned maintenance; none if left out.")
    failures: FailuresGiven = Field(
        default_factory=dict, description="none, or by cause what is another than in the operation profile."
    )
    site: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        default=None, description="Factor of all failure rates, known exactly; the profile's, uncertain, if left out."
    )
    spares: Annotated[int, Field(ge=0, le=100_000, strict=True)] | None = Field(
        default=None, description="Units that stand by."
    )
    swap: Duration | None = Field(default=None, description="Until a spare is in place; 0 s where it stands by hot.")
    when_short: Literal["wait", "shrink"] | None = Field(
        default=None, description="Without a spare: wait for a repair, or go on with fewer units."
    )
    may_miss: Annotated[int, Field(ge=1, le=16, strict=True)] | None = Field(
        default=None, description="Of shrink: units that the job can go on without; 1 if left out."
    )
    energy: EnergySpec = Field(default=EnergySpec(), description="Electricity, carbon.")
    money: MoneySpec = Field(default=MoneySpec(), description="What machines cost.")
    restart_fails: Share | None = Field(default=None, description="Share of starts after a failure that fail again.")
    input_stall: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None, description="Time that a step waits for input, as a share of its own."
    )

    @model_validator(mode="after")
    def _consistent(self) -> RunSpec:
        if self.start is not None and self.start > LAST_START:
            raise ValueError(f"start {self.start} is after {LAST_START}")
        if self.may_miss is not None and self.when_short == "wait":
            raise ValueError("may_miss means nothing where when_short is wait")
        if isinstance(self.deadline, datetime.date) and self.deadline <= (self.start or datetime.date.today()):
            first = f"the start ({self.start})" if self.start else f"today ({datetime.date.today()})"
            raise ValueError(f"deadline {self.deadline} is not after {first}")
        if isinstance(self.deadline, float) and self.deadline <= 0:
            raise ValueError("deadline must be after the start")
        return self
