"""Profiles of GPUs, of clusters of them and of the software on them, number by number with provenance."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wafersim.inputs.sourced import (
    Bandwidth,
    Count,
    Fraction,
    Frozen,
    Money,
    Portion,
    Power,
    Price,
    Rate,
    Ratio,
    Size,
    Time,
    Whole,
)


class GpuValues(Frozen):
    """One GPU and its links to the others of its node. Efficiencies are what long kernels reach of a peak."""

    peak_fp16: Rate  # dense
    peak_fp8: Rate | None = None
    peak_fp4: Rate | None = None
    memory: Size
    usable_memory: Fraction  # left by context, libraries and fragmentation
    memory_bandwidth: Bandwidth
    gemm_efficiency: Fraction
    gemm_backward: Count  # time of the two products backward over the one forward
    operand_share: Ratio | None = (
        None  # of the time that a product's operands take past the memory once, that shows; all of it unless given
    )
    group_share: Ratio | None = None  # the same of a group of products, such as those of experts
    group_latency: Time | None = None  # of each product of a group, such as those of experts; 0 unless given
    fp8_efficiency: Ratio | None = None  # of a product in fp8 over one in fp16, both relative to their peaks
    mxfp8_efficiency: Ratio | None = None  # of one with a scale for 32 elements over one in fp8; no such unless given
    nvfp4_efficiency: Ratio | None = (
        None  # of one in fp4 with a scale for 16 elements over one in fp8, both relative to their peaks
    )
    memory_efficiency: Fraction
    flash_share: (
        Count  # of the software's flash_efficiency, which is stated for the GPU that its kernel was written for
    )
    flash_tail: Count | None = (
        None  # rows of scores (a query of a head each) that its last thread blocks cost, forward; 0 unless given
    )
    flash_backward_share: Ratio | None = None  # of the rate that the software's flash_backward gives; 1 unless given
    flash_backward_tail: Count | None = None
    wide_heads: Ratio | None = None  # of the fused kernel's rate, where a head has over 128 elements; 1 unless given
    wide_heads_backward: Ratio | None = None
    attention_efficiency: Fraction  # batched products of scores and values, not fused
    misaligned_attention: Fraction  # the same where a head's dimension is no multiple of 8
    collective_bandwidth: Bandwidth  # bus bandwidth of long all-reduces in a node
    pair_bandwidth: Bandwidth  # the same between two GPUs
    switch_bandwidth: Bandwidth | None = None  # with in-switch reduction
    collective_latency: Time
    hop_latency: Time  # for each further GPU of a ring
    ramp: Count  # s / sqrt(byte) that medium sizes lose
    power: Power  # at most
    busy_share: Fraction | None = None  # of its power, in training; all of it unless given
    idle_share: Fraction | None = None  # of its power, without a job; all of it unless given


class NodeValues(Frozen):
    """Nodes of GPUs and the network between them, per direction."""

    gpus_per_node: Whole  # one domain of NVLink
    gpus_per_tray: Whole | None = None  # that a job takes together where it need not take whole nodes; else a node's
    node_bandwidth: Bandwidth  # nominal, all adapters of a node
    adapters: Whole
    collective_bandwidth: Bandwidth  # bus bandwidth of groups that have whole nodes
    gradient_bandwidth: Bandwidth | None = (
        None  # of gradient rings, one for every GPU of a node; else a share of collectives
    )
    gradient_sharing: Count  # rings with r > 1 GPUs of a node reach this times r times that
    p2p_bandwidth: Bandwidth  # of all GPUs of a node together, point to point
    latency: Time
    rank_latency: Time  # for each further GPU of a ring between nodes
    host_power: Power  # of a node, without its GPUs; at most
    host_busy_share: Fraction | None = None  # of it, in training; all of it unless given
    host_idle_share: Fraction | None = None
    switch_power: Power | None = None  # of a node's share of the switches between nodes; none are counted unless given
    gpus: Whole | None = None  # installed
    price: Price | None = None  # of a GPU with its share of node and switches, as whoever lets it has them
    purchase: Money | None = None  # of a GPU with its share of the node
    switch_cost: Portion | None = (
        None  # of what nodes and the switches between them cost, the switches; none unless given
    )


class SoftwareValues(Frozen):
    """A training stack's kernels, launches and habits. Bytes are read and written by kernels that are not fused."""

    hidden_traffic: Count  # bytes per token and hidden element of a block, forward
    split_traffic: Count  # bytes per token and element that tensor parallelism splits, forward
    score_traffic: Count  # bytes per attention score where attention is not fused, forward
    backward_traffic: Count  # backward over forward
    flash_efficiency: Fraction  # of the fused attention kernel, forward
    flash_backward: Count  # its time backward over forward
    vocabulary_traffic: Count  # bytes per logit, both passes
    embedding_traffic: Count  # bytes per token and hidden element, both passes
    accumulation_traffic: Count  # bytes per parameter and micro-batch
    optimizer_traffic: Count  # bytes per parameter and step
    gradient_bytes: Count  # of a gradient in collectives
    gradient_storage: Count  # of a gradient in memory
    fresh_gradients: (
        Count  # bytes a parameter of one block, as its backward pass makes gradients, before they are added
    )
    workspace: Size  # of communicators, flattened buckets and what the allocator cannot use, besides usable_memory
    mask_bytes: Count  # of dropout, per token and hidden element of a block
    bucket: Size  # gradients that are reduced together
    launch_forward: Time  # of the host, per block and micro-batch
    launch_backward: Time
    launch_collective: Time  # per pass and further GPU of the tensor-parallel group
    launch_experts: Time  # forward, of a block with routed experts: router, sorting, waiting for its counts
    launch_expert: Time  # forward, of each expert that a GPU has
    sort_traffic: (
        Count  # bytes of a copy's hidden element each time copies are put into another order, without a capacity
    )
    launch_unfused: Time  # forward, where the fused softmax cannot run
    launch_head: Time
    launch_embedding: Time
    launch_micro_batch: Time
    host_factor: Count  # all launches, relative to a healthy installation
    step_time: Time
    step_time_per_block: Time
    overlap_cost: Count  # compute lost per second of collectives beside it
    tensor_exposed: Fraction  # share of the collectives inside layers that products do not hide
    collective_share: Fraction  # of the network's bandwidth that gradients and sharded weights reach
    selective_share: Fraction  # of the forward pass that selective recompute repeats besides the scores


class _Profile(Frozen):
    name: str
    title: str
    aliases: tuple[str, ...] = ()


class GpuProfile(_Profile):
    kind: Literal["gpu"]
    values: GpuValues
    rings: dict[int, Fraction] = Field(default_factory=dict)  # GPUs -> share of collective_bandwidth


class GpuClusterProfile(_Profile):
    kind: Literal["gpu-cluster"]
    gpu: str | GpuProfile
    software: str | GpuSoftwareProfile  # unless the experiment names another
    values: NodeValues
    offers: dict[str, Price] = Field(
        default_factory=dict
    )  # other prices than its own, by a name that says whose and how long


class GpuSoftwareProfile(_Profile):
    kind: Literal["gpu-software"]
    values: SoftwareValues
    launch_blocking: bool = False  # the host waits for each kernel
    blocking_sends: bool = False  # a stage waits until what it sent has arrived
    scatter_sends: bool = False  # the GPUs of a tensor-parallel group each send their share between stages
    overlap_gradients: bool = False  # gradients are reduced beside the backward pass
    overlap_weights: bool = False  # updated weights are gathered beside the next step's first forward slot
    synchronise_micro_batches: bool = False  # sharded gradients are reduced after every micro-batch
    releases_recomputed: bool = False  # sharded weights are let go of between what is recomputed and the backward pass
    keeps_activated_gate: bool = (
        False  # a gated MLP's kernels are not fused: the activated gate is kept for the way back
    )
    exchanges_context: bool = False  # context parallelism by all-to-all, unless a job says a ring
    repeats_keys: bool = False  # keys and values are repeated for every query head before they travel around a ring
