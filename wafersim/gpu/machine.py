"""The numbers of a GPU, of the network around it and of the software on it, as the cost functions read them (SI units).

Of one machine they are numbers; of several, which share flags, whole numbers and rings, each may be a column (`machines`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64] | float
"""A number, or one for each layout of a column of layouts or each machine of a column of machines; functions broadcast."""

Flags = npt.NDArray[np.bool_] | bool
"""The same of what is or is not."""


@dataclass(frozen=True)
class Device:
    """One GPU. Efficiencies are shares of the peaks that long kernels reach."""

    peak_fp16: Column  # FLOP/s, dense
    peak_fp8: Column  # 0: the device has none
    peak_fp4: Column
    memory: Column  # bytes that a job can use
    memory_bandwidth: Column  # bytes/s
    gemm_efficiency: Column
    gemm_backward: Column  # time of the two products of the backward pass over that of the forward product
    operand_share: Column  # of the time that a product's operands take past the memory once, that shows
    fp8_efficiency: Column  # of a product in fp8 over one in 16 bits, both relative to their peaks
    mxfp8_efficiency: Column  # of one with a scale for 32 elements over one in fp8
    nvfp4_efficiency: Column  # of one in fp4 with a scale for 16 elements over one in fp8, both relative to their peaks
    memory_efficiency: Column
    group_share: Column  # the same of a group of products, such as those of experts, whose matrices are met once each
    group_latency: Column  # s, of each product of a group, such as those of experts
    flash_share: (
        Column  # of `flash_efficiency`, which is stated for a full-power GPU of the generation it was written for
    )
    flash_tail: Column  # rows of scores that a fused kernel's last thread blocks cost, forward
    flash_backward_share: Column  # of the rate that the software's `flash_backward` gives
    flash_backward_tail: Column
    wide_heads: Column  # of the fused kernel's rate, where a head's query has over 128 elements
    wide_heads_backward: Column
    attention_efficiency: Column  # of batched score products without a fused kernel
    misaligned_attention: Column  # the same where a head's dimension is no multiple of 8
    collective_bandwidth: Column  # bus bandwidth of long all-reduces between the GPUs of a node, bytes/s
    pair_bandwidth: Column  # the same between two GPUs
    # Group size -> share of collective_bandwidth; sizes between have that of the next smaller.
    rings: dict[int, float] = field(hash=False)
    switch_bandwidth: Column  # bus bandwidth with in-switch reduction; 0: none
    collective_latency: Column  # s, of any collective
    hop_latency: Column  # s, for each further GPU of a ring
    ramp: Column  # s / sqrt(byte): what medium sizes lose
    switched: Column = 0.8  # of a ring's rate, which an all-to-all reaches through the switch of a node: assumed


@dataclass(frozen=True)
class Network:
    """Nodes and what lies between them."""

    gpus_per_node: int
    node_bandwidth: Column  # nominal, bytes/s per direction
    adapters: int  # that share it
    collective_bandwidth: Column  # bus bandwidth of a group that has all GPUs of its nodes, bytes/s
    gradient_bandwidth: (
        Column  # bus bandwidth of gradient rings where every GPU of a node is in a ring of its own, bytes/s
    )
    gradient_sharing: Column  # g: rings with r > 1 GPUs of a node reach g r times that
    p2p_bandwidth: Column  # of all GPUs of a node together, point to point
    latency: Column  # s, of a message
    rank_latency: Column  # s, for each further GPU of a ring between nodes


@dataclass(frozen=True)
class Software:
    """A training stack: traffic of its unfused kernels, its launches, what it overlaps."""

    hidden_traffic: Column  # bytes per token and hidden element of a block, forward, on every tensor-parallel GPU
    split_traffic: Column  # bytes per token and element of the split activations of a block, forward
    score_traffic: Column  # bytes per attention score where attention is not fused, forward
    backward_traffic: Column  # element-wise traffic of the backward pass over that of the forward pass
    flash_efficiency: Column  # of the fused attention kernel, forward, over the scores it does not skip
    flash_backward: Column  # time of a fused attention kernel backward over forward
    vocabulary_traffic: Column  # bytes per logit, forward and backward
    embedding_traffic: Column  # bytes per token and hidden element
    accumulation_traffic: Column  # bytes per parameter and micro-batch
    optimizer_traffic: Column  # bytes per parameter and step
    gradient_bytes: Column  # of a gradient in collectives
    gradient_storage: Column  # bytes of a gradient in memory
    weight_storage: Column  # of a weight that the passes read
    optimizer_storage: Column  # of a parameter's master weight and moments
    fresh_gradients: (
        Column  # bytes a parameter of one block, as its backward pass makes gradients, before they are added
    )
    workspace: Column  # bytes of communicators, flattened buckets and fragments
    mask_bytes: Column  # of dropout, kept per token and hidden element; 0 without dropout
    launch_forward: Column  # s of the host per block and micro-batch
    launch_backward: Column
    launch_collective: Column  # s, per pass, where collectives split the block
    launch_experts: Column  # s, forward, of a block with routed experts: router, sorting, waiting for its counts
    launch_expert: Column  # s, forward, of each expert that a GPU has
    sort_traffic: (
        Column  # bytes of a copy's hidden element each time copies are put into another order, without a capacity
    )
    launch_unfused: Column  # s, forward, where the fused softmax cannot run (a quarter of the heads must divide)
    launch_head: Column
    launch_embedding: Column
    launch_micro_batch: Column
    launch_blocking: Column  # 1: the host waits for each kernel, so its time adds; 0: the longer of the two counts
    step_time: Column  # s per step
    step_time_per_block: Column
    overlap_cost: Column  # compute lost per second of collectives that run beside it
    tensor_exposed: Column  # share of the collectives inside layers that products do not hide
    collective_share: Column  # of the network's bandwidth that gradients and sharded weights reach
    selective_share: Column  # of the forward pass that selective recompute repeats besides the scores
    bucket: Column  # bytes of gradients that are reduced together
    host_factor: Column  # all launches, relative to a healthy installation
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
