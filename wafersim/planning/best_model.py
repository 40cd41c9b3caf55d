"""The best model for a time, a budget and a machine, or the machine's time for a loss: which size, on how many tokens.

loss = law(N, D) with D = tokens/s of the simulated shape x share of the time that is kept for steps x time. Nothing of it is a
utilisation that somebody assumed: what a whole run loses to failures, saves and what is unknown is simulated, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, isfinite

import numpy as np

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.footprint import LONGEST
from wafersim.metrics.interval import Uncertainty
from wafersim.metrics.prediction import Prediction
from wafersim.numbers import DAY, amount, digits, duration, percent, tenths
from wafersim.planning.model_goal import BestModel, BestModels, ModelGoal, RealModel
from wafersim.planning.model_shapes import BEYOND, shape_of
from wafersim.planning.scaling_law import ScalingLaw, tokens_for
from wafersim.planning.scaling_size import best_for, cheapest_for
from wafersim.planning.size_search import SizeSearch, Trial
from wafersim.planning.training_site import Site, Speeds
from wafersim.simulation import jobs_of, simulate, simulate_run
from wafersim.training_run.duration import Duration, duration_of

RUNS = 500
ROUNDS = 4  # what is kept depends on the size, and the size on what is kept
SETTLED = 0.003  # of what is kept
USUAL_KEPT = 0.85  # of the time: where the search begins; what is told is simulated
PASSES_THE_PEAK = 2.0  # times: no way to count FLOPs makes a machine look faster than that


def best_models(
    goal: ModelGoal, sites: Sequence[Site], seed: int = 0, progress: Callable[[str], None] = lambda _: None
) -> BestModels:
    """Of every site: the least loss first, or where a loss is wanted the cheapest, those without a price last."""
    found: list[BestModel] = []
    refused: list[tuple[str, str]] = []
    for site in sites:
        try:
            found.append(best_model(goal, site, seed))
        except WafersimError as reason:
            refused.append((site.name, str(reason)))
        progress(site.name)

    def place(one: BestModel) -> tuple[float, ...]:
        by_loss = (one.trial.loss.value, one.days)
        return by_loss if goal.loss is None else (inf if one.cost_usd is None else one.cost_usd, one.days)

    return BestModels(goal, tuple(sorted(found, key=place)), tuple(refused))


def best_model(goal: ModelGoal, site: Site, seed: int = 0) -> BestModel:
    """Of one site; where its number of chips is open, on as few as reach the loss or as many as the budget pays for.

    Raises Infeasible with the reason, WafersimError where its whole runs come to no end.
    """
    if not site.sizes:
        raise Infeasible("no number of chips is within the limits")
    if goal.budget_usd is not None and site.cost.missing:
        raise Infeasible(f"no price is known, so no budget tells: {site.cost.missing} or --price gives it")
    if site.count is not None:
        return _checked(goal, _settled(goal, site, site.count, seed), seed)
    if goal.days is None or (goal.loss is None and goal.budget_usd is None):
        wanting = "a budget or a loss" if goal.days is not None else "days"
        raise Infeasible(f"how many {site.words}? Give their number, or {wanting}")
    if goal.loss is not None:
        return _checked(goal, _fewest(goal, goal.loss, goal.days, site, seed), seed)
    return _settled(goal, site, _affordable(site, goal.budget_usd or 0.0, goal.days), seed)


def _checked(goal: ModelGoal, found: BestModel, seed: int) -> BestModel:
    """An answer that keeps to days and budget where a loss is wanted; elsewhere these bound the search."""
    if goal.loss is None:
        return found
    label = f"{found.count:,} {found.site.words}"
    if goal.days is not None and found.days > goal.days * (1.0 + SETTLED):
        reason = f"{label} take {tenths(found.days)} d to {goal.loss:g}"
        try:
            instead = _settled(ModelGoal(goal.law, goal.days, goodput=found.kept), found.site, found.count, seed)
        except Infeasible:
            raise Infeasible(reason) from None
        raise Infeasible(f"{reason}; {instead.trial.loss.value:.3f} is their best in {goal.days:g} d")
    if goal.budget_usd is not None and (found.cost_usd or 0.0) > goal.budget_usd:
        raise Infeasible(f"{label} reach {goal.loss:g} for {amount(found.cost_usd or 0.0, 'USD')}")
    return found


def _settled(goal: ModelGoal, site: Site, count: int, seed: int) -> BestModel:
    """The best model on so many chips, with what its own whole run keeps of the time."""
    speeds, kept, sure = Speeds(site, count), goal.goodput or USUAL_KEPT, None
    rounds, dearer = 0, 1.0  # by spares, which a whole run settles
    while True:
        seconds = _seconds(goal, site, count, dearer)
        search = SizeSearch(goal.law, speeds, kept, seconds, goal.loss, goal.inference_tokens)
        real = search.members()
        best = search.best(real)
        if best is None:
            raise Infeasible(_why_none(goal, speeds, seconds))
        experiment = speeds.experiment(best.model, best.tokens)
        prediction = simulate(experiment) if sure is None else _again(experiment, sure)
        sure = prediction.uncertainty
        if goal.goodput is not None:
            return _told(goal, speeds, best, real, prediction, None, kept)
        lasts = duration_of(experiment, prediction, RUNS, seed)
        late = float(np.quantile(lasts.ends_s, goal.sure, method="higher"))
        if not isfinite(late):
            raise Infeasible(f"{count:,} {site.words}: fewer than {percent(goal.sure)} of whole runs come to an end")
        share = lasts.steps_s / late
        rounds += 1
        usd, plain = lasts.cost_usd, site.usd(count, lasts.elapsed.median)
        spares = 1.0 if usd is None or not plain else usd.median / plain
        settled = max(abs(share / kept - 1.0), 0.0 if goal.budget_usd is None else abs(spares / dearer - 1.0))
        if settled < SETTLED or rounds == ROUNDS:
            return _told(goal, speeds, best, real, prediction, lasts, kept)
        kept, dearer = share, spares


def _again(experiment: Experiment, sure: Uncertainty) -> Prediction:
    """The prediction of a size a few percent from one that was simulated in full: its own step, and how sure that one's was."""
    return replace(simulate_run(jobs_of(experiment), told=False).prediction, uncertainty=sure)


def _seconds(goal: ModelGoal, site: Site, count: int, dearer: float) -> float:
    """Until the deadline, or until the budget is spent if that is sooner. Infeasible where the chips alone cost more."""
    most = LONGEST if goal.days is None else goal.days * DAY
    if goal.budget_usd is None or goal.loss is not None:
        return most
    budget = goal.budget_usd / dearer
    if (site.usd(count, most) or 0.0) <= budget:
        return most
    low, high = 0.0, most
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if (site.usd(count, middle) or 0.0) <= budget else (low, middle)
    if low == 0.0:
        raise Infeasible(f"{count:,} {site.words} cost {amount(site.usd(count, 1.0) or 0.0, 'USD')} at least")
    return low


def _why_none(goal: ModelGoal, speeds: Speeds, seconds: float) -> str:
    """Why no size can be trained."""
    label = f"{speeds.count:,} {speeds.site.words}"
    if speeds.nothing_runs:
        return f"{label}: {list(speeds.refused.values())[-1]}"
    if goal.loss is not None:
        return f"no size reaches {goal.loss:g} by {goal.law.name}"
    return f"{label} train no model that {goal.law.name} knows in {duration(seconds)}"


def _told(
    goal: ModelGoal,
    speeds: Speeds,
    best: Trial,
    real: Sequence[Trial],
    prediction: Prediction,
    lasts: Duration | None,
    kept: float,
) -> BestModel:
    site = speeds.site
    cost = None if lasts is None or lasts.cost_usd is None else lasts.cost_usd.median
    served = site.usd(speeds.count, best.serve_s) if best.serve_s else 0.0
    usd = site.usd(speeds.count, best.seconds) if cost is None or served is None else cost + served
    spans = None if lasts is None else lasts.elapsed
    asked = (
        None if lasts is None or goal.days is None else float((lasts.ends_s <= goal.days * DAY - best.serve_s).mean())
    )
    return BestModel(
        site=site,
        count=speeds.count,
        trial=best,
        prediction=prediction,
        kept=kept,
        goodput=kept if lasts is None else lasts.goodput.median,
        days=best.seconds / DAY,
        parameters_range=_size_range(goal.law, best, goal.inference_tokens),
        tokens_range=None if goal.loss is None else _tokens_range(goal.law, best, goal.loss),
        elapsed_days=None if spans is None else (spans.low / DAY, spans.median / DAY, spans.high / DAY),
        met=asked,
        cost_usd=usd,
        cost_missing=site.cost.missing,
        cost_sources=site.cost.sources,
        catalogue=tuple(
            RealModel(one.model.name, one.parameters, one.tokens, one.loss, one.seconds / DAY) for one in real
        ),
        assumed=(*site.assumed, *_assumed(goal, site, best, prediction)),
    )


def _assumed(goal: ModelGoal, site: Site, best: Trial, prediction: Prediction) -> tuple[str, ...]:
    said = [f"sequences of {site.sequence_length:,} tokens"]
    if not site.states_the_batch:
        beyond = " and LLaMA-65B's" if best.parameters > BEYOND[0] / 4 else ""
        said.append(f"batch {prediction.batch:,}, near Cerebras-GPT's{beyond}")
    if not best.model.published:
        said.append(f"shape {best.model.layers} x {best.model.d_model:,} by Cerebras-GPT's rule")
    if goal.goodput is not None:
        said.append(f"goodput {goal.goodput:g}, as given")
    if goal.inference_tokens:
        said.append("serving at the rate of training, 2 N FLOPs a token")
    return tuple(said)


def _size_range(law: ScalingLaw, best: Trial, inference_tokens: float) -> tuple[float, float] | None:
    """Sizes that would be best for the same FLOPs under other constants of the law, relative to that of the published ones."""
    if law.of_compute:
        return None
    flops = law.flops(best.parameters, best.tokens) + 2.0 * best.parameters * inference_tokens
    try:
        sizes = best_for(flops, law, inference_tokens).parameters
    except WafersimError:
        return None
    if sizes.low is None or sizes.high is None:
        return None
    return best.parameters * sizes.low / sizes.value, best.parameters * sizes.high / sizes.value


def _tokens_range(law: ScalingLaw, best: Trial, loss: float) -> tuple[float | None, float | None] | None:
    """Tokens that the loss may take; an end that is None: no number may be enough."""
    try:
        needed = cheapest_for(loss, law).tokens if law.of_compute else tokens_for(law, best.parameters, loss)
    except WafersimError:
        return None
    told = needed.to_json()
    return told["low"], told["high"]


def _affordable(site: Site, budget: float, days: float) -> int:
    """The most chips that a budget pays for, for so many days."""
    unit, most = site.machine.unit, site.sizes[-1]
    low, high = 0, most // unit + 1
    while high - low > 1:
        middle = (low + high) // 2
        usd = site.usd(middle * unit, days * DAY) or 0.0
        low, high = (middle, high) if usd <= budget else (low, middle)
    if low == 0:
        least = amount(site.usd(unit, days * DAY) or 0.0, "USD")
        raise Infeasible(f"{unit} {site.words} for {digits(days)} d cost {least}")
    return low * unit


def _fewest(goal: ModelGoal, loss: float, days: float, site: Site, seed: int) -> BestModel:
    """The fewest chips, of four numbers an octave, on which the loss is reached in time.

    They are counted up with the size of least compute and what the last answer keeps; then the whole run there is simulated.
    """
    kept, slow = goal.goodput or USUAL_KEPT, 0
    least = cheapest_for(loss, goal.law, goal.inference_tokens)
    size = least.parameters.value
    answer: BestModel | None = None
    for _ in range(ROUNDS):
        count = _first_in_time(goal, site, least.flops, size, days, kept, slow)
        if count is None or (answer is not None and count >= answer.count):
            break
        found = _settled(goal, site, count, seed)
        kept, size = found.kept, found.trial.parameters
        if found.days <= days * (1.0 + SETTLED):
            answer = found
        else:
            slow = count
    if answer is None:
        raise Infeasible(f"no number of {site.words} up to {site.sizes[-1]:,} reaches {loss:g} in {days:g} d")
    return answer


def _first_in_time(
    goal: ModelGoal, site: Site, flops: float, size: float, days: float, kept: float, slow: int
) -> int | None:
    """The least number of chips above `slow` on which a size near the one of least compute takes no longer than the days."""
    peak_s = flops / site.machine.peak_flops / PASSES_THE_PEAK
    for count in site.sizes:
        if count <= slow or peak_s / count > days * DAY:
            continue
        search = SizeSearch(goal.law, Speeds(site, count), kept, days * DAY, goal.loss, goal.inference_tokens)
        trial = next(
            (one for step in (1.0, 1.05, 1.1) if (one := search.trial(shape_of(size * step))) is not None), None
        )
        if trial is not None and trial.seconds <= days * DAY:
            return count
    return None
