"""What is left out is proved against the whole: representatives of alike systems, the period, the critical circuit."""

from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.properties.plans import plans
from tests.properties.test_engines_agree import EXAMPLES, FAST, assert_equal
from wafersim.engine.steady_state import maximum_cycle_ratio
from wafersim.strategies.critical import critical_ops
from wafersim.strategies.steps import LoweredSteps
from wafersim.strategies.weight_streaming.graph import lower
from wafersim.strategies.weight_streaming.periodic import run_to_period, start
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.symmetry import fold
from wafersim.strategies.weight_streaming.tree import build_tree

FEWER = FAST | {"max_examples": EXAMPLES // 4}


@st.composite
def many_systems(draw) -> WeightStreamingPlan:
    """Up to 20 systems, few of them different."""
    plan = replace(draw(plans()), jitter=None)
    systems = draw(st.integers(1, 20))
    rows = [plan.size_of[0]] * systems
    for other in plan.size_of[1:3]:
        rows[draw(st.integers(0, systems - 1))] = other
    tree = build_tree(systems, draw(st.integers(2, 4)))
    level = draw(st.integers(1, tree.depth))
    if draw(st.booleans()):
        tree = tree.slow_link(level, draw(st.integers(0, len(tree.parents[level - 1]) - 1)), 2.0)
    if tree.depth > 1 and tree.nodes[1] > 1 and draw(st.booleans()):
        tree = tree.lose_node(1, draw(st.integers(0, tree.nodes[1] - 1)))
    return replace(plan, tree=tree, size_of=tuple(rows))


@settings(**FEWER)
@given(many_systems())
def test_representatives_stand_for_every_system(plan: WeightStreamingPlan) -> None:
    folded = fold(plan)
    assert folded.plan.systems <= plan.systems
    engine = "queue" if plan.arrival_order else "fast"
    whole, few = start(plan, engine), start(folded.plan, engine)
    for step in range(3):
        assert_equal(whole.timeline(step, whole.next_step()), folded.unfold(few.timeline(step, few.next_step())))


def test_a_healthy_cluster_folds_to_one_system() -> None:
    from tests.strategies.test_hand_computed import TWO_LAYERS

    plan = replace(TWO_LAYERS, tree=build_tree(64, 4), size_of=(TWO_LAYERS.size_of[0],) * 64)
    assert fold(plan).plan.systems == 1
    slow = replace(plan, tree=plan.tree.slow_link(plan.tree.depth, 17, 1.5))
    # System 17, a healthy sibling, then healthy systems under each healthy node beside its ancestors.
    assert fold(slow).plan.systems == 4


@settings(**FEWER)
@given(plans())
def test_the_state_repeats_after_the_period(plan: WeightStreamingPlan) -> None:
    plan = replace(plan, jitter=None)
    found = run_to_period(plan)
    assume(found.exact)
    steps = start(found.plan, found.engine)
    ends = [steps.next_step() for _ in range(found.steps_simulated + 2 * found.cycle)]
    for later in range(found.steps_simulated, len(ends)):
        moved = ends[later] - ends[later - found.cycle]
        assert np.all(moved == found.step_ticks * found.cycle)


@settings(**FEWER)
@given(plans([()]))
def test_the_period_is_the_maximum_cycle_ratio(plan: WeightStreamingPlan) -> None:
    plan = replace(plan, jitter=None)
    found = run_to_period(plan)
    assume(found.exact)
    lowered = lower(plan)
    assert maximum_cycle_ratio(lowered.graph, lowered.lags, lowered.durations()) == found.step_ticks


@settings(**FEWER)
@given(plans())
def test_the_critical_circuit_takes_the_period(plan: WeightStreamingPlan) -> None:
    found = run_to_period(replace(plan, jitter=None))
    assume(found.exact and isinstance(found.steps, LoweredSteps))
    circuit = critical_ops(found)
    assert circuit.steps > 0
    assert sum(circuit.ticks.values()) == found.step_ticks * circuit.steps
