"""What an op costs on the wafer, by precision and pass."""

from dataclasses import replace

import pytest

from wafersim.inputs.profile import SystemProfile
from wafersim.inputs.profile_file import load_profile
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.wafer.device import device_of
from wafersim.wafer.op_cost import NOTHING, WaferDevice, op_cost
from wafersim.workload.layer import Op

PROFILE = load_profile("cs2")
assert isinstance(PROFILE, SystemProfile)
DEVICE = device_of(PROFILE)
NO_FLOOR = replace(DEVICE, kernel_latency=0.0)
MATMUL = Op("mlp up", "matmul", 5120, 20480)
ATTENTION = Op("attention", "attention", elements=40 * 2048.0, head_dim=128)


def test_products_in_fp32_take_twice_as_long_and_in_bf16_no_longer() -> None:
    # The SIMD unit is 64 bits wide: four 16-bit multiply-accumulates a cycle, or two of 32 bits.
    fp16, bf16, fp32 = (
        op_cost(MATMUL, "forward", 90 * 2048, name, 1.0, NO_FLOOR).ticks for name in ("fp16", "bf16", "fp32")
    )
    assert bf16 == fp16
    assert fp32 == pytest.approx(2 * fp16, rel=1e-9)
    # A kernel on its latency floor stays there: 10 s are 10 s beside milliseconds of work.
    floor = replace(DEVICE, kernel_latency=10.0)
    assert op_cost(MATMUL, "forward", 1, "fp32", 1.0, floor).ticks == pytest.approx(10 * TICKS_PER_SECOND, rel=1e-6)


def test_attention_goes_backward_in_the_input_gradient_alone() -> None:
    # Four products for the forward pass's two, and no weights that would have a gradient.
    forward, dgrad, wgrad = (
        op_cost(ATTENTION, pass_, 90 * 2048, "fp16", 1.0, NO_FLOOR).ticks for pass_ in ("forward", "dgrad", "wgrad")
    )
    assert dgrad == pytest.approx(2 * forward, rel=1e-9) and wgrad == 0


# Two PEs side by side, a weight in 10 cycles, a cycle a second.
TWO = WaferDevice(
    cores=2, simd_width=1, clock=1.0, grid_rows=1, grid_columns=2, weight_issue=9.0, group_cost=1.0, attention_cost=1.0,
    elementwise_cost=3.0, exchange_cost=1, kernel_latency=0.0,
)  # fmt: skip
SECOND = 10**12  # ticks


def test_element_wise_work_rides_on_the_kernel_before_it_and_has_no_floor() -> None:
    # 8 elements of 3 core-cycles on 2 cores: 12 s. A product is launched, which takes 100 s: 20 s of work beside that take
    # sqrt(20^2 + 100^2) = 101.98 s, of which 81.98 s are the floor's.
    slow = replace(TWO, kernel_latency=100.0)
    norms = op_cost(Op("norms", "elementwise", elements=8), "forward", 1, "fp16", 1.0, slow)
    assert (norms.ticks, norms.bound, norms.floor_ticks) == (12 * SECOND, "vector", 0)
    product = op_cost(Op("up", "matmul", 2, 2), "forward", 1, "fp16", 1.0, slow)
    assert product.ticks == pytest.approx(101.98 * SECOND, rel=1e-4) and product.bound == "latency"
    assert product.floor_ticks == pytest.approx(81.98 * SECOND, rel=1e-4)


def test_only_the_share_of_the_tokens_that_meets_an_op_is_worked_on() -> None:
    half = Op("norms", "elementwise", elements=8, share=0.5)
    assert op_cost(half, "forward", 2, "fp16", 1.0, TWO).ticks == 12 * SECOND


def test_what_has_no_input_gradient_is_not_launched_for_one() -> None:
    look_up = Op("look-up", "elementwise", elements=8, has_dgrad=False)
    assert op_cost(look_up, "dgrad", 1, "fp16", 1.0, TWO) == NOTHING


def test_a_matmul_by_hand() -> None:
    # 750 x 100 tokens on 750 rows: 100 a PE, 25 groups of 4. All 850,000 cores: 1,133.3 in a row. 6,800 features: 6 a PE.
    # 1,000 outputs x 6 x (20 + 25 x 2) cycles = 420,000 cycles at 1 GHz: 420 us.
    device = replace(NO_FLOOR, weight_issue=20.0, group_cost=2.0, clock=1e9)
    ticks = op_cost(Op("m", "matmul", 6800, 1000), "forward", 75_000, "fp16", 1.0, device).ticks
    assert ticks == pytest.approx(420e-6 * TICKS_PER_SECOND, rel=1e-6)
    # One feature more is a seventh on some PEs, for which all wait.
    wider = op_cost(Op("m", "matmul", 6801, 1000), "forward", 75_000, "fp16", 1.0, device).ticks
    assert wider == pytest.approx(ticks * 7 / 6, rel=1e-6)
    # 1,000 features leave 133 PEs idle; 500 lie there twice, each time for half of the tokens: 13 groups of 4 for 50.
    idle, twice = (
        op_cost(Op("m", "matmul", k, 1000), "forward", 75_000, "fp16", 1.0, device).ticks for k in (1000, 500)
    )
    assert idle == pytest.approx(ticks / 6, rel=1e-6)
    assert twice == pytest.approx(1000 * (20 + 13 * 2) * 1e-9 * TICKS_PER_SECOND, rel=1e-6)


def test_attention_by_hand() -> None:
    # (600 + 6 x 128 x 2 / 4) / 3 = 328 core-cycles a score element, forward; 850 million elements on 850,000 cores at 1 GHz.
    device = replace(NO_FLOOR, attention_cost=600.0, group_cost=2.0, clock=1e9)
    one = Op("attention", "attention", elements=850e6, head_dim=128)
    assert op_cost(one, "forward", 1, "fp16", 1.0, device).ticks == pytest.approx(328e-6 * TICKS_PER_SECOND, rel=1e-6)
    # A head of half the width saves half of the products, not half of the softmax: (600 + 192) / (600 + 384).
    half = replace(one, head_dim=64)
    ratio = (
        op_cost(half, "forward", 1, "fp16", 1.0, device).ticks / op_cost(one, "forward", 1, "fp16", 1.0, device).ticks
    )
    assert ratio == pytest.approx(792 / 984, rel=1e-6)


def test_what_is_exchanged_crosses_its_row_whatever_the_simd_width() -> None:
    # 75,000 tokens on 750 rows of PEs: 100 tokens of 8,000 elements a row, one cycle each at 1 GHz: 0.8 ms; twice backward.
    device = replace(NO_FLOOR, clock=1e9, exchange_cost=1.0)
    rotary = Op("rotary embedding", "exchange", elements=8000)
    forward, dgrad, wgrad = (
        op_cost(rotary, pass_, 75_000, "fp16", 1.0, device).ticks for pass_ in ("forward", "dgrad", "wgrad")
    )
    wider = op_cost(rotary, "forward", 75_000, "fp16", 1.0, replace(device, simd_width=8)).ticks
    assert forward == pytest.approx(0.8e-3 * TICKS_PER_SECOND, rel=1e-6)
    assert (wider, dgrad, wgrad) == (forward, 2 * forward, 0)


def test_a_kernel_as_long_as_its_floor_takes_the_diagonal() -> None:
    # The 420,000 cycles above at 0.14 GHz are 3 ms of work; with a floor of 4 ms: 5 ms.
    device = replace(DEVICE, weight_issue=20.0, group_cost=2.0, clock=0.14e9, kernel_latency=4e-3)
    cost = op_cost(Op("m", "matmul", 6800, 1000), "forward", 75_000, "fp16", 1.0, device)
    assert cost.ticks == pytest.approx(5e-3 * TICKS_PER_SECOND, rel=1e-6)
    assert cost.floor_ticks == pytest.approx(2e-3 * TICKS_PER_SECOND, rel=1e-6) and cost.bound == "latency"


def test_frozen_weights_have_no_weight_gradient() -> None:
    frozen = replace(MATMUL, has_wgrad=False)
    assert op_cost(frozen, "wgrad", 2048, "fp16", 1.0, DEVICE).ticks == 0
    assert op_cost(frozen, "dgrad", 2048, "fp16", 1.0, DEVICE) == op_cost(MATMUL, "dgrad", 2048, "fp16", 1.0, DEVICE)


def test_weights_of_an_expert_meet_its_own_tokens() -> None:
    # Two PEs, 2 x 3 weights of each of 4 experts, 8 tokens of which each takes one: 2 a matrix, 3 outputs x 1 feature a PE x
    # (9 of issue + 2 groups of one token) = 33 s, four times. One matrix for all 8 tokens takes 3 x (9 + 8) = 51 s.
    experts = Op("up", "matmul", 2, 3, share=1, matrices=4)
    assert op_cost(experts, "forward", 8, "fp16", 1.0, TWO).ticks == 4 * 33 * SECOND
    assert op_cost(replace(experts, matrices=1), "forward", 8, "fp16", 1.0, TWO).ticks == 51 * SECOND
    # One launch for all of them.
    slow = replace(TWO, kernel_latency=1000.0)
    assert op_cost(experts, "forward", 8, "fp16", 1.0, slow).ticks == pytest.approx(1008.7 * SECOND, rel=1e-4)
