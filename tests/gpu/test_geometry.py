"""The mean block that GPU costs read, of models whose blocks differ."""

from dataclasses import replace

import numpy as np
import pytest

from tests.gpu.test_memory import CLUSTER, ONE
from tests.workload.test_model_fields import DEEPSEEK_V3, DENSE, MIXED, RELEASED, a_model
from wafersim.gpu.block import block_time
from wafersim.gpu.data_parallel import block_parameters
from wafersim.gpu.layout import Geometry, stack
from wafersim.gpu.memory import activation_bytes
from wafersim.workload.model import main_parameters
from wafersim.workload.transformer import workload_of


def geometry(sequence: int = 4096, **fields: object) -> Geometry:
    return Geometry.of(workload_of(a_model(**fields), sequence))


@pytest.mark.parametrize("name", RELEASED)
def test_mean_blocks_and_tables_add_up_to_the_model(name: str) -> None:
    # All but norms, biases, routers, positions and sinks, which are below 0.7 % of the smallest.
    of = geometry(**RELEASED[name][0])
    matrices = of.layers * of.block_parameters + (1 + of.untied) * of.table_parameters
    assert float(matrices) == pytest.approx(RELEASED[name][1], rel=0.007)
    assert float(matrices) <= main_parameters(a_model(**RELEASED[name][0]))


def test_stages_of_a_model_with_dense_blocks_first() -> None:
    # DeepSeek-V3: 61 blocks, 3 dense: a first stage of 8 has 5 with experts, any later one experts alone.
    of = geometry(**DEEPSEEK_V3)
    assert float(of.stage(0, 8).expert_share) == 5 / 8
    assert float(of.stage(53, 8).expert_share) == 1.0
    assert float(of.expert_share) == pytest.approx(58 / 61)
    # Every other block from the second on: of the first three, one.
    every_other = geometry(**MIXED, expert_every=2)
    assert float(every_other.stage(0, 3).expert_share) == pytest.approx(1 / 3)
    assert float(every_other.stage(2, 2).expert_share) == 0.5
    assert float(geometry(**DENSE).stage(0, 2).expert_share) == 0.0
    assert float(of.stage(61, 0).expert_share) == 0.0  # a last stage may have a table only


def test_keys_of_windowed_blocks() -> None:
    # Alternating blocks of 1,024 keys and of all 4,096: 2,560 in the mean.
    alternating = geometry(**DENSE, windows=(1024, 0))
    assert alternating.keys == 2560
    # A sliding window's queries attend to 1,024 but for the first, which see 512 in the mean: 1,024 - 1,024^2 / (2 x 4,096).
    assert alternating.met_keys == (896 + 2048) / 2
    # Of a chunk, and of the whole sequence, the mask leaves half.
    assert geometry(**DENSE, windows=(1024, 0), window_kind="chunked").met_keys == (512 + 2048) / 2
    # An encoder sees all of the window; one that is wider than the sequence hides nothing.
    assert geometry(**DENSE, windows=(1024,), causal=False).met_keys == 1024
    assert geometry(**DENSE, windows=(9999,)).keys == geometry(**DENSE).keys == 4096
    # An encoder-decoder's mean block: encoders meet 4,096, decoders 2,048 of their own and 4,096 of the encoder's.
    assert geometry(**DENSE, encoder_layers=4).met_keys == (4096 + 2048 + 4096) / 2


def test_geometries_stack_into_columns() -> None:
    columns = stack([geometry(**DENSE), geometry(**DEEPSEEK_V3), geometry(**MIXED, dense_blocks=2)])
    assert np.asarray(columns.stage(0, 4).expert_share).tolist() == [0.0, 0.25, 0.5]
    assert np.asarray(columns.block_parameters)[1] == pytest.approx(float(geometry(**DEEPSEEK_V3).block_parameters))


def test_gpus_beyond_the_heads_of_keys_and_values_hold_copies_of_them() -> None:
    # 8 heads of queries, 2 of keys and values, 16 elements each: projections of 64 x 128 in and out, and 64 x 32 twice.
    of = replace(geometry(**{**DENSE, "heads": 8, "kv_heads": 2, "head_dim": 16}), d_ffn=0)
    split, keys = 64 * 128 * 2, 64 * 32 * 2
    for tensor, held in (
        (1, split + keys),
        (2, (split + keys) / 2),
        (4, split / 4 + keys / 2),
        (8, split / 8 + keys / 2),
    ):
        assert float(block_parameters(of, replace(ONE, tensor=tensor)).total) == held
    # Of 4 GPUs each holds what one of 2 does of a token's 64 elements of keys and values, in 2 bytes; the rest is halved.
    two, four = (
        float(activation_bytes(of, replace(ONE, tensor=t, flash=1, sequence_parallel=1), CLUSTER)) for t in (2, 4)
    )
    assert two - 2 * four == pytest.approx(-4096 * 2 * 32)


def test_compressed_keys_and_values_are_whole_on_every_gpu() -> None:
    # DeepSeek-V3's attention: down-projections 7,168 x (1,536 + 512 + 64) whole, up- and output projections split.
    of = geometry(**DEEPSEEK_V3)
    down = 7168 * (1536 + 512 + 64)
    up = 1536 * 128 * 192 + 512 * 128 * 256 + 128 * 128 * 7168
    bare = replace(of, d_ffn=0, expert_ffn=0, shared_ffn=0)
    for tensor in (1, 8):
        held = block_parameters(bare, replace(ONE, tensor=tensor))
        assert float(held.dense) == down + up / tensor
    # A thousand elements more of them are as many bytes of traffic, and as many kept, on one GPU as on each of eight.
    wider, split = replace(of, kv_rank=1512), replace(ONE, tensor=8, sequence_parallel=1, flash=1)
    alone = replace(ONE, flash=1)
    for cost in (
        lambda g, layout: float(block_time(g, layout, CLUSTER).forward.traffic),
        lambda g, layout: float(activation_bytes(g, layout, CLUSTER)),
    ):
        more = [cost(wider, layout) - cost(of, layout) for layout in (alone, split)]
        assert more[0] == pytest.approx(more[1], rel=1e-6) and more[0] > 0
    assert more[0] == 4 * 4096 * 1000  # kept before and behind the norm


def test_latent_attention_takes_the_products_of_its_widths() -> None:
    # Heads of 192 + 128 elements take 1.25 times the score products of heads of 128 twice; in a fused kernel that is its time.
    latent = geometry(**DEEPSEEK_V3)
    plain = replace(latent, rope_head_dim=0)
    flash = replace(ONE, flash=1)
    ratio = float(
        block_time(latent, flash, CLUSTER).forward.attention / block_time(plain, flash, CLUSTER).forward.attention
    )
    assert ratio == pytest.approx((192 + 128) / 256)
    # Down- and up-projections through a narrow rank are cheaper than whole ones, and not free.
    whole = replace(latent, q_rank=0)
    narrow, wide = (float(block_time(g, flash, CLUSTER).forward.matmul) for g in (latent, whole))
    assert narrow < wide
