"""What would help, beside the same change written into the experiment by hand and simulated."""

from functools import cache

import pytest

from wafersim import load_experiment, simulate
from wafersim.planning.what_if import what_would_help
from wafersim.simulation import Simulated, jobs_of, simulate_run

WAFER = ("andromeda16", "sweep={}", "model=cerebras-gpt-1.3b", "system.systems=4", "strategy.micro_batch=66")
GPU = ("gpt_neox20b_96a100", "strategy.tensor=2", "strategy.pipeline=4", "strategy.micro_batch=2")
ON_WAFERS = {
    "8 systems": ("system.systems=8",),
    "micro-batch 132": ("strategy.micro_batch=132",),
    "clock x2": ("system.overrides.system.clock=2.2 GHz",),
    "SRAM x2": ("system.overrides.system.sram=80 GB", "system.overrides.system.core_sram=96 KB"),
    "system I/O x2": ("system.overrides.system.io_bandwidth=2.4 Tb/s",),
    "SwarmX links x2": ("system.overrides.swarmx.link_bandwidth=2.4 Tb/s",),
    "kernel launches at half their time": ("system.overrides.system.kernel_latency={kernel_latency}",),
}
ON_GPUS = {
    "GPU peak x2": ("system.overrides.gpu.peak_fp16=624 TFLOP/s",),
    "GPU memory bandwidth x2": ("system.overrides.gpu.memory_bandwidth={memory_bandwidth}",),
    "micro-batch 4": ("strategy.micro_batch=4",),
}


@cache
def simulated(*asked: str) -> Simulated:
    name, *sets = asked
    return simulate_run(jobs_of(load_experiment(name, sets)))


def halved_or_doubled(asked: tuple[str, ...], sets: tuple[str, ...]) -> list[str]:
    """Numbers that a calibration may move are read from the machine."""
    machine = simulated(*asked).job.machine
    numbers = {}
    if hasattr(machine, "system"):
        numbers["kernel_latency"] = f"{machine.system.values.kernel_latency.value / 2 * 1e3!r} ms"
    else:
        numbers["memory_bandwidth"] = f"{machine.gpu.values.memory_bandwidth.value * 2 / 1e9!r} GB/s"
    return [text.format(**numbers) for text in sets]


@pytest.mark.parametrize(
    ("asked", "label", "sets"),
    [*((WAFER, *each) for each in ON_WAFERS.items()), *((GPU, *each) for each in ON_GPUS.items())],
)
def test_it_equals_the_change_made_by_hand(asked: tuple[str, ...], label: str, sets: tuple[str, ...]) -> None:
    helps = {one.label: one.change for one in what_would_help(simulated(*asked))}
    name, *before = asked
    by_hand = simulate(load_experiment(name, [*before, *halved_or_doubled(asked, sets)]))
    now = simulated(*asked).prediction
    assert helps[label] == pytest.approx(now.tokens_per_s / by_hand.tokens_per_s - 1, abs=1e-9)


def test_the_best_stands_first_and_what_cannot_run_is_left_out() -> None:
    found = what_would_help(simulated(*WAFER))
    assert [one.change for one in found] == sorted(one.change for one in found)
    alone = what_would_help(simulated("hello_111m", "system.profile=andromeda", "training.batch=1"))
    assert not any("systems" in one.label for one in alone)  # one sequence cannot be shared by two
