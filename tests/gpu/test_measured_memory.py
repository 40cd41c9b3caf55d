"""Memory of a GPU against measured peaks, the precision of states, and the verdict with its spread."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import log

import numpy as np
import pytest

from tests.gpu.test_memory import ONE
from wafersim.calibration.gpu import lost_memory
from wafersim.evidence.sets.gpu import published_rows
from wafersim.gpu.block import block_time
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import FULL, MLP, NONE, SELECTIVE, Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import activation_bytes, memory_use
from wafersim.gpu.verdict import SPREAD, DoesNotFit, Verdict, check, may_fit, verdict_of
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.strategy import StatesSpec
from wafersim.strategies.gpu_parallel.layouts import resolve
from wafersim.workload.transformer import build_workload

GIB = 2.0**30
LLAMA = Geometry.of(build_workload("llama2-7b", 2048))
# Peaks of b200_* in shared/data/gpu_modern.csv (Megatron-Core, bf16, no recompute, sharded optimizer), GiB, on 8 GPUs: shape,
# tensor, pipeline, context, tokens a sequence, use.
PEAKS = """70b,1,2,1,4096,fit,66.55
70b,2,1,1,4096,fit,60.68
70b,4,1,1,4096,test,39.07
405b,1,2,1,4096,fit,87.08
405b,2,1,1,4096,fit,81.59
405b,4,1,1,4096,test,52.89
70b,2,1,4,32768,fit,68.43
405b,2,1,4,32768,fit,87.03
70b,2,1,4,131072,test,112.67
405b,2,1,4,131072,fit,118.13"""
SHAPES = {"70b": ("llama3-70b", 12), "405b": ("llama3-405b", 4)}


def peak(line: str) -> tuple[str, str, Geometry, Layout, float]:
    """(shape, use, geometry, layout, measured bytes) of one line."""
    shape, *numbers, use, gib = line.split(",")
    t, p, c, sequence = map(int, numbers)
    model, layers = SHAPES[shape]
    geometry = replace(Geometry.of(build_workload(model, sequence)), layers=layers)
    data = 8 // (t * p * c)
    layout = replace(
        ONE, data=data, tensor=t, pipeline=p, context=c, micro_batches=4, zero_stage=1, shard=data * c, flash=1,
        sequence_parallel=int(t > 1),
    )  # fmt: skip
    return shape, use, geometry, layout, float(gib) * GIB


def of(profile: str, software: str, **changed: float) -> Cluster:
    """A cluster with some numbers of its software replaced."""
    cluster = cluster_of(load_gpu_machine(profile, software))
    return replace(cluster, software=replace(cluster.software, **changed))


def total(geometry: Geometry, layout: Layout, cluster: Cluster) -> float:
    return float(np.max(memory_use(geometry, layout, cluster).total))


def test_peaks_of_megatron_core_on_b200() -> None:
    # fresh_gradients and workspace are set on the fit rows; the test rows judge.
    cluster = of("dgx-b200", "megatron-core")
    errors = defaultdict(list)
    for _, use, geometry, layout, measured in map(peak, PEAKS.splitlines()):
        errors[use].append(abs(total(geometry, layout, cluster) / measured - 1))
    assert len(errors["test"]) == 3 and np.mean(errors["test"]) < 0.05 and max(errors["test"]) < 0.05
    assert np.mean(errors["fit"]) < 0.01


@pytest.mark.parametrize(("pipeline", "measured"), [(1, 69.1), (2, 49.8)])
def test_peaks_of_llama_under_megatron(pipeline: int, measured: float) -> None:
    # shared/cases l2_7b_megatron_mem; no constant is set on them.
    layout = replace(
        ONE, data=8 // pipeline, pipeline=pipeline, micro_batch=2, micro_batches=128, zero_stage=1, flash=1
    )
    layout = replace(layout, shard=layout.data)
    assert total(LLAMA, layout, of("dgx-h100", "megatron-lm")) / GIB == pytest.approx(measured, rel=0.05)


def test_an_unfused_gate_keeps_one_more_product_of_the_width() -> None:
    # silu(gate) x up: kernels apart keep silu(gate), 2 bytes x 11,008 of a token; a GPT has no gate.
    layout = replace(ONE, flash=1)
    fused, apart = (of("dgx-h100", "megatron-core", keeps_activated_gate=kept) for kept in (0, 1))
    more = float(activation_bytes(LLAMA, layout, apart)) - float(activation_bytes(LLAMA, layout, fused))
    assert more == pytest.approx(2 * 11_008 * 2048)
    gpt = Geometry.of(build_workload("gpt3-6.7b", 2048))
    assert float(activation_bytes(gpt, layout, apart)) == float(activation_bytes(gpt, layout, fused))


def test_states_in_the_precision_asked_for() -> None:
    # LLaMA2-7B: 6.738 B parameters. 2 + 4 + 12 bytes each as Megatron-LM keeps them; 1 + 2 + (2 + 2) with everything small.
    machine = load_gpu_machine("dgx-h100", "megatron-lm")
    small = StatesSpec(weights="fp8", gradients="bf16", master="bf16", moments="8-bit")
    for states, each in ((StatesSpec(), 18.0), (small, 1 + 2 + 2 + 2.0), (StatesSpec(master="none"), 14.0)):
        use = memory_use(LLAMA, replace(ONE, flash=1), cluster_of(machine, states=states))
        held = float(np.max(use.weights + use.gradients + use.optimizer))
        assert held == pytest.approx(each * 6.738e9, rel=1e-3)
    # Half the bytes of gradients in collectives too, and an update that moves less.
    usual, lean = (cluster_of(machine, states=states).software for states in (StatesSpec(), small))
    assert lean.gradient_bytes == 0.5 * usual.gradient_bytes and lean.optimizer_traffic < usual.optimizer_traffic


def test_a_recomputed_mlp_keeps_its_input_alone_and_costs_its_products_again() -> None:
    cluster = of("dgx-h100", "megatron-core")
    layouts = [replace(ONE, flash=1, recompute=recompute) for recompute in (NONE, MLP, FULL)]
    none, mlp, full = (float(activation_bytes(LLAMA, layout, cluster)) for layout in layouts)
    # Of SwiGLU's 3 x 11,008 elements of a token, 2 bytes each, nothing is kept; attention's and the norms' are.
    assert none - mlp == pytest.approx(2 * 3 * 11_008 * 2048)
    assert full < mlp < none
    again = [float(np.max(block_time(LLAMA, layout, cluster).recompute.matmul)) for layout in layouts]
    # 3 x 4,096 x 11,008 of the 4 x 4,096^2 + 3 x 4,096 x 11,008 multiplications of a block's linear layers.
    share = 3 * 11_008 / (4 * 4096 + 3 * 11_008)
    assert again[0] == 0 and again[1] / again[2] == pytest.approx(share, rel=0.01)


def test_inputs_of_linear_layers_are_kept_in_8_bits_under_fp8() -> None:
    # Of LLaMA2-7B's block: two norm outputs (2 x 4,096) and the MLP's last input (11,008) lose a byte each, attention's output,
    # which its kernel keeps in 16 bits, is kept once more in 8 (4,096).
    cluster = of("dgx-h100", "megatron-core")
    plain, fp8 = (float(activation_bytes(LLAMA, replace(ONE, flash=1, fp8=on), cluster)) for on in (0, 1))
    assert plain - fp8 == pytest.approx(2048 * (2 * 4096 + 11_008 - 4096))


def test_the_probability_is_that_of_the_measured_spread() -> None:
    assert Verdict(80e9, 80e9).probability == pytest.approx(0.5)
    # One standard deviation: 84.1 %.
    assert Verdict(80e9 * (1 - SPREAD), 80e9).probability == pytest.approx(0.85, abs=0.01)
    said = [Verdict(needed * 1e9, 80e9).words for needed in (60, 72, 75, 80, 88, 92, 200)]
    assert said == ["fits", "fits", "may not fit", "may not fit", "may not fit", "does not fit", "does not fit"]
    low, high = Verdict(80e9, 80e9).bounds
    assert low < 80e9 < high and high / 80e9 == pytest.approx(1.102, abs=0.002)


def test_what_may_fit_is_not_refused_and_what_is_refused_may_not_fit() -> None:
    cluster = of("dgx-h100", "megatron-lm")
    for batch in range(1, 9):
        layout = replace(ONE, data=8, shard=8, zero_stage=1, flash=1, micro_batch=batch)
        verdict = verdict_of(LLAMA, layout, cluster)
        assert may_fit(verdict.needed, cluster) == (verdict.words != "does not fit")
        if verdict.words == "does not fit":
            with pytest.raises(DoesNotFit) as refused:
                check(LLAMA, layout, cluster)
            assert refused.value.memory == verdict.to_json()
        else:
            check(LLAMA, layout, cluster)
    assert verdict.words == "does not fit"


def test_a_job_that_ran_is_not_refused() -> None:
    # shared/cases l2_70b_fsdp_a100: one sequence a GPU ran, two did not fit.
    llama = Geometry.of(build_workload("llama2-70b", 4096))
    layout = replace(ONE, data=64, shard=64, zero_stage=3, flash=1, recompute=SELECTIVE)
    cluster = of("dgx-a100-80gb", "torchtitan")
    assert verdict_of(llama, layout, cluster).words == "may not fit"
    assert verdict_of(llama, replace(layout, micro_batch=2), cluster).words == "does not fit"
    assert verdict_of(llama, replace(layout, recompute=FULL), cluster).words == "fits"


def test_the_spread_is_that_of_peaks_whose_family_was_left_out() -> None:
    logs: dict[str, list[float]] = defaultdict(list)
    # BLOOM's design study: the workspace of a release is the median of the other families'.
    seen = []
    for row in published_rows().measured.values():
        if row.memory is not None:
            job, cluster = row.jobs()[0], of(row.profile, row.software, workspace=0.0)
            layout = resolve(job.strategy, row.model, row.gpus, row.batch, cluster)
            bare = total(Geometry.of(job.workload), layout, cluster) + lost_memory(row.profile)
            seen.append((row.family, row.software, row.memory, bare))
    for family, software, measured, bare in seen:
        others = [m - b for of_family, of_software, m, b in seen if of_software == software and of_family != family]
        logs[family].append(log(measured / (bare + float(np.median(others)))))
    # B200: fresh_gradients and workspace from the other shape.
    peaks = [peak(line) for line in PEAKS.splitlines()]
    without = of("dgx-b200", "megatron-core", workspace=0.0, fresh_gradients=0.0)
    one = of("dgx-b200", "megatron-core", workspace=0.0, fresh_gradients=1.0)
    sized = [
        (shape, total(g, at, without), total(g, at, one) - total(g, at, without), m) for shape, _, g, at, m in peaks
    ]
    for shape, bare, block, measured in sized:
        others_ = np.array([(1.0, b, m - a) for other, a, b, m in sized if other != shape])
        (fixed, each), *_ = np.linalg.lstsq(others_[:, :2], others_[:, 2], rcond=None)
        logs[shape].append(log(measured / (bare + fixed + each * block)))
    weighed = sorted((abs(each), 1.0 / len(found)) for found in logs.values() for each in found)
    reached = np.cumsum([weight for _, weight in weighed]) / len(logs)
    holds = next(each for (each, _), so_far in zip(weighed, reached, strict=True) if so_far >= 0.8)
    assert holds / 1.2816 == pytest.approx(SPREAD, rel=0.05)
