"""A GPU cluster's profile as the cost functions read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from wafersim.errors import WafersimError
from wafersim.gpu.gemm import FP16_BYTES
from wafersim.gpu.machine import Cluster, Device, Network, Software
from wafersim.inputs.gpu_profile import GpuProfile, GpuSoftwareProfile, NodeValues
from wafersim.inputs.machine import GpuMachine
from wafersim.inputs.optimizer import OPTIMIZERS, REFERENCE, OptimizerName, OptimizerStates
from wafersim.inputs.sourced import Sourced
from wafersim.inputs.strategy import StatesSpec

STATE_BYTES: Mapping[str, float] = {
    "fp32": 4.0,
    "bf16": FP16_BYTES,
    "fp8": 1.0,
    "8-bit": 1.0,
    "none": 0.0,
}  # an element
FP32_BYTES = STATE_BYTES["fp32"]


@lru_cache(maxsize=64)
def cluster_of(
    machine: GpuMachine,
    overlap_gradients: bool | None = None,
    optimizer: OptimizerName = REFERENCE,
    states: StatesSpec | None = None,
) -> Cluster:
    """GPU, network and software in SI units; `overlap_gradients` and `states` override the software's habit.

    An update's traffic is the software's for the reference optimizer; another one's, or that of states in another precision, is
    as much more or less as its states are.
    """
    states, software = states or StatesSpec(), software_of(machine.software)
    kept = states_of(OPTIMIZERS[optimizer], states)
    traffic = software.optimizer_traffic * kept.moved / OPTIMIZERS[REFERENCE].moved
    software = replace(software, optimizer_traffic=traffic, optimizer_storage=kept.stored)
    if states.weights != "auto":
        software = replace(software, weight_storage=STATE_BYTES[states.weights])
    if states.gradients != "auto":
        size = STATE_BYTES[states.gradients]
        software = replace(software, gradient_storage=size, gradient_bytes=size)
    if overlap_gradients is not None:
        software = replace(software, overlap_gradients=overlap_gradients)
    return Cluster(device_of(machine.gpu), network_of(machine.network.values), software)


def states_of(optimizer: OptimizerStates, states: StatesSpec) -> OptimizerStates:
    """An optimizer's states in the precision asked for: a moment in 16 bits takes half of its fp32 bytes, in 8 a quarter."""
    if states.master != "auto":
        optimizer = replace(optimizer, master=STATE_BYTES[states.master])
    if states.moments != "auto":
        optimizer = replace(optimizer, moments=optimizer.moments * STATE_BYTES[states.moments] / FP32_BYTES)
    if states.gradients != "auto":
        optimizer = replace(optimizer, gradient=STATE_BYTES[states.gradients])
    return optimizer


def device_of(profile: GpuProfile) -> Device:
    """One GPU; its memory is what a job can use."""
    v = profile.values
    for peak, efficiency in (("peak_fp8", "fp8_efficiency"), ("peak_fp4", "nvfp4_efficiency")):
        if (getattr(v, peak) is None) != (getattr(v, efficiency) is None):
            given, missing = (efficiency, peak) if getattr(v, peak) is None else (peak, efficiency)
            precision = efficiency.partition("_")[0]
            raise WafersimError(f"{profile.name} has {given} and no {missing}; {precision} needs both")
    if v.mxfp8_efficiency is not None and v.peak_fp8 is None:
        raise WafersimError(f"{profile.name} has mxfp8_efficiency and no peak_fp8; mxfp8 needs both")
    return Device(
        peak_fp16=v.peak_fp16.value,
        peak_fp8=_given(v.peak_fp8, 0.0),
        peak_fp4=_given(v.peak_fp4, 0.0),
        memory=v.memory.value * v.usable_memory.value,
        memory_bandwidth=v.memory_bandwidth.value,
        gemm_efficiency=v.gemm_efficiency.value,
        gemm_backward=v.gemm_backward.value,
        operand_share=_given(v.operand_share, 1.0),
        group_share=_given(v.group_share, 1.0),
        group_latency=_given(v.group_latency, 0.0),
        fp8_efficiency=_given(v.fp8_efficiency, 0.0),
        mxfp8_efficiency=_given(v.mxfp8_efficiency, 0.0),
        nvfp4_efficiency=_given(v.nvfp4_efficiency, 0.0),
        memory_efficiency=v.memory_efficiency.value,
        flash_share=v.flash_share.value,
        flash_tail=_given(v.flash_tail, 0.0),
        flash_backward_share=_given(v.flash_backward_share, 1.0),
        flash_backward_tail=_given(v.flash_backward_tail, 0.0),
        wide_heads=_given(v.wide_heads, 1.0),
        wide_heads_backward=_given(v.wide_heads_backward, 1.0),
        attention_efficiency=v.attention_efficiency.value,
        misaligned_attention=v.misaligned_attention.value,
        collective_bandwidth=v.collective_bandwidth.value,
        pair_bandwidth=v.pair_bandwidth.value,
        rings={n: share.value for n, share in profile.rings.items()},
        switch_bandwidth=_given(v.switch_bandwidth, 0.0),
        collective_latency=v.collective_latency.value,
        hop_latency=v.hop_latency.value,
        ramp=v.ramp.value,
    )


def _given(number: Sourced | None, usual: float) -> float:
    return usual if number is None else number.value


def network_of(values: NodeValues) -> Network:
    """Nodes and the network between them; gradient rings share what a group of whole nodes reaches unless they have a rate."""
    own = values.gradient_bandwidth
    gradients = own.value if own is not None else values.collective_bandwidth.value / values.gpus_per_node.value
    return Network(
        gpus_per_node=int(values.gpus_per_node.value),
        node_bandwidth=values.node_bandwidth.value,
        adapters=int(values.adapters.value),
        collective_bandwidth=values.collective_bandwidth.value,
        gradient_bandwidth=gradients,
        gradient_sharing=values.gradient_sharing.value,
        p2p_bandwidth=values.p2p_bandwidth.value,
        latency=values.latency.value,
        rank_latency=values.rank_latency.value,
    )


def software_of(profile: GpuSoftwareProfile) -> Software:
    """A training stack."""
    numbers = {name: number.value for name, number in profile.values}
    return Software(
        **numbers,
        weight_storage=FP16_BYTES,
        optimizer_storage=OPTIMIZERS[REFERENCE].stored,
        launch_blocking=float(profile.launch_blocking),
        blocking_sends=profile.blocking_sends,
        scatter_sends=profile.scatter_sends,
        overlap_gradients=profile.overlap_gradients,
        overlap_weights=profile.overlap_weights,
        synchronise_micro_batches=profile.synchronise_micro_batches,
        releases_recomputed=profile.releases_recomputed,
        keeps_activated_gate=profile.keeps_activated_gate,
        exchanges_context=profile.exchanges_context,
        repeats_keys=profile.repeats_keys,
    )
