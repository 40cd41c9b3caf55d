"""Shapes of any size by the rule of Cerebras-GPT's widths and layers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.inputs.model import ADAPTER
from wafersim.planning.model_shapes import members, shape_of, usual_batch
from wafersim.workload.model import block_parameters, parameters

PUBLISHED = {  # layers and widths of Dey et al. 2023
    "111m": (10, 768), "256m": (14, 1088), "590m": (18, 1536), "1.3b": (24, 2048),
    "2.7b": (32, 2560), "6.7b": (32, 4096), "13b": (40, 5120),
}  # fmt: skip


def test_the_family_comes_back_from_its_sizes() -> None:
    assert [one.name.removeprefix("cerebras-gpt-") for one in members()] == list(PUBLISHED)
    for model, published in zip(members(), PUBLISHED.values(), strict=True):
        found = shape_of(parameters(model))
        assert (found.layers, found.d_model) == published
        assert parameters(found) == parameters(model)


def test_the_rule_gives_gpt_3_its_shape() -> None:
    # Brown et al. 2020, table 2.1: 175 B parameters in 96 layers of 12,288 with 96 heads of 128
    found = shape_of(175e9)
    assert (found.layers, found.d_model, found.heads, found.head_dim) == (96, 12_288, 96, 128)


@settings(deadline=None)
@given(st.floats(2e8, 2e12))
def test_a_size_is_met_within_half_a_layer(size: float) -> None:
    found = shape_of(size)
    assert abs(parameters(found) - size) <= 0.5 * block_parameters(found, False)
    assert 0.65 * 76.8 <= found.d_model / found.layers <= 1.35 * 128.0  # near the family's own ratios
    assert found.d_model == found.heads * found.head_dim and found.d_ffn == 4 * found.d_model


def test_wide_models_have_heads_that_eight_gpus_can_split() -> None:
    assert {shape_of(billions * 1e9).heads % 8 for billions in range(7, 500, 7)} == {0}


def test_a_generated_model_says_so_and_is_a_valid_one() -> None:
    found = shape_of(30e9)
    assert found.published is None and found.published_parameters == 0
    assert "generated" in found.source and found.name.startswith("gpt-30b")
    assert ADAPTER.validate_python(found) == found


def test_what_no_shape_has_is_bounded() -> None:
    assert parameters(shape_of(1.0)) < 5e7 and parameters(shape_of(1e30)) < 1.1e13


@pytest.mark.parametrize(("size", "batch"), [(111e6, 120), (1e6, 120), (12.853e9, 1080), (65.2e9, 2048), (1e12, 2048)])
def test_batches_are_those_of_trained_models(size: float, batch: int) -> None:
    # sequences of 2,048 tokens: Cerebras-GPT 111M 120, 13B 1,080 in its last phase; LLaMA-65B 4 M tokens
    assert usual_batch(size) == pytest.approx(batch, abs=1)


@settings(deadline=None)
@given(st.floats(1e7, 1e12))
def test_larger_models_have_no_smaller_batches(size: float) -> None:
    assert usual_batch(size) <= usual_batch(1.2 * size)
