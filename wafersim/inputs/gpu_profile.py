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
    Named,
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

    peak_fp16: Rate = Field(description="Dense products in 16 bits.")
    peak_fp8: Rate | None = Field(default=None, description="Dense products in 8 bits; none unless given.")
    peak_fp4: Rate | None = Field(default=None, description="Dense products in 4 bits; none unless given.")
    memory: Size = Field(description="Of the GPU, as its datasheet has it.")
    usable_memory: Fraction = Field(description="Share of the memory that context, libraries and fragmentation leave.")
    memory_bandwidth: Bandwidth = Field(description="Of reads and writes together.")
    gemm_efficiency: Fraction = Field(description="What long products reach of the peak.")
    gemm_backward: Count = Field(description="Time of the two products backward over the one forward, a ratio.")
    operand_share: Ratio | None = Field(
        default=None,
        description="Share of the time that a product's operands take past the memory once, that shows; all of it unless given.",
    )
    group_share: Ratio | None = Field(
        default=None, description="The same share of a group of products, such as those of experts."
    )
    group_latency: Time | None = Field(
        default=None, description="Of each product of a group, such as those of experts; 0 unless given."
    )
    fp8_efficiency: Ratio | None = Field(
        default=None, description="Rate of a product in fp8 over one in fp16, both relative to their peaks."
    )
    mxfp8_efficiency: Ratio | None = Field(
        default=None,
        description="Rate of one with a scale for 32 elements over one in fp8; no such products unless given.",
    )
    nvfp4_efficiency: Ratio | None = Field(
        default=None,
        description="Rate of one in fp4 with a scale for 16 elements over one in fp8, both relative to their peaks.",
    )
    memory_efficiency: Fraction = Field(description="What long element-wise kernels reach of the memory's bandwidth.")
    flash_share: Count = Field(
        description="Factor of the software's `flash_efficiency`, which is stated for the GPU that its kernel was written for."
    )
    flash_tail: Count | None = Field(
        default=None,
        description="Rows of scores (a query of a head each) that its last thread blocks cost, forward; 0 unless given.",
    )
    flash_backward_share: Ratio | None = Field(
        default=None, description="Share of the rate that the software's `flash_backward` gives; 1 unless given."
    )
    flash_backward_tail: Count | None = Field(default=None, description="As `flash_tail`, backward: rows of scores.")
    wide_heads: Ratio | None = Field(
        default=None,
        description="Share of the fused kernel's rate, where a head has over 128 elements; 1 unless given.",
    )
    wide_heads_backward: Ratio | None = Field(default=None, description="The same share backward.")
    attention_efficiency: Fraction = Field(
        description="What batched products of scores and values, not fused, reach of the peak."
    )
    misaligned_attention: Fraction = Field(description="What they reach where a head's dimension is no multiple of 8.")
    collective_bandwidth: Bandwidth = Field(description="Bus bandwidth of long all-reduces in a node.")
    pair_bandwidth: Bandwidth = Field(description="The same between two GPUs.")
    switch_bandwidth: Bandwidth | None = Field(
        default=None, description="The same with in-switch reduction; none unless given."
    )
    collective_latency: Time = Field(description="Of a collective in a node.")
    hop_latency: Time = Field(description="For each further GPU of a ring.")
    ramp: Count = Field(description="s / sqrt(byte) that collectives of medium sizes lose.")
    power: Power = Field(description="Of a GPU at most.")
    busy_share: Fraction | None = Field(
        default=None, description="Share of its power that is drawn in training; all of it unless given."
    )
    idle_share: Fraction | None = Field(
        default=None, description="Share of its power that is drawn without a job; all of it unless given."
    )


class NodeValues(Frozen):
    """Nodes of GPUs and the network between them, per direction."""

    gpus_per_node: Whole = Field(description="GPUs of one domain of NVLink.")
    gpus_per_tray: Whole | None = Field(
        default=None,
        description="GPUs that a job takes together where it need not take whole nodes; a node's unless given.",
    )
    node_bandwidth: Bandwidth = Field(description="Nominal, of all adapters of a node, per direction.")
    adapters: Whole = Field(description="Network adapters of a node.")
    collective_bandwidth: Bandwidth = Field(description="Bus bandwidth of groups that have whole nodes.")
    gradient_bandwidth: Bandwidth | None = Field(
        default=None,
        description="Of gradient rings, one for every GPU of a node; a share of `collective_bandwidth` unless given.",
    )
    gradient_sharing: Count = Field(
        description="Factor: rings with r > 1 GPUs of a node reach this times r times `gradient_bandwidth`."
    )
    p2p_bandwidth: Bandwidth = Field(description="Of all GPUs of a node together, point to point.")
    latency: Time = Field(description="Of a message between nodes.")
    rank_latency: Time = Field(description="For each further GPU of a ring between nodes.")
    host_power: Power = Field(description="Of a node without its GPUs, at most.")
    host_busy_share: Fraction | None = Field(
        default=None, description="Share of the host power that is drawn in training; all of it unless given."
    )
    host_idle_share: Fraction | None = Field(
        default=None, description="Share of the host power that is drawn without a job; all of it unless given."
    )
    switch_power: Power | None = Field(
        default=None, description="Of a node's share of the switches between nodes; none are counted unless given."
    )
    gpus: Whole | None = Field(default=None, description="GPUs that are installed; of any number unless given.")
    price: Price | None = Field(
        default=None,
        description="Of an hour of a GPU with its share of node and switches, as whoever lets it has them.",
    )
    purchase: Money | None = Field(default=None, description="Of a GPU with its share of the node, bought.")
    switch_cost: Portion | None = Field(
        default=None,
        description="Share of what nodes and the switches between them cost that the switches are; none unless given.",
    )


class SoftwareValues(Frozen):
    """A training stack's kernels, launches and habits. Bytes are read and written by kernels that are not fused."""

    hidden_traffic: Count = Field(description="Bytes per token and hidden element of a block, forward.")
    split_traffic: Count = Field(description="Bytes per token and element that tensor parallelism splits, forward.")
    score_traffic: Count = Field(description="Bytes per attention score where attention is not fused, forward.")
    backward_traffic: Count = Field(description="Traffic backward over forward, a ratio.")
    flash_efficiency: Fraction = Field(description="What the fused attention kernel reaches of the peak, forward.")
    flash_backward: Count = Field(description="The fused kernel's time backward over forward, a ratio.")
    vocabulary_traffic: Count = Field(description="Bytes per logit, both passes.")
    embedding_traffic: Count = Field(description="Bytes per token and hidden element, both passes.")
    accumulation_traffic: Count = Field(description="Bytes per parameter and micro-batch.")
    optimizer_traffic: Count = Field(description="Bytes per parameter and step.")
    gradient_bytes: Count = Field(description="Bytes of a gradient in collectives.")
    gradient_storage: Count = Field(description="Bytes of a gradient in memory.")
    fresh_gradients: Count = Field(
        description="Bytes per parameter of one block, as its backward pass makes gradients, before they are added."
    )
    workspace: Size = Field(
        description="Of communicators, flattened buckets and what the allocator cannot use, besides `usable_memory`."
    )
    mask_bytes: Count = Field(description="Bytes of dropout, per token and hidden element of a block.")
    bucket: Size = Field(description="Gradients that are reduced together.")
    launch_forward: Time = Field(description="Of the host, per block and micro-batch, forward.")
    launch_backward: Time = Field(description="The same backward.")
    launch_collective: Time = Field(description="Of the host, per pass and further GPU of the tensor-parallel group.")
    launch_experts: Time = Field(
        description="Of the host, forward, of a block with routed experts: router, sorting, waiting for its counts."
    )
    launch_expert: Time = Field(description="Of the host, forward, of each expert that a GPU has.")
    sort_traffic: Count = Field(
        description="Bytes of a copy's hidden element each time copies are put into another order, without a capacity."
    )
    launch_unfused: Time = Field(description="Of the host, forward, where the fused softmax cannot run.")
    launch_head: Time = Field(description="Of the host, for the logits of a micro-batch.")
    launch_embedding: Time = Field(description="Of the host, for the look-up of a micro-batch.")
    launch_micro_batch: Time = Field(description="Of the host, for a micro-batch besides its blocks.")
    host_factor: Count = Field(description="Factor of all launches, relative to a healthy installation.")
    step_time: Time = Field(description="Of every step besides all that is simulated.")
    step_time_per_block: Time = Field(description="The same for each block.")
    overlap_cost: Count = Field(description="Seconds of compute lost per second of collectives beside it, a ratio.")
    tensor_exposed: Fraction = Field(description="Share of the collectives inside layers that products do not hide.")
    collective_share: Fraction = Field(
        description="Share of the network's bandwidth that gradients and sharded weights reach."
    )
    selective_share: Fraction = Field(
        description="Share of the forward pass that selective recompute repeats besides the scores."
    )


class GpuProfile(Named):
    kind: Literal["gpu"] = Field(description="Of a GPU: `gpu`.")
    values: GpuValues = Field(description="Its numbers.")
    rings: dict[int, Fraction] = Field(
        default_factory=dict, description="Number of GPUs in a ring -> share of `collective_bandwidth` that it reaches."
    )


class GpuClusterProfile(Named):
    kind: Literal["gpu-cluster"] = Field(description="Of a cluster of GPUs: `gpu-cluster`.")
    gpu: str | GpuProfile = Field(description="Its GPU: a profile by name, or its fields.")
    software: str | GpuSoftwareProfile = Field(
        description="Its training stack, unless the experiment names another: a profile by name, or its fields."
    )
    values: NodeValues = Field(description="Numbers of its nodes and network.")
    offers: dict[str, Price] = Field(
        default_factory=dict, description="Other prices than its own, by a name that says whose and for how long."
    )


class GpuSoftwareProfile(Named):
    kind: Literal["gpu-software"] = Field(description="Of a training stack: `gpu-software`.")
    values: SoftwareValues = Field(description="Its numbers.")
    launch_blocking: bool = Field(default=False, description="Whether the host waits for each kernel.")
    blocking_sends: bool = Field(default=False, description="Whether a stage waits until what it sent has arrived.")
    scatter_sends: bool = Field(
        default=False, description="Whether the GPUs of a tensor-parallel group each send their share between stages."
    )
    overlap_gradients: bool = Field(
        default=False, description="Whether gradients are reduced beside the backward pass."
    )
    overlap_weights: bool = Field(
        default=False, description="Whether updated weights are gathered beside the next step's first forward slot."
    )
    synchronise_micro_batches: bool = Field(
        default=False, description="Whether sharded gradients are reduced after every micro-batch."
    )
    releases_recomputed: bool = Field(
        default=False,
        description="Whether sharded weights are let go of between what is recomputed and the backward pass.",
    )
    keeps_activated_gate: bool = Field(
        default=False,
        description="Whether a gated MLP's kernels are not fused, so that the activated gate is kept for the way back.",
    )
    exchanges_context: bool = Field(
        default=False, description="Whether context parallelism is by all-to-all, unless a job says a ring."
    )
    repeats_keys: bool = Field(
        default=False,
        description="Whether keys and values are repeated for every query head before they travel around a ring.",
    )
