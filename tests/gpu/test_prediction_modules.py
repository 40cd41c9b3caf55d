"""Modules of multi-token prediction on GPUs: a block, logits and a projection more on the last stage, in time and in memory."""

from dataclasses import replace

import pytest

from tests.gpu.test_geometry import geometry
from tests.gpu.test_memory import CLUSTER, ONE
from tests.workload.test_model_fields import DEEPSEEK_V3, a_model
from wafersim.gpu.memory import memory_use
from wafersim.gpu.prediction import prediction_parameters
from wafersim.gpu.stages import stage_times
from wafersim.strategies.gpu_parallel.closed_form import estimate
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.timeline.clock import to_seconds
from wafersim.workload.model import mtp_parameters

SMALL = {"layers": 8, "d_model": 2048, "heads": 16, "d_ffn": 5632, "vocab": 32000}
NONE, ONE_MORE, BLOCK_MORE = geometry(**SMALL), geometry(**SMALL, mtp_blocks=1), geometry(**{**SMALL, "layers": 9})
FLASH = replace(ONE, flash=1)


def test_parameters_of_modules_are_the_models() -> None:
    # All but norms and the router's bias: 0.01 %.
    of = geometry(**DEEPSEEK_V3)
    assert float(prediction_parameters(of, ONE).total) == pytest.approx(
        mtp_parameters(a_model(**DEEPSEEK_V3)), rel=1e-3
    )
    # Experts spread over GPUs, the rest splits.
    spread = prediction_parameters(of, replace(ONE, data=8, expert=8, tensor=2, expert_tensor=1))
    assert float(spread.expert) == 256 / 8 * 3 * 7168 * 2048
    assert float(prediction_parameters(NONE, ONE).total) == 0.0


def test_a_module_takes_a_block_and_logits_and_a_projection_more() -> None:
    none, more, block = (stage_times(g, FLASH, CLUSTER) for g in (NONE, ONE_MORE, BLOCK_MORE))
    for name, head in (("forward", 0), ("backward", 1)):
        module, one = (float((getattr(t, name)[0] - getattr(none, name)[0]).item()) for t in (more, block))
        logits = float(none.head[head].seconds)
        # The projection of 4,096 to 2,048 beside a block's 51 M weights: 16 %.
        assert 1.05 * one < module - logits < 1.3 * one


@pytest.mark.parametrize(("pipeline", "zero"), [(1, 0), (1, 3), (4, 1)])
def test_the_step_and_its_closed_form_have_the_module(pipeline: int, zero: int) -> None:
    layout = replace(FLASH, pipeline=pipeline, data=4, micro_batches=8, zero_stage=zero, shard=4)

    def step(of) -> tuple[float, float]:
        plan = build_gpu_plan(of, layout, CLUSTER, "1f1b", clipping=True)
        return to_seconds(float(plan.longest())), float(estimate(of, layout, CLUSTER).item())

    (none, said_none), (more, said_more) = step(NONE), step(ONE_MORE)
    assert more > none and said_more > 1.05 * said_none
    # Nobody but the last stage works for it: forward and backward of the others stay.
    plans = [build_gpu_plan(of, layout, CLUSTER, "1f1b", clipping=True) for of in (NONE, ONE_MORE)]
    assert plans[0].units[:-1] == plans[1].units[:-1] and plans[0].units[-1] != plans[1].units[-1]


def test_the_last_stage_holds_the_module() -> None:
    # 8 blocks on 8 stages with many micro-batches: the first is the fullest, whatever the last has; alone, a GPU holds all.
    alone = [memory_use(of, FLASH, CLUSTER) for of in (NONE, ONE_MORE)]
    weights = (alone[1].weights - alone[0].weights) / CLUSTER.software.weight_storage
    assert float(weights.item()) == 4 * 2048**2 + 3 * 2048 * 5632 + 2 * 2048**2
    assert float((alone[1].activations - alone[0].activations).item()) == pytest.approx(
        float(alone[0].activations.item()) / 8
    )
    # Logits of 4,096 tokens twice.
    assert float((alone[1].buffers - alone[0].buffers).item()) == pytest.approx(6 * 4096 * 32000)
