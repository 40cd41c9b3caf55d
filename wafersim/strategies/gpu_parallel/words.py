"""What the parts, resources, memory and tasks of a step on GPUs are called."""

from __future__ import annotations

from wafersim.strategies import palette
from wafersim.strategies.words import Dial, Improvement, Part, Words

WORDS = Words(
    kind="gpu",
    one="GPU",
    many="GPUs",
    where=", on the busiest stage",
    works="The busiest GPU computes",
    parts=(
        Part(
            "compute", "compute", "compute", palette.BLUE, "GPU compute",
            "the GPUs themselves: less recompute, fp8, or more of them", working=True,
        ),
        Part(
            "recompute", "recompute", "recompute", palette.SKY, "GPU compute",
            "the GPUs themselves: less recompute, fp8, or more of them", working=True,
        ),
        Part(
            "launch", "launches", "kernel launches", palette.WINE, "kernel launches (host)",
            "the host cannot launch fast enough: a larger micro-batch, fused kernels or fewer tensor-parallel GPUs",
        ),
        Part(
            "tensor", "in-layer collectives", "collectives inside layers", palette.ORANGE, "collectives inside layers",
            "tensor parallelism talks too much: a smaller tensor-parallel group", traffic=True,
        ),
        Part(
            "bubble", "bubble", "pipeline bubble", palette.SILVER, "pipeline bubble",
            "stages wait: more micro-batches, virtual stages or fewer stages",
        ),
        Part(
            "sends", "sends", "transfers between stages", palette.RED, "transfers between stages",
            "stages wait for transfers: fewer stages, or sends that do not block", traffic=True,
        ),
        Part(
            "data", "data-parallel", "data-parallel collectives", palette.WHEAT, "data-parallel collectives",
            "gradients or weights travel too slowly: a larger batch, overlap or faster links between nodes", traffic=True,
        ),
        Part(
            "optimizer", "optimizer", "optimizer", palette.GREEN, "optimizer",
            "the optimizer: a larger batch spreads it, sharded states divide it",
        ),
    ),
    memory_title="Memory of the fullest GPU (GB)",
    memory=(
        ("weights_bytes", "weights"),
        ("gradients_bytes", "gradients"),
        ("optimizer_bytes", "optimizer"),
        ("activations_bytes", "activations"),
        ("buffers_bytes", "buffers"),
    ),
    tasks=(
        ("update", "optimizer"),
        ("send", "sends"),
        ("gather", "gathers of weights"),
        ("scatter", "gradient reduction"),
        ("tie", "tied embeddings"),
        ("norm", "gradient norm"),
    ),
    on_circuit=(
        ("send", "sends"),
        ("gather", "data"),
        ("scatter", "data"),
        ("tie", "data"),
        ("norm", "optimizer"),
        ("update", "optimizer"),
    ),
    improvements=(
        Improvement("GPU peak x2", (("gpu.peak_fp16", 2.0),)),
        Improvement("GPU memory x2", (("gpu.memory", 2.0), ("gpu.usable_memory", 2.0))),
        Improvement("GPU memory bandwidth x2", (("gpu.memory_bandwidth", 2.0),)),
        Improvement("links within a node x2", (("gpu.collective_bandwidth", 2.0), ("gpu.pair_bandwidth", 2.0))),
        Improvement(
            "network between nodes x2",
            (
                ("network.node_bandwidth", 2.0), ("network.collective_bandwidth", 2.0), ("network.gradient_bandwidth", 2.0),
                ("network.p2p_bandwidth", 2.0),
            ),
        ),
        Improvement(
            "launches at half their time",
            (
                ("software.launch_forward", 0.5), ("software.launch_backward", 0.5), ("software.launch_collective", 0.5),
                ("software.launch_unfused", 0.5), ("software.launch_head", 0.5), ("software.launch_embedding", 0.5),
                ("software.launch_micro_batch", 0.5),
            ),
        ),
    ),
    dials=(
        Dial(
            "network", "Network between nodes",
            ("network.node_bandwidth", "network.collective_bandwidth", "network.gradient_bandwidth", "network.p2p_bandwidth"),
        ),
        Dial("memory", "Memory bandwidth of a GPU", ("gpu.memory_bandwidth",)),
    ),
)  # fmt: skip
