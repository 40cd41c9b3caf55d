"""Which stage has how many blocks, and what each of them takes."""

from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gpu.test_memory import ONE
from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout, stack
from wafersim.gpu.stages import chunk_blocks, dealt, stage_blocks, stage_times, times_of_one
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.layouts import listed_stages
from wafersim.workload.transformer import build_workload


def test_llama_405b_counts_its_embedding_and_its_head_as_layers() -> None:
    # 126 + 2 = 128: two to each of 8 x 8 or 16 x 4 chunks, one with the embedding and one with the head; one to each of 16 x 8,
    # the first and the last of which hold a table only.
    for p, v, each in ((8, 8, 2), (16, 4, 2), (16, 8, 1)):
        chunks = chunk_blocks(126, replace(ONE, pipeline=p, virtual_stages=v))
        assert chunks[0][0] == chunks[-1][-1] == each - 1
        assert {blocks for stage in chunks for blocks in stage} == {each - 1, each}
        assert sum(map(sum, chunks)) == 126


def test_what_does_not_divide_goes_to_the_stages_behind_the_first() -> None:
    # 64 blocks on 22 stages: 66 / 22 = 3 with both tables, so the ends hold 2 and the others 3.
    assert dealt(64, 22) == (2, *[3] * 20, 2)
    assert dealt(11, 4) == (2, 4, 3, 2)
    assert dealt(12, 4) == (3, 3, 3, 3)


@given(st.lists(st.tuples(st.integers(4, 60), st.integers(3, 12), st.integers(1, 4)), min_size=1, max_size=5))
def test_columns_hold_what_lists_say(cases: list[tuple[int, int, int]]) -> None:
    cases = [(max(layers, p * v), p, v) for layers, p, v in cases]
    column = stack([replace(ONE, pipeline=p, virtual_stages=v) for _, p, v in cases])
    whole, first = stage_blocks(np.array([layers for layers, _, _ in cases], float), column)
    for at, (layers, p, v) in enumerate(cases):
        chunks = chunk_blocks(layers, replace(ONE, pipeline=p, virtual_stages=v))
        assert whole[:, at].tolist() == [sum(stage) for stage in chunks] + [0] * (len(whole) - p)
        assert first[:, at].tolist() == [stage[0] for stage in chunks] + [0] * (len(whole) - p)


def listed(layers: int, p: int, v: int, **said: object) -> tuple[int, ...]:
    spec = GpuParallelSpec(kind="gpu-parallel", pipeline=p, virtual_stages=v, **said)
    return listed_stages(spec, layers, p, v)


def test_stages_are_listed_or_follow_from_the_first_and_the_last() -> None:
    assert listed(61, 4, 1, stages=[14, 16, 16, 15]) == (14, 16, 16, 15)
    assert listed(62, 4, 1, first_stage_layers=14) == (14, 16, 16, 16)  # Megatron's num-layers-in-first-pipeline-stage
    assert listed(62, 4, 1, first_stage_layers=16, last_stage_layers=14) == (16, 16, 16, 14)
    # With virtual stages a list runs through the model: chunk 0 of both stages, then chunk 1 of both.
    assert listed(14, 2, 2, first_stage_layers=6) == (3, 4, 3, 4)
    layout: Layout = replace(ONE, pipeline=2, virtual_stages=2, stages=(3, 4, 3, 4))
    assert chunk_blocks(14, layout) == [[3, 3], [4, 4]]
    whole, first = stage_blocks(14, layout)
    assert whole.tolist() == [6, 8] and first.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"stages": [4, 4]}, "stages lists 2 numbers; pipeline 4 x virtual_stages 1 needs 4"),
        ({"stages": [4, 4, 4, 4]}, "stages add up to 16 blocks; the model has 17"),
        ({"stages": [8, 0, 8, 1]}, "stages: only the first and the last may have no block"),
        (
            {"first_stage_layers": 4},
            "first_stage_layers 4 and last_stage_layers even leave 13 blocks for 3 other stages of 1 chunks, which they do not ",
        ),
        ({"first_stage_layers": 17}, "leave 0 blocks for 3 other stages"),
        ({"stages": [5, 4, 4, 4], "last_stage_layers": 4}, "say the same: give one"),
    ],
)
def test_a_list_that_does_not_add_up_is_refused(said: dict[str, object], why: str) -> None:
    with pytest.raises(Infeasible) as refused:
        listed(17, 4, 1, **said)
    assert why in str(refused.value)


def test_a_stage_takes_its_blocks_and_its_tables() -> None:
    cluster = cluster_of(load_gpu_machine("dgx-a100-80gb", "megatron-lm"))
    geometry = Geometry.of(build_workload("gpt3-1.3b", 2048))
    times = stage_times(geometry, replace(ONE, pipeline=3, micro_batches=3, stages=(5, 10, 9)), cluster)
    block, half = float(times.block.forward.seconds), 0.5 * float(times.launch)
    embedding, head = float(times.embedding[0].seconds), float(times.head[0].seconds)
    assert times.forward.tolist() == pytest.approx(
        [5 * block + embedding + half, 10 * block + half, 9 * block + head + half]
    )


def test_replicas_and_what_they_shard_change_no_stage() -> None:
    cluster = cluster_of(load_gpu_machine("dgx-h100"))
    geometry = Geometry.of(build_workload("mixtral-8x7b", 2048))
    one = replace(ONE, tensor=2, pipeline=4, expert=4, data=4)
    several = replace(one, data=64, shard=64, zero_stage=3, micro_batches=16)
    alone, together = (flat(stage_times(geometry, layout, cluster)) for layout in (one, several))
    assert alone == together
    assert flat(times_of_one(geometry, several, cluster)) == together


def flat(value: Any) -> list[float]:
    """Every number of a value made of columns."""
    if isinstance(value, tuple):
        return [number for each in value for number in flat(each)]
    if is_dataclass(value):
        return [number for each in vars(value).values() for number in flat(each)]
    return [float(number) for number in np.ravel(value)]
