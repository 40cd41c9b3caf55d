"""What does not fit on the wafer at once is worked through in lanes, which cost no time: no cliff where it just does not fit."""

from itertools import pairwise

import pytest

from wafersim.inputs.experiment import Experiment
from wafersim.simulation import simulate
from wafersim.strategies.weight_streaming.activations import Policy, WaferMemory, wafer_memory
from wafersim.workload.transformer import build_workload


def rate(micro_batch: int) -> float:
    """Samples a second of GPT-J 6B on one CS-2."""
    fields = {
        "name": "edge",
        "model": "gptj-6b",
        "system": {"profile": "alcf-cs2", "systems": 1},
        "strategy": {"kind": "weight-streaming", "micro_batch": micro_batch},
        "training": {"sequence_length": 2048, "batch": micro_batch},
    }
    return simulate(Experiment.model_validate(fields)).samples_per_s


def test_one_sequence_more_never_costs_much() -> None:
    # 116 sequences are the most without lanes.
    rates = [rate(micro_batch) for micro_batch in (54, 64, 74, 115, 116, 117, 118, 130)]
    assert all(after / before > 0.99 for before, after in pairwise(rates))


def memory(tokens: int, working_set: float = 1.0) -> WaferMemory:
    policy = Policy(1, "servers", True)
    found = wafer_memory(
        build_workload("gptj-6b", 2048), policy, tokens, 40e9, 0.15, working_set, 10**9, 10**9, slots=2
    )
    assert isinstance(found, WaferMemory)
    return found


def test_lanes_follow_what_is_free() -> None:
    small, large = memory(4096), memory(2048 * 200)
    assert small.block_lanes == 1.0
    free = 40e9 - 6e9 - large.activation_bytes  # the buffers, 2 GB, lie in the reserve of 15 %
    assert large.reserved_bytes == 4_000_000_000
    assert large.block_lanes > 2.0 and large.total_bytes <= 40e9
    assert large.block_lanes * free == pytest.approx(100 * small.working_set_bytes, rel=1e-3)


def test_a_release_with_half_the_working_set_needs_half_the_lanes() -> None:
    assert memory(2048 * 200, 0.5).block_lanes == pytest.approx(memory(2048 * 200).block_lanes / 2, rel=1e-6)
