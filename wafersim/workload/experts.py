"""The MLP of a block: one for all tokens, or experts of which a router gives every token a few, beside shared ones."""

from __future__ import annotations

from wafersim.workload.layer import FP16_BYTES, Op, Part
from wafersim.workload.model import Model


def mlp(model: Model) -> Part:
    """One MLP of d_ffn."""
    return _mlps(model, "mlp", model.d_ffn, 1, 1)


def experts(model: Model) -> Part:
    """Routed experts, the router, and shared experts with what gates them.

    Tokens are routed evenly: each of n experts multiplies experts_per_token / n of them.
    """
    routed = _mlps(model, "mlp", model.expert_width, model.experts_per_token, model.experts)
    ops = (*routed.ops, Op("router", "matmul", model.d_model, model.experts))
    if not model.shared_ffn:
        return Part(ops, routed.kept_bytes, routed.widest)
    shared = _mlps(model, "shared mlp", model.shared_ffn, 1, 1)
    gate = (Op("shared gate", "elementwise", elements=2.0 * model.d_model),) if model.shared_gate else ()
    kept, widest = routed.kept_bytes + shared.kept_bytes, routed.widest + shared.widest
    return Part((*ops, *shared.ops, *gate), kept, widest)


def _mlps(model: Model, name: str, width: int, passed: int, matrices: int) -> Part:
    """MLPs, of which a token passes so many; kept are both sides of the activation, and of the gate where there is one."""
    h, gates = model.d_model, 2 if model.gated else 1
    ops = [
        Op(f"{name} up", "matmul", h, gates * width, share=passed, matrices=matrices),
        Op(f"{name} down", "matmul", width, h, share=passed, matrices=matrices),
    ]
    if model.gated:  # the gate meets what it multiplies
        ops.append(Op(name.replace("mlp", "gate"), "exchange", elements=float(width), share=passed))
    return Part(tuple(ops), FP16_BYTES * passed * (gates + 1) * width, passed * gates * width)
