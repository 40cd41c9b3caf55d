"""GPU intervals widen for what no row has measured, each for its own reason."""

import pytest

from wafersim.inputs.fit import load_fit
from wafersim.inputs.loader import load_experiment
from wafersim.metrics.interval import Uncertainty
from wafersim.simulation import simulate

MEASURED = (  # 39.1B of the vTrain study, as it ran on 512 GPUs
    "model=megatron-39.1b", "system.profile=vtrain-a100", "system.software=megatron-deepspeed", "system.gpus=512",
    "strategy.tensor=8", "strategy.pipeline=2", "strategy.micro_batch=8", "strategy.zero_stage=0", "training.batch=1536",
)  # fmt: skip


def interval(*sets: str) -> Uncertainty:
    return simulate(load_experiment("opt175b_992a100", [*MEASURED, *sets])).uncertainty


@pytest.fixture(scope="module")
def measured() -> Uncertainty:
    return interval()


def test_a_job_like_those_measured_has_its_groups_width_alone(measured: Uncertainty) -> None:
    group, fit = "megatron-deepspeed on vtrain-a100, several nodes", load_fit("gpu")
    assert measured.outside == () and measured.transfer == 0
    assert measured.spread == pytest.approx((fit.spread[group] ** 2 + fit.between[group] ** 2) ** 0.5)
    assert measured.distance < 0.02


@pytest.mark.parametrize(
    ("sets", "measure"),
    [
        (("training.sequence_length=32768", "strategy.flash_attention=true", "strategy.micro_batch=1"), "tokens a sequence"),
        (("strategy.tensor=32", "strategy.pipeline=1"), "nodes a tensor-parallel group"),
        (("strategy.micro_batch=1", "strategy.tensor=16", "strategy.pipeline=1", "model=gpt3-1.3b"),
         "hidden elements a GPU and micro-batch"),
        (("system.gpus=2048", "training.batch=6144"), "GPUs"),
        (("model=mixtral-8x7b", "strategy.expert_capacity=1"), "experts"),
    ],
)  # fmt: skip
def test_what_lies_beyond_all_rows_is_said_and_widens(
    measured: Uncertainty, sets: tuple[str, ...], measure: str
) -> None:
    found = interval(*sets)
    assert measure in [one.measure for one in found.outside]
    assert found.distance > measured.distance + 0.02
    assert (found.spread, found.transfer) == (measured.spread, 0)  # of the same group


def test_a_stack_without_rows_is_less_certain_and_a_device_without_rows_still_less(measured: Uncertainty) -> None:
    stack = interval("system.profile=dgx-a100-80gb", "system.software=megatron-lm")
    device = interval("system.profile=dgx-h200", "system.software=megatron-lm")
    assert measured.half_width < stack.half_width < device.half_width
    assert stack.transfer == load_fit("gpu").transfer
    assert [one.measure for one in device.outside][:2] == [
        "no measured run of megatron-lm on dgx-h200, several nodes", "no measured run on h200",
    ]  # fmt: skip


def test_a_launch_bound_job_is_guessed_where_the_launches_are_anothers() -> None:
    """Small kernels: on the stack whose launches rows have set, and on one that has them from it."""
    small = ("model=gpt3-125m", "system.gpus=8", "strategy.pipeline=1", "strategy.micro_batch=1", "strategy.tensor=1",
             "training.batch=64", "training.sequence_length=1024")  # fmt: skip
    large = ("model=gpt3-2.7b", "system.gpus=8", "strategy.pipeline=1", "strategy.micro_batch=4", "strategy.tensor=2",
             "training.batch=64", "training.sequence_length=1024")  # fmt: skip
    there, here = ("system.profile=dgx-a100-80gb", "system.software=megatron-lm"), ()
    assert interval(*small, *there).spread > interval(*large, *there).spread + 0.1
    assert interval(*small, *here).spread == pytest.approx(interval(*large, *here).spread)


def test_how_a_stack_sorts_the_copies_of_experts_is_assumed_where_no_row_tells(measured: Uncertainty) -> None:
    """Unless a capacity says where each copy goes: then nothing is sorted, and the group's rows tell the rest."""
    experts = ("model=qwen3-30b-a3b", "strategy.tensor=1", "strategy.pipeline=4", "strategy.expert=8", "strategy.micro_batch=1",
               "training.sequence_length=2048")  # fmt: skip
    assert interval(*experts).spread > measured.spread + 0.002
    assert interval(*experts, "strategy.expert_capacity=1").spread == pytest.approx(measured.spread)
