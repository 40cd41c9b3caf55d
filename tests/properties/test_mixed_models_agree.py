"""The engines agree on every tick of steps of drawn models, whose blocks differ, on wafers and on GPUs."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.properties.models import small_models
from tests.properties.test_engines_agree import agree
from tests.properties.test_gpu_engines_agree import agree as gpus_agree
from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.simulation import job_of
from wafersim.strategies.registry import strategy_of

EXAMPLES = int(os.environ.get("WAFERSIM_EXAMPLES", "500")) // 5
DRAWN = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
SEQUENCE = 256


def plan_of(asked: dict[str, Any]) -> Any:
    """The plan of an experiment; a drawn one that cannot run is drawn again."""
    job = job_of(Experiment.model_validate({"name": "drawn", **asked}))
    strategy = strategy_of(job.kind)
    try:
        return strategy.plan(job, strategy.choose(job))
    except Infeasible as reason:
        event(str(reason)[:40])
        assume(False)


@st.composite
def on_wafers(draw) -> dict[str, Any]:
    mode = draw(st.sampled_from(["train", "train", "lora", "forward"]))
    activations = {
        "keep": draw(st.sampled_from(["auto", "all", "block-inputs", "every-2"])),
        "place": draw(st.sampled_from(["auto", "wafer", "servers"])),
        "recompute_weights": draw(st.sampled_from(["auto", "hold", "restream"])),
    }
    return {
        "model": draw(small_models(SEQUENCE)),
        "system": {"profile": draw(st.sampled_from(["cs3", "andromeda"])), "systems": draw(st.integers(1, 3))},
        "strategy": {
            "chunks_per_layer": draw(st.sampled_from([1, 2, 3])),
            "weight_credits": draw(st.sampled_from([8, 16])),
            **({} if mode == "forward" else {"activations": activations}),
        },
        "training": {"mode": mode, "sequence_length": SEQUENCE, "batch": draw(st.integers(3, 9))},
    }


@DRAWN
@given(on_wafers())
def test_engines_agree_on_wafers(asked: dict[str, Any]) -> None:
    agree(plan_of(asked))


@pytest.mark.slow
@settings(DRAWN, max_examples=10_000)
@given(on_wafers())
def test_engines_agree_on_many_more_models_on_wafers(asked: dict[str, Any]) -> None:
    agree(plan_of(asked))


@st.composite
def on_gpus(draw) -> dict[str, Any]:
    pipeline = draw(st.sampled_from([1, 1, 2]))
    zero = draw(st.sampled_from([0, 1, 3] if pipeline == 1 else [0, 1]))
    return {
        "model": draw(small_models(SEQUENCE)),
        "system": {"profile": draw(st.sampled_from(["dgx-h100", "dgx-a100-80gb"])), "gpus": 8},
        "strategy": {
            "kind": "gpu-parallel", "tensor": draw(st.sampled_from([1, 2, 4])), "pipeline": pipeline, "data": "auto",
            "virtual_stages": 1, "micro_batch": 1, "zero_stage": zero, "flash_attention": draw(st.booleans()),
            "recompute": draw(st.sampled_from(["none", "selective", "full"])),
        },
        "training": {"sequence_length": SEQUENCE, "batch": 16},
    }  # fmt: skip


@DRAWN
@given(on_gpus())
def test_engines_agree_on_gpus(asked: dict[str, Any]) -> None:
    gpus_agree(plan_of(asked))


@pytest.mark.slow
@settings(DRAWN, max_examples=10_000)
@given(on_gpus())
def test_engines_agree_on_many_more_models_on_gpus(asked: dict[str, Any]) -> None:
    gpus_agree(plan_of(asked))


@pytest.mark.parametrize("name", ["on_wafers", "on_gpus"])
def test_most_drawn_models_run(name: str) -> None:
    """What is refused proves nothing."""
    ran, refused = [], []

    @settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given({"on_wafers": on_wafers, "on_gpus": on_gpus}[name]())
    def count(asked: dict[str, Any]) -> None:
        job = job_of(Experiment.model_validate({"name": "drawn", **asked}))
        strategy = strategy_of(job.kind)
        try:
            strategy.plan(job, strategy.choose(job))
            ran.append(asked["model"])
        except Infeasible as reason:
            refused.append(str(reason))

    count()
    assert len(ran) > len(refused), refused[:5]
    assert any(model.windows for model in ran) and any(model.experts > 1 for model in ran)
    assert any(model.kv_rank for model in ran) and any(model.encoder_layers for model in ran)
