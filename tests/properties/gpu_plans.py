"""Hypothesis draws GPU plans: small, with ties, zero durations and every mechanism a plan can state."""

from hypothesis import strategies as st

from tests.properties.plans import TICKS
from wafersim.strategies.gpu_parallel.plan import GpuPlan, Unit


@st.composite
def gpu_plans(draw) -> GpuPlan:
    schedule = draw(st.sampled_from(["gpipe", "1f1b", "interleaved", "zero-bubble"]))
    stages = draw(st.integers(1, 5))
    chunks = draw(st.integers(2, 3)) if schedule == "interleaved" else 1
    micro_batches = draw(st.integers(1, 11 if schedule == "interleaved" else 6))
    gathers = draw(st.integers(0, 3)) == 0
    split = schedule == "zero-bubble"

    def unit() -> Unit:
        return Unit(draw(TICKS), draw(TICKS), draw(TICKS) if split else 0, *(draw(TICKS) for _ in range(3)))

    units = tuple(
        tuple(tuple(unit() for _ in range(draw(st.integers(1, 3)))) for _ in range(chunks)) for _ in range(stages)
    )

    def per_stage() -> tuple[int, ...]:
        return tuple(draw(TICKS) for _ in range(stages))

    return GpuPlan(
        stages=stages,
        chunks=chunks,
        micro_batches=micro_batches,
        schedule=schedule,
        units=units,
        fine="all" if gathers else draw(st.sampled_from(["none", "last", "all"])),
        sends=tuple(draw(TICKS) for _ in range(stages * chunks - 1)),
        ports=tuple(draw(st.integers(0, 1)) for _ in range(stages * chunks - 1)),
        blocking_sends=draw(st.booleans()),
        gathers=gathers,
        prefetch=draw(st.integers(0, 2)),
        scatters=draw(st.booleans()),
        scatter_every=draw(st.booleans()),
        overlap=gathers or draw(st.booleans()),
        tie=draw(TICKS),
        norm=draw(TICKS),
        clipping=draw(st.booleans()),
        update=per_stage(),
        regather=tuple(tuple(draw(TICKS) for _ in range(chunks)) for _ in range(stages)),
        overlap_regather=draw(st.booleans()),
    )
