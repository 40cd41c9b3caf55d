"""What a plan says of a small transformer, worked out by hand.

Width 64, 4 blocks, 4 heads, a vocabulary of 100, 32 positions: a block has 12 x 64^2 weights and 13 x 64 biases and norms,
49,984 parameters; the table 6,400, with positions 8,448; the head streams the table and its norm, 6,528. All links take a tick a
byte, so that ticks are bytes.
"""

from dataclasses import replace

import pytest

from wafersim.strategies.weight_streaming.activations import Policy, WaferMemory, wafer_memory
from wafersim.strategies.weight_streaming.layers import weight_bytes
from wafersim.strategies.weight_streaming.machine import Machine, Settings
from wafersim.strategies.weight_streaming.plan import Kernel, UpdateUnit, WeightStreamingPlan
from wafersim.strategies.weight_streaming.planner import Planned, build_plan
from wafersim.wafer.op_cost import OpCost, WaferDevice
from wafersim.workload.layer import Op
from wafersim.workload.model import Model, load_model
from wafersim.workload.transformer import workload_of

MODEL = replace(
    load_model("cerebras-gpt-111m"), layers=4, d_model=64, heads=4, kv_heads=4, head_dim=16, d_ffn=256, vocab=100,
    embedding_width=64, positions=32, max_sequence=32,
)  # fmt: skip
BLOCK, EMBEDDING, HEAD = 49_984, 8_448, 6_528
TABLE = 6_400
A_TICK_A_BYTE = 1e12
DEVICE = WaferDevice(
    cores=4, simd_width=4, clock=1e9, grid_rows=2, grid_columns=2, weight_issue=1, group_cost=1, attention_cost=1,
    elementwise_cost=1, exchange_cost=1, kernel_latency=0,
)  # fmt: skip
MACHINE = Machine(
    device=DEVICE, sram=1e9, sram_reserved=0.1, system_bandwidth=A_TICK_A_BYTE, memoryx_bandwidth=A_TICK_A_BYTE,
    memoryx_latency=30e-12, accumulate_bandwidth=A_TICK_A_BYTE, optimizer_bandwidth=A_TICK_A_BYTE, link_bandwidth=A_TICK_A_BYTE,
    hop_latency=7e-12, fan_out=4, working_set=1.0, reduction_tail=0.0, reduction_tail_per_parameter=0.0,
)  # fmt: skip
SETTINGS = Settings(
    shards=(6,), micro_batches=2, chunks_per_layer=4, weight_credits=8, drain_credits=8, retain_output_weights=True,
    optimizer="adamw", clipping_barrier=True, weight_precision="fp16", gradient_precision="fp32", density=1.0,
)  # fmt: skip
WAFER, SERVERS = Policy(0, "wafer"), Policy(0, "servers")


def hundred_ticks(op: Op, pass_: str, tokens: float, precision: str, density: float, device: WaferDevice) -> OpCost:
    return OpCost(100, "matmul", 0, 20)


def planned(policy: Policy = WAFER, model: Model = MODEL, machine: Machine = MACHINE, **asked) -> Planned | str:
    return build_plan(workload_of(model, 32), machine, replace(SETTINGS, **asked), policy, hundred_ticks)


def plan(*args, **asked) -> WeightStreamingPlan:
    found = planned(*args, **asked)
    assert isinstance(found, Planned), found
    return found.plan


def test_layers_travel_in_chunks_of_a_block() -> None:
    layers = plan().layers
    assert [layer.parameters for layer in layers] == [EMBEDDING, *[BLOCK] * 4, HEAD]
    assert [layer.chunks for layer in layers] == [1, 4, 4, 4, 4, 1]
    assert layers[1].ingress_ticks == (24_992,) * 4  # 99,968 bytes in four
    assert layers[1].egress_ticks == (49_984,) * 4  # of fp32


def test_the_link_into_a_system_is_as_slow_as_the_slower_of_its_ends() -> None:
    halved = replace(MACHINE, link_bandwidth=A_TICK_A_BYTE / 2)
    assert plan(machine=halved).layers[-1].ingress_ticks == (2 * 2 * HEAD,)
    halved = replace(MACHINE, system_bandwidth=A_TICK_A_BYTE / 2)
    slow = plan(machine=halved).layers[-1]
    assert (slow.ingress_ticks, slow.down_ticks, slow.send_ticks) == ((4 * HEAD,), (2 * HEAD,), (2 * HEAD,))


@pytest.mark.parametrize(
    ("precision", "density", "size"),
    [("fp16", 1.0, 2000), ("fp32", 1.0, 4000), ("fp16", 0.5, 2000), ("fp16", 0.25, 1000), ("fp32", 0.5, 3000)],
)
def test_a_sparse_weight_travels_with_two_bytes_of_index(precision: str, density: float, size: int) -> None:
    assert weight_bytes(1000, precision, density) == size


def test_a_credit_comes_back_over_every_hop() -> None:
    found = plan(shards=(6,) * 5).latencies  # 30 of MemoryX, and two hops of 7 above five systems on nodes of four
    assert (found.memoryx, found.hop, found.credit_return) == (30, 7, 30 + 2 * 7)
    assert plan().latencies.credit_return == 30 + 7


def test_an_update_moves_every_parameter_once_the_tied_table_last() -> None:
    # Adam reads and writes 12 bytes of states, reads 4 of gradient and writes 2 of weight.
    tied = plan().updates
    rest = EMBEDDING + HEAD - TABLE
    assert tied == (*(UpdateUnit((i,), 30 * BLOCK) for i in (4, 3, 2, 1)), UpdateUnit((0, 5), 30 * rest))
    assert sum(unit.ticks for unit in tied) == 30 * 208_512
    untied = plan(model=replace(MODEL, tied_embeddings=False)).updates
    assert untied == (
        UpdateUnit((5,), 30 * HEAD), *(UpdateUnit((i,), 30 * BLOCK) for i in (4, 3, 2, 1)), UpdateUnit((0,), 30 * EMBEDDING),
    )  # fmt: skip


def test_a_head_without_weights_sends_no_gradient_and_is_not_updated() -> None:
    bare = plan(model=replace(MODEL, head="none", final_norm=False))
    assert bare.layers[-1].gradient_bytes == 0
    assert [unit.layers for unit in bare.updates] == [(4,), (3,), (2,), (1,), (0,)]
    assert {kernel.layer for kernel in bare.kernels if kernel.drains} == {0, 1, 2, 3, 4}


def test_only_weights_that_are_not_zero_do_work() -> None:
    # A micro-batch of 3 x 32 tokens: 2 FLOPs a weight of the block's 12 x 64^2 in each of its passes.
    for density in (1.0, 0.25):
        found = plan(density=density)
        kernel = found.kernels.index(Kernel("wgrad", 1, drains=True))
        assert found.flops[0][kernel] == pytest.approx(2 * 12 * 64**2 * 96 * density)


def test_the_output_layers_weights_stay_where_one_credit_is_left_beside_them() -> None:
    # A vocabulary of 2,000: 128,128 parameters, 256,256 bytes, 11 chunks of 24,992.
    wide = replace(MODEL, vocab=2000)
    for credits, stay in ((11, False), (12, True)):
        found = plan(model=wide, weight_credits=credits)
        assert found.layers[-1].chunks == 11
        forward, backward = (k for k in found.kernels if k.layer == 5 and k.pass_ in ("forward", "dgrad"))
        assert (forward.frees, backward.streams) == ((False, False) if stay else (True, True))


def test_weights_held_for_recompute_need_the_credits_of_their_segment() -> None:
    # Blocks of four chunks: two of them are eight.
    held = Policy(2, "wafer", hold=True)
    refused = planned(held, weight_credits=7)
    assert isinstance(refused, str) and "8 chunks of weights are held for recompute, in room for 7" in refused
    assert isinstance(planned(held, weight_credits=8), Planned)
    assert isinstance(planned(Policy(2, "wafer"), weight_credits=1), Planned)


def test_a_recomputed_segment_is_fetched_once_and_its_buffer_let_go_of_by_its_first_block() -> None:
    # Segments of blocks 1-3 and 4; four pieces a transfer.
    found = plan(Policy(3, "servers"))
    said = [(k.pass_, k.layer, k.fetches, k.offloads, k.releases_fetch) for k in found.kernels]
    assert [(layer, out) for pass_, layer, _, out, _ in said if pass_ == "forward"] == [
        (0, 0), (1, 4), (2, 0), (3, 0), (4, 4), (5, 0),
    ]  # fmt: skip
    assert [(layer, fetched, freed) for pass_, layer, fetched, _, freed in said if pass_ == "recompute"] == [
        (4, 4, True), (1, 4, True), (2, 0, False), (3, 0, False),
    ]  # fmt: skip
    assert not any(fetched or freed for pass_, _, fetched, _, freed in said if pass_ in ("dgrad", "wgrad"))
    # Without recompute the input gradient fetches and the weight gradient is the last to need it.
    said = [(k.pass_, k.layer, k.fetches, k.releases_fetch) for k in plan(SERVERS).kernels if k.pass_[1:] == "grad"]
    assert said[2:4] == [("dgrad", 4, 4, False), ("wgrad", 4, 0, True)]


def test_a_slow_system_takes_longer_with_its_floor() -> None:
    # 100 ticks an op, 20 of them a floor; a block has 5 ops and its norms.
    found = plan(shards=(6, 6), disturbances=replace(SETTINGS.disturbances, paces=((1, 1.5),)))
    first = found.kernels.index(Kernel("forward", 1, streams=True, frees=True))
    assert [sum(size[first]) for size in found.compute_ticks] == [600, 900]
    assert [size[first] for size in found.floor_ticks] == [120, 180]
    assert found.size_of == ((0, 0), (1, 1))


# Memory of the same blocks. Kept of a token and block: 34 x 64 = 2,176 bytes, its input 128; alive inside a block 1,280, in the
# head 4 x 100 of logits and 128 of its input.
def memory(policy: Policy, tokens: int = 100, sram: float = 1e8) -> WaferMemory | str:
    return wafer_memory(workload_of(MODEL, 32), policy, tokens, sram, 0.1, 1.0, 1000, 2000, slots=2)


def test_buffers_of_both_ways_hold_as_many_transfers_as_there_are_slots() -> None:
    found = memory(SERVERS)
    assert isinstance(found, WaferMemory)
    assert found.activation_bytes == 2 * 2 * 100 * 2176
    assert found.server_bytes == 4 * 100 * 2176
    on_wafer = memory(WAFER)
    assert isinstance(on_wafer, WaferMemory)
    assert (on_wafer.activation_bytes, on_wafer.server_bytes) == (4 * 100 * 2176, 0)


@pytest.mark.parametrize(("every", "live"), [(0, 1280), (1, 1280 + 2176), (2, 1280 + 2 * 2176), (3, 1280 + 3 * 2176)])
def test_a_recomputed_segment_is_alive_at_once(every: int, live: int) -> None:
    found = memory(Policy(every, "wafer"))
    assert isinstance(found, WaferMemory)
    assert found.working_set_bytes == 100 * live


def test_the_head_holds_logits_their_gradients_and_its_input() -> None:
    wide = workload_of(replace(MODEL, vocab=10_000), 32)
    found = wafer_memory(wide, WAFER, 100, 1e8, 0.1, 1.0, 1000, 2000, slots=2)
    assert isinstance(found, WaferMemory)
    assert found.working_set_bytes == 100 * (4 * 10_000 + 128)


def test_a_working_set_is_cut_into_64_parts_at_the_most() -> None:
    # Everything kept of 100 tokens takes 870,400 bytes, a 64th of 100 x 1,280 bytes is 2,000; buffers lie in the reserved tenth.
    fits = 870_400 + 2_000
    found = memory(WAFER, sram=fits / 0.9 + 1)
    assert isinstance(found, WaferMemory)
    assert found.block_lanes == pytest.approx(64, rel=1e-2)
    assert str(memory(WAFER, sram=fits / 0.9 - 2)).startswith("does not fit: activations kept on the wafer ")
