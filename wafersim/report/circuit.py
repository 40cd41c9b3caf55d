"""The critical circuit of one point in three lines: what it is made of, what to make faster, which resources have slack."""

from __future__ import annotations

from wafersim.planning.sweep import PointResult
from wafersim.report.words import point_name, seconds
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.strategy import Slack

SMALLEST = 0.005  # shares below are added up as the rest


def circuit_lines(result: PointResult) -> list[str]:
    """Three lines; one on GPUs and with jitter (nothing repeats, so nothing has a slack); none from the SimPy reference."""
    simulated = result.simulated
    assert simulated is not None
    prediction, critical = simulated.prediction, simulated.prediction.critical
    if critical is None:
        return []
    strategy = strategy_of(simulated.job.kind)
    names = strategy.words.task
    named = [(names.get(name, name), share) for name, share in critical.shares if share >= SMALLEST]
    rest = 1.0 - sum(share for _, share in named)
    parts = [f"{name} {share:.1%}" for name, share in named] + ([f"rest {rest:.1%}"] if rest >= 5e-4 else [])
    point = point_name(result.to_json())
    if not simulated.periodic.exact:
        return [
            f"Critical path of {point}, the {critical.tasks:,} tasks that lead to the end of the last step: {', '.join(parts)}"
        ]
    span = f"{critical.steps} step{'s' * (critical.steps > 1)}"
    chain = f"the chain of {critical.tasks:,} tasks in {span} that sets the step time"
    circuit = f"Critical circuit of {point}, {chain}: {', '.join(parts)}"
    found = strategy.slacks(simulated.periodic)
    if not found:
        return [circuit]
    return [
        circuit,
        "A faster resource shortens the step: " + "; ".join(_faster(slack) for slack in found if slack.binds),
        "Slack of the others, how many times slower each may be until the step is 1 % "
        f"({seconds(prediction.step_time_s / 100)}) longer: "
        + ", ".join(f"{slack.resource} {slack.factor:.3g}" for slack in found if not slack.binds),
    ]


def _faster(slack: Slack) -> str:
    if slack.factor is None:
        return f"{slack.resource}, however fast"
    then = f"; beyond that {slack.then} binds" if slack.then else ""
    return f"{slack.resource}, up to {slack.factor:.3g} times as fast{then}"
