"""Modules of multi-token prediction on the last stage: each a block like the model's last one, a projection and logits.

A module joins the hidden state and the next token's embedding to one (DeepSeek-AI 2024, arXiv 2412.19437, section 2.2); its
logits are of the head's table. Megatron-Core runs them behind the last stage's blocks, and so is counted here.
"""

from __future__ import annotations

import numpy as np

from wafersim.gpu.block import block_time, head_time, tokens
from wafersim.gpu.data_parallel import Parameters, block_parameters
from wafersim.gpu.gemm import gemm
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.passes import PassTime, pass_time


def module_geometry(geometry: Geometry) -> Geometry:
    """The block of a module: with experts where the last one has them."""
    return geometry.stage(geometry.layers - 1, 1)


def prediction_parameters(geometry: Geometry, layout: Layout) -> Parameters:
    """Matrix parameters of all modules on a GPU of the last stage, without the tables they share."""
    joined = 2.0 * geometry.d_model * geometry.d_model / layout.tensor
    block = block_parameters(module_geometry(geometry), layout)
    return Parameters(block.dense + joined, block.expert).times(geometry.mtp_blocks)


def behind_blocks(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[PassTime, PassTime]:
    """(forward, backward) of what the last stage does behind its blocks: modules, and logits and loss of them and of the head.

    What a module recomputes is in its backward pass.
    """
    forward, backward = head_time(geometry, layout, cluster)
    modules = geometry.mtp_blocks
    if not np.any(modules):
        return forward, backward
    block = block_time(module_geometry(geometry), layout, cluster)
    n, h = tokens(geometry, layout), geometry.d_model
    joined = gemm(n, 2.0 * h, h / layout.tensor, cluster.device, layout.fp8)
    nothing = 0.0 * joined
    joins = [
        pass_time(products, nothing, nothing, nothing, nothing, cluster)
        for products in (joined, cluster.device.gemm_backward * joined)
    ]
    more = block.forward + joins[0] + forward, block.backward + block.recompute + joins[1] + backward
    return forward + more[0].scaled(modules), backward + more[1].scaled(modules)
