"""Products and fused attention on a GPU, against hand arithmetic on round numbers."""

from dataclasses import replace

import numpy as np
import pytest

from wafersim.gpu.attention import fused
from wafersim.gpu.cluster import cluster_of, device_of
from wafersim.gpu.gemm import PRECISIONS, gemm, matmul_rate
from wafersim.inputs.gpu_profile import GpuProfile
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.profile_file import load_profile

CLUSTER = cluster_of(load_gpu_machine("dgx-b200"))
ROUND = replace(
    CLUSTER.device, peak_fp16=2e12, peak_fp8=4e12, peak_fp4=8e12, gemm_efficiency=0.5, fp8_efficiency=1.0, mxfp8_efficiency=0.5,
    nvfp4_efficiency=0.25, memory_bandwidth=2e9, memory_efficiency=0.5, operand_share=0.25, group_share=0.5, group_latency=1e-3,
)  # fmt: skip


def test_a_product_takes_its_flops_and_what_shows_of_its_operands() -> None:
    # 1,000 cubed: 2 GFLOP at 1 TFLOP/s is 2 ms; three matrices of 2 MB at 1 GB/s are 6 ms, of which a quarter shows.
    assert float(gemm(1e3, 1e3, 1e3, ROUND)) == pytest.approx(2e-3 + 1.5e-3)


def test_a_group_shows_more_of_its_operands_and_starts_each_product() -> None:
    # Three of them: 6 ms, half of 18 ms, and a millisecond each. A group of one is a product.
    columns = gemm(1e3, 1e3, 1e3, ROUND, products=np.array([1.0, 3.0]))
    assert columns.tolist() == pytest.approx([3.5e-3, 6e-3 + 9e-3 + 3e-3])


def test_every_precision_has_a_rate_of_its_own() -> None:
    # Half of each peak: 1, 2 and 4 TFLOP/s, of which mxfp8 reaches a half and nvfp4 a quarter.
    rates = matmul_rate(ROUND, np.arange(len(PRECISIONS)))
    assert dict(zip(PRECISIONS, rates.tolist(), strict=True)) == {
        "bf16": 1e12, "fp8": 2e12, "mxfp8": 1e12, "nvfp4": 1e12,
    }  # fmt: skip


def test_few_heads_pay_for_the_last_thread_blocks() -> None:
    software = replace(CLUSTER.software, flash_efficiency=0.5, flash_backward=3.0)
    device = replace(
        ROUND, flash_share=1.0, flash_tail=1000.0, flash_backward_share=1.5, flash_backward_tail=500.0, wide_heads=0.5,
        wide_heads_backward=0.25,
    )  # fmt: skip
    # 1 GFLOP at 1 TFLOP/s over 1,000 rows of scores: twice as long as without an end, backward (3 / 1.5) times 1.5.
    forward, backward = fused(1e9, 1000.0, 128, device, software)
    assert (float(forward), float(backward)) == pytest.approx((2e-3, 3e-3))
    many = fused(1e9, 1e9, 128, device, software)
    assert (float(many[0]), float(many[1])) == pytest.approx((1e-3, 2e-3), rel=1e-5)
    wide = fused(1e9, 1e9, np.array([128, 129]), device, software)
    assert (wide[0][1] / wide[0][0], wide[1][1] / wide[1][0]) == pytest.approx((2.0, 4.0))


@pytest.mark.parametrize("name", ["b200", "gb200", "gb300"])
def test_blackwell_is_slower_for_its_peak_than_hopper(name: str) -> None:
    # Of 514 measured products the median reaches 0.49 of the peak and none 0.66.
    profile = load_profile(name)
    assert isinstance(profile, GpuProfile)
    device = device_of(profile)
    share = 2.0 * 8192**3 / float(gemm(8192, 8192, 8192, device)) / device.peak_fp16
    assert 0.45 < share < 0.55
