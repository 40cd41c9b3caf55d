"""Hypothesis draws models: small, of every kind of block that a model file can say."""

from typing import Any

from hypothesis import strategies as st

from wafersim.inputs.model import ADAPTER, Model


@st.composite
def kinds(draw, layers: int, sequence: int) -> dict[str, Any]:
    """Fields of a model that make its blocks differ from dense ones with full attention, and from each other."""
    fields: dict[str, Any] = {}
    if draw(st.integers(0, 5)) == 0:
        return {"encoder_layers": draw(st.integers(1, layers)), "relative_buckets": draw(st.sampled_from([0, 32]))}
    if draw(st.booleans()):
        window = st.sampled_from([0, 1, sequence // 3 + 1, sequence, 2 * sequence])
        fields["windows"] = tuple(draw(st.lists(window, min_size=1, max_size=min(6, layers))))
        if any(fields["windows"]):
            fields["window_kind"] = draw(st.sampled_from(["sliding", "chunked"]))
    if draw(st.booleans()):
        experts = draw(st.integers(2, 16))
        dense = draw(st.integers(0, layers - 1))
        fields |= {
            "experts": experts, "experts_per_token": draw(st.integers(1, min(experts, 4))), "dense_blocks": dense,
            "expert_ffn": draw(st.sampled_from([0, 48])), "shared_ffn": draw(st.sampled_from([0, 96])),
            "expert_every": draw(st.integers(1, layers - dense)), "router_bias": draw(st.booleans()),
        }  # fmt: skip
        fields["shared_gate"] = bool(fields["shared_ffn"]) and draw(st.booleans())
    if draw(st.integers(0, 2)) == 0:
        fields |= {
            "kv_rank": draw(st.sampled_from([8, 512])), "q_rank": draw(st.sampled_from([0, 24])), "rope_head_dim": 16,
            "value_head_dim": draw(st.sampled_from([0, 24])),
        }  # fmt: skip
    else:
        fields["qk_norm"] = draw(st.sampled_from(["none", "head", "width"]))
    fields["mtp_blocks"] = draw(st.sampled_from([0, 0, 1, 2]))
    return fields


@st.composite
def small_models(draw, sequence: int) -> Model:
    """Of 1 to 5 blocks and a width of 128."""
    layers = draw(st.integers(1, 5))
    own = draw(kinds(layers, sequence))
    grouped = st.just(0) if "kv_rank" in own else st.sampled_from([0, 1, 2])
    return ADAPTER.validate_python(
        {
            "name": "drawn", "family": "drawn", "source": "drawn", "layers": layers, "d_model": 128, "heads": 4, "d_ffn": 320,
            "vocab": 1000, "max_sequence": sequence, "kv_heads": draw(grouped), "mlp": draw(st.sampled_from(["gelu", "swiglu"])),
            "position_kind": draw(st.sampled_from(["rotary", "none"])), "tied_embeddings": draw(st.booleans()),
            "block_norms": draw(st.sampled_from([1, 2, 4])), **own,
        }
    )  # fmt: skip
