"""The header of an experiment says what came out: its numbers are those of today's run."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.loader import load_experiment, locate
from wafersim.inputs.resources import names
from wafersim.planning.comparison import compare_sides
from wafersim.planning.results import run

Rows = list[dict[str, Any]]
NUMBER = r"([\d.,]+)"


def header(name: str) -> str:
    """The comment above an experiment's fields, as one line."""
    lines = locate(name).read_text().splitlines()
    said = [
        line.removeprefix("#").strip() for line in lines[: next(i for i, line in enumerate(lines) if line[:1] != "#")]
    ]
    return " ".join(said)


@cache
def points(name: str, *options: str) -> Rows:
    return [result.to_json() for result in run(load_experiment(name, options))]


@cache
def sides(name: str) -> Rows:
    return [side.to_json() for side in compare_sides(*load_comparison(name))]


def agrees(said: str, value: float) -> bool:
    """Whether a number was rounded to what is said of it."""
    digits = len(said.partition(".")[2])
    return abs(float(said.replace(",", "")) - value) <= 0.5 * 10**-digits * (1 + 1e-9)


def seconds(rows: Rows) -> list[float]:
    return [row["step_time_s"] for row in rows]


def days(rows: Rows) -> list[float]:
    return [row["days_to_train"] for row in rows]


def with_range(row: dict[str, Any]) -> list[float]:
    return [row["days_to_train"], *row["interval"]["days_to_train"]]


def steps(name: str) -> float:
    return sum(phase["steps"] for phase in points(name)[0]["phases"])


def cs3() -> list[float]:
    one = points("cs3_13b", "system.systems=1")
    (a2, a3), (b2, b3) = (days(one[:2]), days(one[2:]))
    steps = seconds(one)
    return [steps[0] / steps[1], steps[0], steps[1], a2, a3, b2, b3]


def cs3_of_16() -> list[float]:
    old, new = points("cs3_13b", "model=cerebras-gpt-13b", "system.systems=16")
    return [*with_range(new), 100 * new["scaling_efficiency"], 100 * old["scaling_efficiency"]]


def sparse() -> list[float]:
    steps = seconds(points("sparsity"))
    return [steps[0], steps[1], steps[0] / steps[1], steps[2], steps[0] / steps[2], steps[3], steps[0] / steps[3]]


def doubled() -> list[float]:
    base, *others = seconds(points("what_if_chip"))
    clock, simd, sram, link = others
    assert link == pytest.approx(base, rel=1e-3)
    return [base, *(number for step in (clock, simd, sram) for number in (step, 100 * (1 - step / base)))]


def llama(name: str) -> list[float]:
    return [number for side in sides(name) for number in with_range(side)]


def split(name: str) -> list[float]:
    """Step, days, memory and exposed traffic of a side of gpu_strategies."""
    side = next(side for side in sides("gpu_strategies") if side["name"] == name)
    waits = (
        ("tensor", "sends", "data")
        if side["kind"] == "gpu"
        else ("exposed_stream", "exposed_drain", "exposed_reduction")
    )
    exposed = sum(side["breakdown"][part] for part in waits) / side["step_time_s"]
    bubble = [100 * side["breakdown"]["bubble"] / side["step_time_s"]] if name.startswith("pipeline") else []
    return [side["step_time_s"], side["days_to_train"], side["memory"]["total_bytes"] / 1e9, *bubble, 100 * exposed]


N, RANGE = NUMBER, rf"\({NUMBER} to {NUMBER}\)"
SPLIT = rf" +{N} s +{N} +{N} GB +(?:{N} %|-) +{N} %"
HELD: list[Any] = [
    ("cs3_13b", rf"{N} times as fast, both models: {N} s against {N} s a step of 90 sequences, 300 B tokens in {N} against {N} "
                rf"days on one system \(Llama 2: {N} against {N}\)", cs3),
    ("cs3_13b", rf"16 CS-3 take {N} d {RANGE}, {N} % of linear; CS-2 {N} %", cs3_of_16),
    ("long_context", rf"100 B tokens: {N} days at 2 k, {N} at 8 k, {N} at 32 k, {N} at 128 k",
     lambda: days(points("long_context"))),
    ("sparsity", rf"{N} s dense, {N} s at a density of 0.5 \({N} times as fast\), {N} s at 0.25 \({N}\), "
                 rf"{N} s at 0.1 \({N}\)", sparse),
    ("what_if_chip", rf"from {N} s to {N} s \(-{N} %\). "
                     rf"Twice the SIMD width: {N} s \(-{N} %\). Twice the SRAM: {N} s \(-{N} %\)", doubled),
    ("bloom176b_384a100", rf"{N} days {RANGE}, {N} % below the published",
     lambda: [*with_range(points("bloom176b_384a100")[0]), -100 * points("bloom176b_384a100")[0]["published"]["error"]]),
    ("bloom_run", rf"Its {N} steps \(95,000 published\) take {N} days {RANGE}, {N} of them in the ramp",
     lambda: [steps("bloom_run"), *with_range(points("bloom_run")[0]),
              sum(phase["days"] for phase in points("bloom_run")[0]["phases"][:-1])]),
    ("llama3_405b_run", rf"in {N} M steps: {N} days of steps {RANGE} at an MFU of {N} %",
     lambda: [steps("llama3_405b_run") / 1e6, *with_range(points("llama3_405b_run")[0]),
              100 * points("llama3_405b_run")[0]["mfu"]]),
    ("opt175b_run", rf"steps take {N} days \({N} to {N};", lambda: with_range(points("opt175b_run")[0])),
    ("cerebras_gpt_family", rf"steps take {N} days one after the other, {N} of them 13B's",
     lambda: [sum(days(points("andromeda16_as_published"))), days(points("andromeda16_as_published"))[-1]]),
    ("llama3_8b", rf"{N} days on 16 CS-3 {RANGE}, {N} on 384 H100 {RANGE}, {N} on 288 B200 {RANGE}", lambda: llama("llama3_8b")),
    *(pytest.param(name, rf"{N} days on \d+ CS-3 {RANGE}, {N} on [\d,]+ H100 {RANGE}, {N} on [\d,]+ B200 {RANGE}",
                   lambda name=name: llama(name), marks=pytest.mark.slow) for name in ("llama3_70b", "llama3_405b")),
    pytest.param("llama3_cs3", rf"8B: {N} days on 64, {N} on 256 systems. 70B: {N} and {N} days. 405B: {N} days on 256 {RANGE}",
                 lambda: [*days(points("llama3_cs3")[:4]), *with_range(points("llama3_cs3")[4])], marks=pytest.mark.slow),
    pytest.param("llama3_h100", rf"H100: 8B {N} days on 512, 70B {N} days on 2,048, 405B {N} days on 16,384 "
                               rf"{RANGE[:-2]}; MFU {N} %",
                 lambda: [*days(points("llama3_h100")[:2]), *with_range(points("llama3_h100")[2]),
                          100 * points("llama3_h100")[2]["mfu"]], marks=pytest.mark.slow),
    *(("gpu_strategies", name + SPLIT, lambda name=name: split(name))
      for name in ("4 CS-2", "data, ZeRO-2", "data, ZeRO-3", "tensor 8", "pipeline 8", "hybrid")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pattern", "found"), HELD)
def test_a_header_says_what_comes_out(name: str, pattern: str, found: Callable[[], list[float]]) -> None:
    match = re.search(pattern, header(name))
    assert match, f"{name} no longer says {pattern}"
    said, values = [one for one in match.groups() if one is not None], found()
    assert len(said) == len(values)
    assert [
        (text, value) for text, value in zip(said, values, strict=True) if not agrees(text.rstrip(".,"), value)
    ] == []


def test_every_comparison_and_experiment_opens_with_its_question() -> None:
    for name in (*names("experiments"), *names("comparisons"), *names("jobs")):
        assert "?" in header(name)[:200], name
