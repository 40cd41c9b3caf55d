"""The numbers of a GPU, of the network around it and of the software on it, as the cost functions read them (SI units)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64] | float
"""A number, or one number for each layout of a column of layouts; functions broadcast."""


@dataclass(frozen=True)
class Device:
    """One GPU. Efficiencies are shares of the peaks that long kernels reach."""

    peak_fp16: float  # FLOP/s, dense
    peak_fp8: float  # 0: the device has none
    peak_fp4: float
    memory: float  # bytes that a job can use
    memory_bandwidth: float  # bytes/s
    gemm_efficiency: float
    gemm_backward: float  # time of the two products of the backward pass over that of the forward product
    operand_share: float  # of the time that a product's operands take past the memory once, that shows
    fp8_efficiency: float  # of a product in fp8 over one in 16 bits, both relative to their peaks
    mxfp8_efficiency: float  # of one with a scale for 32 elements over one in fp8
    nvfp4_efficiency: float  # of one in fp4 with a scale for 16 elements over one in fp8, both relative to their peaks
    memory_efficiency: float
    group_share: float  # the same of a group of products, such as those of experts, whose matrices are met once each
    group_latency: float  # s, of each product of a group, such as those of experts
    flash_share: (
        float  # of `flash_efficiency`, which is stated for a full-power GPU of the generation it was written for
    )
    flash_tail: float  # rows of scores that a fused kernel's last thread blocks cost, forward
    flash_backward_share: float  # of the rate that the software's `flash_backward` gives
    flash_backward_tail: float
    wide_heads: float  # of the fused kernel's rate, where a head's query has over 128 elements
    wide_heads_backward: float
    attention_efficiency: float  # of batched score products without a fused kernel
    misaligned_attention: float  # the same where a head's dimension is no multiple of 8
    collective_bandwidth: float  # bus bandwidth of long all-reduces between the GPUs of a node, bytes/s
    pair_bandwidth: float  # the same between two GPUs
    rings: dict[int, float]  # group size -> share of collective_bandwidth; sizes between have that of the next smaller
    switch_bandwidth: float  # bus bandwidth with in-switch reduction; 0: none
    collective_latency: float  # s, of any collective
    hop_latency: float  # s, for each further GPU of a ring
    ramp: float  # s / sqrt(byte): what medium sizes lose


@dataclass(frozen=True)
class Network:
    """Nodes and what lies between them."""

    gpus_per_node: int
    node_bandwidth: float  # nominal, bytes/s per direction
    adapters: int  # that share it
    collective_bandwidth: float  # bus bandwidth of a group that has all GPUs of its nodes, bytes/s
    gradient_bandwidth: (
        float  # bus bandwidth of gradient rings where every GPU of a node is in a ring of its own, bytes/s
    )
    gradient_sharing: float  # g: rings with r > 1 GPUs of a node reach g r times that
    p2p_bandwidth: float  # of all GPUs of a node together, point to point
    latency: float  # s, of a message
    rank_latency: float  # s, for each further GPU of a ring between nodes


@dataclass(frozen=True)
class Software:
    """A training stack: traffic of its unfused kernels, its launches, what it overlaps."""

    hidden_traffic: float  # bytes per token and hidden element of a block, forward, on every tensor-parallel GPU
    split_traffic: float  # bytes per token and element of the split activations of a block, forward
    score_traffic: float  # bytes per attention score where attention is not fused, forward
    backward_traffic: float  # element-wise traffic of the backward pass over that of the forward pass
    flash_efficiency: float  # of the fused attention kernel, forward, over the scores it does not skip
    flash_backward: float  # time of a fused attention kernel backward over forward
    vocabulary_traffic: float  # bytes per logit, forward and backward
    embedding_traffic: float  # bytes per token and hidden element
    accumulation_traffic: float  # bytes per parameter and micro-batch
    optimizer_traffic: float  # bytes per parameter and step
    gradient_bytes: float  # of a gradient in collectives
    gradient_storage: float  # bytes of a gradient in memory
    weight_storage: float  # of a weight that the passes read
    optimizer_storage: float  # of a parameter's master weight and moments
    fresh_gradients: (
        float  # bytes a parameter of one block, as its backward pass makes gradients, before they are added
    )
    workspace: float  # bytes of communicators, flattened buckets and fragments
    mask_bytes: float  # of dropout, kept per token and hidden element; 0 without dropout
    launch_forward: float  # s of the host per block and micro-batch
    launch_backward: float
    launch_collective: float  # s, per pass, where collectives split the block
    launch_experts: float  # s, forward, of a block with routed experts: router, sorting, waiting for its counts
    launch_expert: float  # s, forward, of each expert that a GPU has
    sort_traffic: (
        float  # bytes of a copy's hidden element each time copies are put into another order, without a capacity
    )
    launch_unfused: float  # s, forward, where the fused softmax cannot run (a quarter of the heads must divide)
    launch_head: float
    launch_embedding: float
    launch_micro_batch: float
    launch_blocking: float  # 1: the host waits for each kernel, so its time adds; 0: the longer of the two counts
    step_time: float  # s per step
    step_time_per_block: float
    overlap_cost: float  # compute lost per second of collectives that run beside it
    tensor_exposed: float  # share of the collectives inside layers that products do not hide
    collective_share: float  # of the network's bandwidth that gradients and sharded weights reach
    selective_share: float  # of the forward pass that selective recompute repeats besides the scores
    bucket: float  # bytes of gradients that are reduced together
    host_factor: float  # all launches, relative to a healthy installation
    blocking_sends: bool
    scatter_sends: bool
    overlap_gradients: bool
    overlap_weights: bool  # updated weights are gathered beside the next step's first forward slot
    synchronise_micro_batches: bool
    releases_recomputed: bool  # sharded weights are let go of between what is recomputed and the backward pass
    keeps_activated_gate: bool  # a gated MLP's kernels are not fused: the activated gate is kept besides what made it
    exchanges_context: bool  # context parallelism by all-to-all, unless a job says a ring
    repeats_keys: bool  # keys and values are repeated for every query head before they travel around a ring


@dataclass(frozen=True)
class Cluster:
    """GPU, network and software together."""

    device: Device
    network: Network
    software: Software
