"""What stays between the passes, and what sparse gradients weigh, by hand."""

from math import ceil

import pytest

from tests.simulation.test_conservation import experiment
from wafersim.simulation import job_of, simulate_step
from wafersim.strategies.weight_streaming.activations import Policy, kept_bytes
from wafersim.workload.transformer import build_workload


@pytest.mark.parametrize(("every", "inputs"), [(1, 10), (2, 5), (3, 4), (4, 3), (9, 2), (10, 1)])
def test_the_input_of_a_last_short_segment_is_kept_too(every: int, inputs: int) -> None:
    # 111M: 10 blocks of width 768. With every fourth block's input the segments are 4, 4 and 2 blocks: three inputs.
    workload = build_workload("cerebras-gpt-111m")
    assert kept_bytes(workload, Policy(every, "wafer"), tokens=100) == inputs * 100 * 768 * 2


@pytest.mark.parametrize(("precision", "size"), [("fp32", 4), ("fp16", 2)])
def test_gradients_of_weights_that_are_zero_are_not_sent(precision: str, size: int) -> None:
    # A block of 111M: 12 x 768^2 + 13 x 768 = 7,087,872 parameters; an eighth of them, without an index.
    sparse = simulate_step(job_of(experiment(training={"density": 0.125, "gradient_precision": precision}))).plan
    assert sparse.layers[1].parameters == 7_087_872
    assert sparse.layers[1].gradient_bytes == 885_984 * size
    odd = simulate_step(job_of(experiment(training={"density": 0.3, "gradient_precision": precision}))).plan
    assert odd.layers[1].gradient_bytes == ceil(2_126_361.6) * size
