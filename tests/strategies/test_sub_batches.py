"""What does not fit on the wafer at once is worked through in parts, without a cliff where it just does not fit."""

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
    rates = [rate(micro_batch) for micro_batch in range(54, 74)]
    assert all(after / before > 0.97 for before, after in pairwise(rates))


def memory(tokens: int) -> WaferMemory:
    found = wafer_memory(
        build_workload("gptj-6b", 2048), Policy(1, "servers", True), tokens, 40e9, 0.15, 10**9, 10**9, 2
    )
    assert isinstance(found, WaferMemory)
    return found


def test_parts_follow_what_is_free() -> None:
    small, large = memory(4096), memory(2048 * 200)
    assert small.block_sub_batches == 1.0
    free = 40e9 - 6e9 - 2e9 - large.activation_bytes
    assert large.block_sub_batches > 2.0 and large.total_bytes <= 40e9
    assert large.block_sub_batches * free == pytest.approx(100 * small.working_set_bytes, rel=1e-3)
