"""What binds a step is what its critical chain is made of, not the largest part of one chip's time."""

import pytest

from wafersim import load_experiment, simulate
from wafersim.metrics.prediction import binding_of
from wafersim.strategies.critical import Critical
from wafersim.strategies.registry import words_of
from wafersim.strategies.strategy import Binding

COMPUTE = Binding("compute", "wafer compute")
LAUNCHES = Binding("kernel_latency", "kernel latency")


@pytest.mark.parametrize(
    ("of_parts", "shares", "binds"),
    [
        (
            COMPUTE,
            {"compute forward": 0.40, "ingress": 0.35, "broadcast": 0.25},
            "weight stream",
        ),  # two links of one stream
        (COMPUTE, {"compute forward": 0.30, "compute dgrad": 0.35, "reduce": 0.35}, "wafer compute"),
        (Binding("exposed_drain", "gradient drain"), {"compute forward": 0.9, "egress": 0.1}, "wafer compute"),
        (LAUNCHES, {"compute forward": 0.9, "stream": 0.1}, "kernel latency"),  # part of what is computed
        (COMPUTE, {"compute forward": 0.4, "tail": 0.6}, "reduction over the systems"),
        (Binding("exposed_stream", "weight stream (MemoryX link)"), {"stream": 1.0}, "weight stream (MemoryX link)"),
    ],
)
def test_the_chain_decides(of_parts: Binding, shares: dict[str, float], binds: str) -> None:
    chain = Critical(10, 1, tuple(shares.items()))
    assert binding_of(of_parts, chain, words_of("wafer")).resource == binds
    assert binding_of(of_parts, None, words_of("wafer")) == of_parts


def test_a_slow_swarmx_binds_and_not_the_wafer_that_waits_for_it() -> None:
    sets = ["sweep={}", "system.overrides.swarmx.link_bandwidth=0.06 Tb/s"]
    assert simulate(load_experiment("what_if_swarmx", sets)).binding_resource == "gradient drain"
