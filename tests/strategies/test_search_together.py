"""Searches on machines that differ in numbers alone find together what each finds by itself, to the bit."""

from collections.abc import Sequence
from dataclasses import fields, replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies.test_search import spaces
from wafersim.errors import Infeasible
from wafersim.gpu.machine import Cluster
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.planner import _of_one_micro_batch
from wafersim.strategies.gpu_parallel.search import Candidate, fastest
from wafersim.strategies.gpu_parallel.search_together import alike, fastest_of_each
from wafersim.strategies.gpu_parallel.space import Space

FACTORS = (0.3, 0.9, 1.01, 1.5, 4.0)


def with_other_numbers(cluster: Cluster, random: Random) -> Cluster:
    """Some of a machine's numbers several times as large or as small, its memory among them; what is 0 stays so."""

    def other(part: object) -> object:
        names = [field.name for field in fields(part) if isinstance(getattr(part, field.name), float)]
        changed = random.sample(names, min(len(names), random.choice([0, 1, 4])))
        return replace(part, **{name: getattr(part, name) * random.choice(FACTORS) for name in changed})

    return Cluster(*map(other, vars(cluster).values()))


def by_itself(space: Space, spec: GpuParallelSpec) -> Candidate | str:
    _of_one_micro_batch.cache_clear()
    try:
        return fastest(space, spec)
    except Infeasible as reason:
        return str(reason)


def together(some: Sequence[Space], spec: GpuParallelSpec) -> list[Candidate | None]:
    _of_one_micro_batch.cache_clear()
    return fastest_of_each(some, spec)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_each_machine_gets_the_split_that_it_gets_by_itself(
    asked: tuple[Space, GpuParallelSpec], random: Random, count: int
) -> None:
    space, spec = asked
    some = [space, *(replace(space, cluster=with_other_numbers(space.cluster, random)) for _ in range(count))]
    some = [each for each in some if alike(each, spec) == alike(space, spec)]
    alone = [by_itself(each, spec) for each in some]
    for each, found, expected in zip(some, together(some, spec), alone, strict=True):
        if found is None:  # nothing more likely fits than not: that is left to who asks by itself
            assert isinstance(expected, str) or expected.memory > each.cluster.device.memory
        else:
            assert found == expected
