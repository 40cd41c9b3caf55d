"""Measured kernels of GPUs: how rows are read, and what they are compared with."""

import pytest

from wafersim.errors import Infeasible
from wafersim.evidence.sets.gpu_kernel import gpu_device, kernel_software, published_rows, read_row
from wafersim.evidence.tables import columns

PRODUCT = {"id": "x", "device": "b200", "op": "matmul", "m": "4096", "k": "8192", "n": "1024", "layout": "TN",
           "accumulate": "False", "out": "bf16", "peak_tflops": "2250", "efficiency": "0.5"}  # fmt: skip


def row(**cells: str) -> dict[str, str]:
    return dict.fromkeys(columns("gpu-kernel"), "") | PRODUCT | cells


def test_every_row_of_the_table_is_read() -> None:
    rows = published_rows()
    assert (len(rows.measured), rows.refused) == (905, {})


def test_seconds_are_flops_over_the_rate_that_is_stated() -> None:
    # 2 x 4096 x 8192 x 1024 FLOP at half of 2,250 TFLOP/s.
    assert read_row(row()).published == pytest.approx(6.108e-5, rel=1e-3)
    # Attention over the whole square: 2 x 4096^2 x 64 heads x (128 + 128); backward five products for two.
    scored = row(op="sdp_fwd", m="", k="", n="", sequence="4096", heads="64", qk_dim="128", v_dim="128")
    forward = read_row(scored).published
    assert forward == pytest.approx(4.886e-4, rel=1e-3)
    assert read_row(scored | {"op": "sdp_bwd"}).published == pytest.approx(2.5 * forward)


def test_a_weight_gradient_reads_and_writes_what_it_is_added_to() -> None:
    device, software = gpu_device("b200"), kernel_software()
    plain, bf16, fp32 = (
        read_row(row(layout="NT", accumulate=on, out=out)).seconds(device, software)
        for on, out in (("False", "bf16"), ("True", "bf16"), ("True", "fp32"))
    )
    # Of 4 Mi weights: 2 bytes more in bf16 (2 read), 6 more in fp32 (4 read, 4 instead of 2 written).
    assert (fp32 - plain) / (bf16 - plain) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"device": "b2000"}, "is no GPU profile"),
        ({"device": "dgx-b200"}, "is no GPU profile"),
        ({"op": "conv"}, "is none of matmul, group_matmul, sdp_fwd, sdp_bwd"),
        ({"k": ""}, "k not stated"),
        ({"op": "sdp_fwd"}, "sequence, heads, qk_dim, v_dim not stated"),
        ({"op": "group_matmul", "groups": "8", "stage": "sideways"}, "is none of fwd, bwd_grad_act, bwd_grad_w"),
    ],
)
def test_what_is_out_of_scope_says_why(cells: dict[str, str], reason: str) -> None:
    with pytest.raises(Infeasible, match=reason):
        read_row(row(**cells))
