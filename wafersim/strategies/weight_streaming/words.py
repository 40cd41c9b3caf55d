"""What the parts, resources, memory and tasks of a weight-streaming step are called."""

from __future__ import annotations

from wafersim.strategies import palette
from wafersim.strategies.words import Dial, Improvement, Part, Words

STREAM_LINKS = {"stream": "MemoryX link", "ingress": "system I/O"}
"""Links of the weight stream besides SwarmX's levels, by kind of task."""

WORDS = Words(
    kind="wafer",
    one="system",
    many="systems",
    where="",
    works="The wafer works",
    parts=(
        Part(
            "compute", "compute", "compute", palette.BLUE, "wafer compute",
            "cores at work, launches of kernels apart: a faster clock, more systems or less recompute would help", working=True,
        ),
        Part(
            "kernel_latency", "kernel latency", "kernel latency", palette.SKY, "kernel latency",
            "kernels too short for their launch: a larger micro-batch gives each of them more work", working=True,
        ),
        Part(
            "exposed_stream", "stream", "exposed weight stream", palette.ORANGE, "weight stream",
            "weights arrive too slowly: a larger micro-batch streams them less often; more link bandwidth helps", traffic=True,
        ),
        Part(
            "exposed_drain", "drain", "exposed gradient drain", palette.RED, "gradient drain",
            "gradients leave too slowly: a larger micro-batch, fp16 gradients or a faster reduce path", traffic=True,
        ),
        Part(
            "exposed_reduction", "reduction", "exposed reduction", palette.WINE, "reduction over the systems",
            "the end of the reduction over all systems: a larger batch per system gives it less weight, and so do fewer systems",
            traffic=True,
        ),
        Part(
            "exposed_activations", "activations", "exposed activation traffic", palette.VIOLET, "activation traffic (system I/O)",
            "activations on servers fill the system's I/O: keep fewer, or make the micro-batch smaller", traffic=True,
        ),
        Part(
            "exposed_input", "input", "input workers", palette.WHEAT, "input workers",
            "input workers starve the wafer: add workers",
        ),
        Part(
            "optimizer", "optimizer", "optimizer", palette.GREEN, "optimizer (MemoryX)",
            "the optimizer at MemoryX: a larger batch spreads it, no clipping overlaps it with the backward pass",
        ),
        Part(
            "fixed_latency", "fixed", "fixed latency", palette.SILVER, "fixed latency (SwarmX hops, MemoryX)",
            "hops and MemoryX's latency: a larger batch per system gives them less weight",
        ),
    ),
    memory_title="Wafer memory (GB) and activations",
    memory=(
        ("weight_buffer_bytes", "weights"),
        ("drain_buffer_bytes", "gradients"),
        ("activation_bytes", "activations"),
        ("working_set_bytes", "working set"),
    ),
    tasks=(
        ("update", "optimizer"),
        ("ingress", "system link in"),
        ("egress", "system link out"),
        ("fetch", "activations in"),
        ("offload", "activations out"),
        ("broadcast", "SwarmX down"),
        ("reduce", "SwarmX up"),
        ("stream", "MemoryX sends"),
        ("accumulate", "MemoryX adds"),
        ("read", "MemoryX reads"),
        ("tail", "reduction tail"),
    ),
    on_circuit=(
        ("stream", "exposed_stream"),
        ("broadcast", "exposed_stream"),
        ("ingress", "exposed_stream"),
        ("read", "exposed_stream"),
        ("egress", "exposed_drain"),
        ("reduce", "exposed_drain"),
        ("into MemoryX", "exposed_drain"),
        ("accumulate", "exposed_drain"),
        ("fetch", "exposed_activations"),
        ("offload", "exposed_activations"),
        ("tail", "exposed_reduction"),
        ("update", "optimizer"),
        ("latency", "fixed_latency"),
    ),
    improvements=(
        Improvement("clock x2", (("system.clock", 2.0),)),
        Improvement("SRAM x2", (("system.sram", 2.0), ("system.core_sram", 2.0))),
        Improvement("attention at half its cost", (("system.attention_cost", 0.5),)),
        Improvement("kernel launches at half their time", (("system.kernel_latency", 0.5),)),
        Improvement("system I/O x2", (("system.io_bandwidth", 2.0),)),
        Improvement("SwarmX links x2", (("swarmx.link_bandwidth", 2.0),)),
        Improvement("MemoryX I/O x2", (("memoryx.io_bandwidth", 2.0),)),
        Improvement(
            "reduction tail halved", (("swarmx.reduction_tail", 0.5), ("swarmx.reduction_tail_per_parameter", 0.5))
        ),
    ),
    dials=(
        Dial("io", "System I/O, and the SwarmX links with it", ("system.io_bandwidth", "swarmx.link_bandwidth")),
        Dial("memoryx", "MemoryX I/O", ("memoryx.io_bandwidth",)),
    ),
)  # fmt: skip
