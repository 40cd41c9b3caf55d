"""Machines on which one thing alone takes time: on them a cost in ticks is a count of bytes, or of FLOPs by the 1,024.

What a product costs is its FLOPs at a rate and its operands at another; a cost function says only the sum. Where every rate but
one is infinite and no latency counts, the same function says what is paid at that rate. So a slice of a step can tell its FLOPs
and bytes without a second formula for them, and a search that asks for seconds alone works out nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import NamedTuple

from wafersim.gpu.machine import Cluster, Device, Network, Software
from wafersim.timeline.clock import TICKS_PER_SECOND

FLOPS = 1024  # a tick: the clock ends at 10^17
ANY = 2**30  # GPUs of a node: all there are, so that every link is alike
GRADIENTS = 2.0  # products of a backward pass for each forward: of inputs and of weights


class Meters(NamedTuple):
    """The three of a machine. What its software does, and in which order, is the same on each."""

    flops: Cluster  # of matrix products, attention's with them; what a fused kernel repeats inside is left out, as MFU does
    memory: Cluster  # bytes past the GPU's memory: operands, element-wise kernels, optimizer; a fused attention kernel moves none
    links: Cluster  # bytes that a GPU sends, as rings send them


def meters(cluster: Cluster) -> Meters:
    """Of one machine."""
    one = float(TICKS_PER_SECOND)
    software, memory = _software(cluster.software), float(cluster.device.memory)
    devices = _device(memory, flops=FLOPS * one), _device(memory, traffic=one), _device(memory, links=one)
    return Meters(*(Cluster(device, _network(), software) for device in devices))


def _device(memory: float, flops: float = inf, traffic: float = inf, links: float = inf) -> Device:
    """A GPU of these rates, which every kernel reaches."""
    return Device(
        peak_fp16=flops,
        peak_fp8=flops,
        peak_fp4=flops,
        memory=memory,
        memory_bandwidth=traffic,
        gemm_efficiency=1.0,
        gemm_backward=GRADIENTS,
        operand_share=1.0,
        fp8_efficiency=1.0,
        mxfp8_efficiency=1.0,
        nvfp4_efficiency=1.0,
        memory_efficiency=1.0,
        group_share=1.0,
        group_latency=0.0,
        flash_share=1.0,
        flash_tail=0.0,
        flash_backward_share=1.0,
        flash_backward_tail=0.0,
        wide_heads=1.0,
        wide_heads_backward=1.0,
        attention_efficiency=1.0,
        misaligned_attention=1.0,
        collective_bandwidth=links,
        pair_bandwidth=links,
        rings={},
        switch_bandwidth=0.0,
        collective_latency=0.0,
        hop_latency=0.0,
        ramp=0.0,
        switched=1.0,
    )


def _network() -> Network:
    """One node."""
    return Network(
        gpus_per_node=ANY,
        node_bandwidth=inf,
        adapters=1,
        collective_bandwidth=inf,
        gradient_bandwidth=inf,
        gradient_sharing=1.0,
        p2p_bandwidth=inf,
        latency=0.0,
        rank_latency=0.0,
    )


def _software(software: Software) -> Software:
    """The stack with no time of its own, that hides nothing and slows nothing down."""
    return replace(
        software,
        flash_efficiency=1.0,
        flash_backward=GRADIENTS,
        launch_blocking=0.0,
        step_time=0.0,
        step_time_per_block=0.0,
        overlap_cost=0.0,
        tensor_exposed=1.0,
        collective_share=1.0,
        host_factor=0.0,
    )
