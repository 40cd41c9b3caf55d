"""The first screen of a plan without a model: the best one of each machine, how sure its loss is, and what that leans on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wafersim import numbers
from wafersim.planning.model_goal import BestModel, BestModels, ModelGoal
from wafersim.planning.scaling_range import said
from wafersim.report.screen.layout import LINES, Column, cut, sentence, table, titled, written

ROOM = 8  # rows of the table
REAL = 3  # models of the catalogue that are told


def best_model_screen(found: BestModels, took: float, width: int, directory: Path | None = None) -> list[str]:
    """At most 24 lines: where there is more to say, less is said of what is assumed and refused."""
    last = [] if directory is None else [written(directory, "the question, all numbers", False, width)]
    for most in (3, 2, 1):
        lines = _lines(found, took, width, most, last)
        if len(lines) <= LINES:
            return lines
    return [line for line in lines if line][:LINES]


def best_model_title(goal: ModelGoal) -> str:
    """`The best model in 14 days`, `A loss of 2 on the Pile in 30 days for 1 MUSD`."""
    what = "The best model" if goal.loss is None else f"A loss of {goal.loss:g} on {goal.law.corpus}"
    days = "" if goal.days is None else f" in {goal.days:g} days"
    money = "" if goal.budget_usd is None else f" for {numbers.amount(goal.budget_usd, 'USD')}"
    served = f", {numbers.amount(goal.inference_tokens)} tokens served" if goal.inference_tokens else ""
    return f"{what}{days}{money}{served}"


def _lines(found: BestModels, took: float, width: int, most: int, last: list[str]) -> list[str]:
    goal = found.goal
    refused = [f"{name}: {reason}" for name, reason in found.refused]
    answers: list[str] = []
    if found.found:
        best = found.found[0]
        answers = [
            *sentence("Answer", _answer(goal, best), width, 4, "; "),
            *sentence("Done", _done(goal, best), width, 2, "; "),
            *sentence("Real ones", _real(best), width, 2, "; "),
            *sentence("Fit", _fit(found), width, most, "; "),
            *sentence("Beyond it", list(best.extrapolated), width, most, "; "),
            *sentence("Assumed", _assumed(found), width, most, "; "),
        ]
    return [
        titled(best_model_title(goal), took, width),
        "",
        *cut(_table(found.found, width), ROOM + 1),
        "",
        *answers,
        *sentence("Prices", _prices(found.found), width, 2, "; "),
        *sentence("No answer", refused, width, max(2, most), "; "),
        *last,
        *sentence("More", ["--json", "--law chinchilla" if goal.law.of_compute else "--law cerebras-gpt"], width),
    ]


def _label(one: BestModel) -> str:
    return f"{one.count:,} {one.site.name}" if one.site.installed is None else one.site.name


def _table(found: Sequence[BestModel], width: int) -> list[str]:
    if not found:
        return []
    return table(
        [
            Column("hardware", tuple(map(_label, found)), left=True),
            Column("model", tuple(numbers.amount(one.trial.parameters) for one in found)),
            Column("tokens", tuple(numbers.amount(one.trial.tokens) for one in found)),
            Column("a param.", tuple(numbers.two(one.trial.tokens / one.trial.parameters) for one in found), 4),
            Column("loss", tuple(f"{one.trial.loss.value:.3f}" for one in found)),
            Column("80 % range", tuple(_range(one.trial.loss.low, one.trial.loss.high) for one in found), 2),
            Column("days", tuple(numbers.tenths(one.days) for one in found)),
            Column("MFU", tuple(numbers.percent(one.prediction.mfu) for one in found), 3),
            Column("cost", tuple(_cost(one) for one in found), 1),
        ],
        width,
    )


def _range(low: float, high: float) -> str:
    return f"{low:.3f} - {high:.3f}"


def _cost(one: BestModel) -> str:
    return "-" if one.cost_usd is None else numbers.amount(one.cost_usd, "USD")


def _answer(goal: ModelGoal, best: BestModel) -> list[str]:
    trial, model = best.trial, best.trial.model
    size, tokens = numbers.amount(trial.parameters), numbers.amount(trial.tokens)
    loss = trial.loss
    told = [
        f"{size} parameters ({model.layers} layers x {model.d_model:,}) on {tokens} tokens",
        f"loss {loss.value:.3f} ({_range(loss.low, loss.high)} with 80 %) nats a token on {loss.corpus}",
    ]
    if best.parameters_range is not None:
        low, high = (numbers.amount(end) for end in best.parameters_range)
        told.append(f"{low} to {high} parameters by the error of the fit")
    if best.tokens_range is not None:
        low, high = ("no number" if end is None or end > 1e18 else numbers.amount(end) for end in best.tokens_range)
        told.append(f"{goal.loss:g} may take {low} to {high} tokens")
    return told


def _done(goal: ModelGoal, best: BestModel) -> list[str]:
    told = [f"{numbers.tenths(best.days)} d with {numbers.percent(goal.sure)}"]
    if best.trial.serve_s:
        told.append(f"{numbers.tenths(best.trial.serve_s / numbers.DAY)} d of them serving")
    if best.elapsed_days is not None:
        low, median, high = (numbers.tenths(end) for end in best.elapsed_days)
        told.append(f"half of the runs in {median} d, 80 % in {low} - {high} d")
    told.append(f"goodput {numbers.percent(best.goodput)}")
    told.append(f"step {numbers.step(best.prediction.step_time_s)}")
    return told


def _real(best: BestModel) -> list[str]:
    """Models that were trained before, the largest first."""
    return [
        f"{one.name} {one.loss.value:.3f} in {numbers.tenths(one.days)} d on {numbers.amount(one.tokens)}"
        for one in reversed(best.catalogue[-REAL:])
    ]


def _fit(found: BestModels) -> list[str]:
    law = found.goal.law
    low, high = (said("parameters", end) for end in law.reach.fitted["parameters"])
    tied = ["20 tokens a parameter, as its runs"] if law.of_compute else []
    return [f"{law.name}, {law.source.partition(',')[0]}", f"runs of {low} to {high}", *tied]


def _assumed(found: BestModels) -> list[str]:
    """Of all machines, what the first one assumes before what only others do."""
    return list(dict.fromkeys(line for one in found.found for line in one.assumed))


def _prices(found: Sequence[BestModel]) -> list[str]:
    """Which option gives a price that nobody knows, then who says the others."""
    without = [
        f"{one.site.name}: none known, --price '{one.site.name}=... USD/h' gives it"
        for one in found
        if one.cost_missing
    ]
    return [*without, *(f"{one.site.name}: {one.site.cost.at}" for one in found if one.site.cost.at)]
