"""The closed form of a pipeline, by hand."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.gpu.test_memory import ONE
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout
from wafersim.inputs.machine import load_gpu_machine
from wafersim.strategies.gpu_parallel.closed_form import pipeline_time, transfer_time
from wafersim.workload.transformer import build_workload

CLUSTER = cluster_of(load_gpu_machine("dgx-a100-80gb", "megatron-lm"))
OPEN = replace(CLUSTER, software=replace(CLUSTER.software, blocking_sends=False))


def piped(p: int, m: int, v: int, transfer: float = 0.0, last: float = 2.0, cluster: Any = OPEN) -> float:
    """Stages of 1 s forward and 2 s backward, the last one's backward `last`."""
    times: Any = SimpleNamespace(forward=np.ones(p), backward=np.array([2.0] * (p - 1) + [last]))
    layout = replace(ONE, pipeline=p, micro_batches=m, virtual_stages=v)
    return float(pipeline_time(times, layout, transfer, cluster))


def test_the_bubble_is_the_other_stages_once_a_chunk_at_a_time() -> None:
    assert piped(1, 8, 1) == 8 * 3
    assert piped(4, 8, 1) == 8 * 3 + 3 * 3
    assert piped(4, 8, 2) == 8 * 3 + 3 * 3 / 2
    assert piped(2, 8, 1, last=5.0) == 8 * 6 + 3  # the slowest works without a pause, the first fills and drains
    assert piped(4, 8, 1, last=5.0) == 8 * 6 + 3 * 3


def test_a_transfer_that_waits_for_nobody_is_met_once_on_each_way() -> None:
    assert piped(4, 8, 1, transfer=0.1) == pytest.approx(piped(4, 8, 1) + 2 * 3 * 0.1)


def test_a_stage_that_waits_for_its_transfers_is_held_every_time() -> None:
    # A stage in between sends its activations on and gradients back: 3.2 s a micro-batch; first and last send once.
    assert piped(4, 8, 1, transfer=0.1, cluster=CLUSTER) == pytest.approx(8 * 3.2 + 3.2 + 2 * 3.1)


def test_stages_of_whole_nodes_send_between_nodes() -> None:
    # 2 bytes x 2,048 tokens x 2,048 elements: 8,388,608 bytes; in a node 197.2 GB/s after 28.23 us, between nodes 20 us and a
    # stage's eight GPUs share 160 GB/s.
    geometry = Geometry.of(build_workload("gpt3-1.3b", 2048))

    def seconds(layout: Layout) -> float:
        return float(transfer_time(geometry, layout, CLUSTER))

    assert seconds(replace(ONE, data=4, pipeline=2)) == pytest.approx(28.23e-6 + 8_388_608 / 197.2e9)
    assert seconds(replace(ONE, data=8, pipeline=2)) == pytest.approx(20e-6 + 8_388_608 / 20e9)
    assert seconds(replace(ONE, data=2, tensor=4, pipeline=2)) == pytest.approx(20e-6 + 8_388_608 / 4 / 20e9)
    assert seconds(replace(ONE, data=8)) == 0
