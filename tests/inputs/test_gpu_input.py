"""Splits that cannot run get one line with the nearest values that can."""

import pytest

from wafersim.errors import Infeasible, InputFaults
from wafersim.inputs.loader import load_experiment
from wafersim.simulation import simulate

BASE = ("system.gpus=64", "training.batch=512", "strategy.data=auto", "strategy.micro_batch=1")


def loaded(*sets: str):
    return load_experiment("gpt_neox20b_96a100", (*BASE, *sets))  # 44 layers, 64 heads, TP 2, PP 4


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        (("strategy.data=3",), "data 3 x tensor 2 x pipeline 4 = 24 GPUs, not 64; nearest: data 8, or 24 GPUs"),
        (("strategy.tensor=6",), "tensor 6 does not divide the 64 heads of gpt-neox-20b; nearest: 4 or 8"),
        (("strategy.pipeline=5",), "pipeline 5 does not divide the 44 layers of gpt-neox-20b; nearest: 4 or 11"),
        (("strategy.virtual_stages=3",),
         "virtual_stages 3 does not divide the 11 layers of a stage (44 over 4); nearest: 1 or 11"),
        (("training.batch=20",), "batch 20 does not divide by data 8 x micro_batch 1 = 8; nearest: 16 or 24"),
        (("strategy.micro_batch=3",), "batch 512 does not divide by data 8 x micro_batch 3 = 24; nearest: 504 or 528"),
        (("system.gpus=60",), "tensor 2 x pipeline 4 = 8 does not divide 60 GPUs; GPUs nearest: 56 or 64"),
        (("strategy.shard_group=3",), "shard_group 3 does not divide the 8 replicas; nearest: 2 or 4"),
        (("strategy.expert=4",), "expert 4 does not divide the 1 experts of gpt-neox-20b; nearest: 1"),
        (("strategy.schedule=interleaved",), "schedule interleaved and virtual_stages 1: interleaving has two or more"),
        (("strategy.precision=fp8",), "precision fp8: this GPU has no units for it; use bf16"),
        (("strategy.zero_stage=3", "strategy.schedule=zero-bubble"), "zero-bubble splits the backward pass"),
        (("strategy.micro_batch=64", "strategy.recompute=none"), "does not fit: 713.9 GB of 40.4 GB: activations "),
    ],
)  # fmt: skip
def test_one_line_with_the_nearest_that_can_run(sets: tuple[str, ...], line: str) -> None:
    with pytest.raises(Infeasible) as refused:
        simulate(loaded(*sets))
    assert str(refused.value).startswith(line) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        (
            ("strategy.tensr=2",),
            '--set strategy.tensr: unknown field; did you mean "tensor"? allowed: context, context_kind, data',
        ),
        (("strategy.zero_stage=4",), "--set strategy.zero_stage: must be 0, 1, 2, 3 or auto (got 4)"),
        (
            ("system.systems=4",),
            "neox-a100-40gb is a cluster of GPUs: give gpus, how many work on the job, and not systems",
        ),
        (("system.software=megatron",), "unknown"),
        (("strategy.kind=weight-streaming",), "unknown field"),
    ],
)
def test_what_the_schema_refuses(sets: tuple[str, ...], line: str) -> None:
    with pytest.raises(InputFaults) as found:
        loaded(*sets)
    assert line in str(found.value)
