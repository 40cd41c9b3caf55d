"""A better machine is no slower: bandwidth, clock, cores, SIMD, SRAM, systems, zeros, micro-batch, from 111M to 1 T parameters.

Jobs are drawn whole, from the catalogue or by their geometry, with every `auto` left to be chosen on each machine. Steps are
counted in ticks; rounding may cost one for every task of a step. Servers that serve in order of arrival may lose by what comes
earlier (Graham 1969): that is no fault, and bounded. Doubled micro-batches keep clear of the rounding to whole SIMD groups.
"""

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.properties.models import kinds
from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import scaled
from wafersim.inputs.model import Model
from wafersim.inputs.resources import names
from wafersim.simulation import Job, job_of
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.run import run_to_period
from wafersim.strategies.tally import TooManyTasks
from wafersim.workload.model import load_model, parameters

EXAMPLES = int(os.environ.get("WAFERSIM_EXAMPLES", "500")) // 20
DRAWN = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
ANOMALY = Fraction(
    2, 100
)  # the most that an order of service may cost; published anomalies of step times are about 1 %
MOST_TASKS = (
    500_000  # of a step on more systems, if none are alike: larger ones are simulated alike, and take seconds each
)
SMALLEST, LARGEST = 110e6, 1.1e12
LINKS = ("system.io_bandwidth", "swarmx.link_bandwidth", "memoryx.io_bandwidth")
FASTER = (
    *LINKS, "memoryx.accumulate_bandwidth", "memoryx.optimizer_bandwidth", "system.clock", "system.cores", "system.simd_width",
    "system.sram",
)  # fmt: skip
CATALOGUE = [name for name in names("models") if SMALLEST <= parameters(load_model(name)) <= LARGEST]


WIDE = Model("wide", "drawn", 8, 14_336, 112, 57_344, 1000, 2048, "drawn", position_kind="rotary")
FOUND: dict[
    str, Any
] = {  # 20B in eight blocks: chunks of 1 % of a larger SRAM, and indices of few zeros, made its stream slower
    "name": "found",
    "model": WIDE,
    "system": {"profile": "andromeda", "systems": 1},
    "strategy": {"micro_batch": "auto"},
    "training": {"mode": "train", "sequence_length": 128, "batch_per_system": 27, "density": 1.0},
}


@st.composite
def geometries(draw) -> Model:
    """Models of any shape between the sizes: half of them dense, the others of blocks that differ."""
    heads, head_dim, layers = (
        draw(st.sampled_from([8, 12, 20, 40, 96, 160])),
        draw(st.sampled_from([64, 128])),
        draw(st.integers(2, 128)),
    )
    width = heads * head_dim
    model = Model(
        "drawn", "drawn", layers, width, heads, draw(st.integers(2, 5)) * width, draw(st.sampled_from([1000, 50_257, 128_256])),
        131_072, "drawn", kv_heads=draw(st.sampled_from([1, 4, heads])), position_kind=draw(st.sampled_from(["rotary", "none"])),
        mlp=draw(st.sampled_from(["gelu", "swiglu"])), tied_embeddings=draw(st.booleans()),
    )  # fmt: skip
    if draw(st.booleans()):
        model = replace(model, kv_heads=heads, **draw(kinds(layers, 2048)))
        if model.experts > 1:
            model = replace(model, expert_ffn=draw(st.integers(1, 2)) * width // 2)
    while parameters(model) > LARGEST and model.layers > 1:
        model = replace(model, layers=model.layers // 2)
    while parameters(model) < SMALLEST:
        model = replace(model, layers=model.layers * 2)
    return model


@st.composite
def questions(draw) -> dict[str, Any]:
    """Fields of an experiment: any model, length, mode, machine, systems, batch, policy."""
    micro_batch = draw(st.sampled_from(["auto", "auto", 1, 7, 64]))
    keep, place = (
        draw(st.sampled_from(["auto", "auto", "block-inputs", "all"])),
        draw(st.sampled_from(["auto", "auto", "wafer", "servers"])),
    )
    training = {
        "mode": draw(st.sampled_from(["train", "forward", "lora"])),
        "sequence_length": draw(st.sampled_from([128, 350, 1024, 2048, 2900, 8192, 32_768, 131_072])),
        "batch_per_system": draw(st.one_of(st.integers(1, 12), st.integers(1, 400))),
        "density": draw(st.sampled_from([1.0, 1.0, 0.9, 0.3])),
    }
    strategy: dict[str, Any] = {
        "micro_batch": micro_batch,
        "memoryx_memory": draw(st.sampled_from(["separate"] * 5 + ["shared"])),
    }
    if training["mode"] != "forward":
        strategy["activations"] = {"keep": keep, "place": place}
    return {
        "name": "drawn",
        "model": draw(st.one_of(st.sampled_from(CATALOGUE), geometries())),
        "system": {
            "profile": draw(st.sampled_from(["andromeda", "cs3"])),
            "systems": draw(st.sampled_from([1, 1, 2, 3, 8, 16])),
        },
        "strategy": strategy,
        "training": training,
    }


@dataclass(frozen=True)
class Step:
    """Ticks of a step, how many of them rounding may have moved, and what was chosen for it."""

    ticks: Fraction
    rounding: int
    choice: Any
    plan: Any

    @property
    def recomputes(self) -> bool:
        return self.choice.policy.every > 0

    @property
    def largest(self) -> int:
        """Sequences of its largest micro-batch."""
        return max(self.plan.micro_batch_sizes)

    def no_slower_than(self, before: "Step") -> bool:
        """But for rounding, and for an order of service that one of the plans leaves open."""
        odd = ANOMALY if before.plan.arrival_order or self.plan.arrival_order else Fraction(0)
        return self.ticks <= before.ticks * (1 + odd) + before.rounding + self.rounding


def job(asked: dict[str, Any], **changes: dict[str, Any]) -> Job:
    """Of a question, with fields of its parts replaced."""
    return job_of(
        Experiment.model_validate({**asked, **{part: {**asked[part], **new} for part, new in changes.items()}})
    )


def step(of: Job) -> Step:
    strategy = strategy_of(of.kind)
    choice = strategy.choose(of)
    found = run_to_period(strategy, strategy.plan(of, choice))
    return Step(found.step_ticks, len(found.timeline), choice, found.plan)


def runs(of: Job) -> Step | None:
    """The step of a job, None where it cannot run."""
    try:
        return step(of)
    except Infeasible:
        return None


@DRAWN
@given(questions(), st.sampled_from([*((one,) for one in FASTER), LINKS]), st.sampled_from([1.01, 1.1, 2.0, 4.0]))
@example(FOUND, ("system.sram",), 1.3)
def test_a_faster_part_or_a_larger_sram_is_no_slower(
    asked: dict[str, Any], better: tuple[str, ...], factor: float
) -> None:
    whole = "system.simd_width" in better
    of = job(asked)
    before = runs(of)
    if before is not None:
        after = step(replace(of, machine=scaled(of.machine, dict.fromkeys(better, ceil(factor) if whole else factor))))
        assert after.no_slower_than(before), (better, factor, before.ticks, after.ticks)


@DRAWN
@given(questions(), st.sampled_from([2, 3, 16, 64]))
def test_more_systems_train_no_fewer_tokens_a_second(asked: dict[str, Any], more: int) -> None:
    before = runs(job(asked))
    few = asked["system"]["systems"]
    if before is not None and before.rounding * (few + more) <= MOST_TASKS * few:
        try:
            after = step(job(asked, system={"systems": few + more}))
        except TooManyTasks:  # the one thing that more systems may be refused for
            return
        odd = 1 + (ANOMALY if before.plan.arrival_order else 0)
        assert Fraction(few) / before.ticks <= odd * (few + more) / after.ticks


@DRAWN
@given(questions(), st.sampled_from([0.99, 0.75, 0.5, 0.49, 0.1]))
@example(FOUND, 0.99)
def test_weights_that_are_zero_take_no_time(asked: dict[str, Any], share: float) -> None:
    before = runs(job(asked))
    if before is not None:
        after = step(job(asked, training={"density": share * asked["training"]["density"]}))
        assert after.no_slower_than(before), (share, before.ticks, after.ticks)


@DRAWN
@given(questions(), st.integers(1, 20), st.integers(0, 4))
def test_twice_the_micro_batch_is_no_slower_but_where_recompute_begins(
    asked: dict[str, Any], size: int, doublings: int
) -> None:
    """Sizes that halve a batch into equal parts; recompute begins once and does not end."""
    batch = {"batch_per_system": size * 2**doublings}
    found = [runs(job(asked, training=batch, strategy={"micro_batch": size * 2**n})) for n in range(doublings + 1)]
    fitting = [each for each in found if each is not None]
    assert all(each is not None for each in found[: len(fitting)])  # what does not fit is too large
    for small, large in pairwise(fitting):
        assert small.recomputes <= large.recomputes
        if small.recomputes == large.recomputes and small.choice.policy.place == large.choice.policy.place:
            assert large.no_slower_than(small), (small.largest, small.ticks, large.ticks)
