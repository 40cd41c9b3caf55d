"""What an op costs on the wafer, by precision and pass."""

from dataclasses import replace

import pytest

from wafersim.inputs.profile import SystemProfile
from wafersim.inputs.profile_file import load_profile
from wafersim.wafer.device import device_of
from wafersim.wafer.op_cost import op_cost
from wafersim.workload.transformer import Op

PROFILE = load_profile("cs2")
assert isinstance(PROFILE, SystemProfile)
DEVICE = device_of(PROFILE)
MATMUL = Op("mlp up", "matmul", 5120, 20480)
ATTENTION = Op("attention", "attention", elements=40 * 2048.0)


def test_products_in_fp32_take_twice_as_long_and_in_bf16_no_longer() -> None:
    # The SIMD unit is 64 bits wide: four 16-bit multiply-accumulates a cycle, or two of 32 bits.
    fp16, bf16, fp32 = (
        op_cost(MATMUL, "forward", 90 * 2048, name, 1.0, DEVICE).ticks for name in ("fp16", "bf16", "fp32")
    )
    assert bf16 == fp16
    assert fp32 == pytest.approx(2 * fp16, rel=1e-9)
    # A kernel on its latency floor stays there.
    floor = replace(DEVICE, kernel_latency=10.0)
    assert (
        op_cost(MATMUL, "forward", 1, "fp32", 1.0, floor).ticks
        == op_cost(MATMUL, "forward", 1, "fp16", 1.0, floor).ticks
    )


def test_attention_goes_backward_in_the_input_gradient_alone() -> None:
    # Four products for the forward pass's two, and no weights that would have a gradient.
    forward, dgrad, wgrad = (
        op_cost(ATTENTION, pass_, 90 * 2048, "fp16", 1.0, DEVICE).ticks for pass_ in ("forward", "dgrad", "wgrad")
    )
    assert dgrad == pytest.approx(2 * forward, rel=1e-9) and wgrad == 0
