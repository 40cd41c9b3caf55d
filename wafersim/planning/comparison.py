"""Weight streaming against the best GPU strategy: sides of a comparison, sized to match, simulated, billed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from pathlib import Path
from typing import Any

from wafersim import numbers
from wafersim.errors import Infeasible
from wafersim.inputs.comparison import Comparison, load_comparison
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.fit import SETS, load_fit
from wafersim.inputs.price import RENT
from wafersim.metrics.interval import probability_less
from wafersim.metrics.prediction import PhaseTime, Prediction
from wafersim.planning.deadline import batches_near, smaller_cluster
from wafersim.shown import Shown
from wafersim.simulation import job_of, simulate
from wafersim.strategies.registry import strategy_of

CLOSE = 0.9  # of the matched size: a smaller cluster whose numbers divide better may be the faster one
SIMULATED_SIZES = 4  # of those that the closed form puts first, for each matched side
BELOW = 12  # sizes below the one that meets a deadline that are tried
LARGEST = 32_768  # GPUs that a deadline may ask for


@dataclass(frozen=True)
class Side:
    """One side: what it was asked, and the prediction or why there is none."""

    name: str
    experiment: Experiment
    match: str | None
    prediction: Prediction | None
    infeasible: str | None
    note: str = ""  # what was done otherwise than asked

    def to_json(self, first: Side | None = None) -> dict[str, Any]:
        """Plain values; with another side how likely this one is faster, and cheaper, than that."""
        own = {"name": self.name, "match": self.match, "profile": self.experiment.system.profile_name}
        own |= self.experiment.imported
        if self.prediction is None:
            return {**own, "model": self.experiment.model_name, "infeasible": self.infeasible}
        out = {**own, **self.prediction.to_json(), "dimensions": list(self.prediction.split.dimensions)}
        out["note"] = self.note
        if first is None or first is self or first.prediction is None:
            return out
        return {**out, "against_first": against(self.prediction, first.prediction)}


def against(one: Prediction, other: Prediction) -> dict[str, float]:
    """Probabilities that the first is faster and cheaper, and needs less energy.

    Constants that both lean on cancel, and so does the power of one and the same machine; prices are taken as they are.
    """
    fits = [load_fit(which) for which in SETS]
    alike = one.bill.sources == other.bill.sources

    def less(a: float | None, b: float | None, powers: tuple[float, float] = (0.0, 0.0)) -> float | None:
        mine, theirs = (side.uncertainty.beside(error) for side, error in zip((one, other), powers, strict=True))
        return None if a is None or b is None else probability_less((a, mine), (b, theirs), fits)

    powers = (0.0, 0.0) if alike else (one.bill.power_error, other.bill.power_error)

    found = {
        "faster": less(one.days_to_train, other.days_to_train),
        "cheaper": less(one.bill.cost_usd, other.bill.cost_usd),
        "less_energy": less(one.bill.energy_j, other.bill.energy_j, powers),
    }
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, repr=False)
class Sides(Shown, Sequence[Side]):
    """The sides of a comparison in order; those that cannot run stay, with their reason."""

    name: str
    sides: tuple[Side, ...]

    def __len__(self) -> int:
        return len(self.sides)

    def __iter__(self) -> Iterator[Side]:
        return iter(self.sides)

    def __getitem__(self, index: Any) -> Any:
        return self.sides[index]

    def __repr__(self) -> str:
        said = [
            f"{side.name} cannot run"
            if side.prediction is None
            else f"{side.name} {numbers.duration(side.prediction.days_to_train * numbers.DAY)}"
            for side in self.sides
        ]
        return f"<Sides of {self.name}: {', '.join(said)}>"

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values; every side with how likely it is faster and cheaper than the first."""
        return [side.to_json(self.sides[0]) for side in self.sides]


def compare(name: str | Path) -> Sides:
    """The sides of a comparison, a YAML file or the name of a shipped one, simulated beside each other."""
    comparison, experiments = load_comparison(name)
    return Sides(comparison.name, tuple(compare_sides(comparison, experiments)))


def compare_sides(
    comparison: Comparison, experiments: Sequence[Experiment], progress: Callable[[str], None] = lambda _: None
) -> list[Side]:
    """Every side in order; matched ones take their size from the first."""
    sides: list[Side] = []
    for spec, experiment in zip(comparison.sides, experiments, strict=True):
        if spec.match is None:
            sides.append(_simulated(spec.name, experiment, None))
        else:
            sides.append(_matched(spec.name, experiment, spec.match, sides[0], comparison.deadline_days))
        progress(spec.name)
    return sides


def _simulated(name: str, experiment: Experiment, match: str | None) -> Side:
    try:
        return Side(name, experiment, match, simulate(experiment), None)
    except Infeasible as reason:
        return Side(name, experiment, match, None, str(reason))


def _matched(name: str, experiment: Experiment, match: str, first: Side, deadline: float | None) -> Side:
    if first.prediction is None:
        return Side(name, experiment, match, None, f"{first.name}, which it is matched to, cannot run")
    if match == "deadline":
        days = deadline or first.prediction.days_to_train
        return _with_a_batch_near(name, experiment, days, _by_deadline(name, experiment, days))
    try:
        target = _size(experiment, match, first)
    except Infeasible as reason:
        return Side(name, experiment, match, None, str(reason))
    node = experiment.machine.unit
    most = max(node, round(target / node) * node)
    least = max(node, ceil(CLOSE * most / node) * node)
    sizes = f"{least} to {most} GPUs" if least < most else f"{most} GPUs"
    ranked: list[tuple[float, int]] = []
    why = ""
    for size in range(most, least - 1, -node):
        try:
            ranked.append((_estimate(_with_gpus(experiment, size)), size))
        except Infeasible as reason:
            why = why or str(reason)
    tried = [_simulated(name, _with_gpus(experiment, size), match) for _, size in sorted(ranked)[:SIMULATED_SIZES]]
    ran = [side for side in tried if side.prediction is not None]
    if ran:
        return min(ran, key=_step_time)
    return Side(
        name, experiment, match, None, f"of {sizes}, which match, none works: {tried[0].infeasible if tried else why}"
    )


def _estimate(experiment: Experiment) -> float:
    return strategy_of(experiment.strategy.kind).estimate(job_of(experiment))


def _step_time(side: Side) -> float:
    assert side.prediction is not None
    return side.prediction.step_time_s


def _size(experiment: Experiment, match: str, first: Side) -> float:
    """Chips that have the first side's peak FLOP/s, rated power or hourly price. Raises Infeasible where a price is missing."""
    mine, theirs = experiment.machine, first.experiment.machine
    count = first.experiment.system.count
    if match == "peak":
        return count * theirs.peak_flops / mine.peak_flops
    one, all_of_theirs = mine.supply(mine.unit), theirs.supply(count)
    if match == "power":
        return all_of_theirs.peak_watts / one.peak_watts * mine.unit
    if one.usd_per_hour is None or all_of_theirs.usd_per_hour is None:
        dear = first.name if all_of_theirs.usd_per_hour is None else experiment.system.profile_name
        raise Infeasible(f"matched by price, but none is known for {dear}: {RENT} gives one")
    if one.usd_per_hour == 0:
        raise Infeasible(f"matched by price, but an hour of {experiment.system.profile_name} costs nothing")
    return all_of_theirs.usd_per_hour / one.usd_per_hour * mine.unit


def _by_deadline(name: str, experiment: Experiment, days: float) -> Side:
    """The smallest cluster that meets the deadline: nodes are doubled until one does, then halved in between.

    Numbers that divide better may make a smaller cluster faster than a larger one, so those just below are tried as well.
    """
    node = experiment.machine.unit

    def attempt(nodes: int) -> tuple[Side, bool]:
        side = _simulated(name, _with_gpus(experiment, nodes * node), "deadline")
        return side, side.prediction is not None and side.prediction.days_to_train <= days

    best: Side | None = None
    slowest: Side | None = None
    low, high = 0, 1
    while high * node <= LARGEST and best is None:
        side, met = attempt(high)
        if met:
            best = side
        else:
            slowest = _nearer(side, slowest)
            low, high = high, 2 * high
    if best is None:
        assert slowest is not None
        if slowest.prediction is None:
            said = slowest.infeasible
        else:
            shortest = slowest.prediction
            said = f"{shortest.n_systems} GPUs take {shortest.days_to_train:.3g} days"
        problem = f"no cluster of up to {LARGEST} GPUs meets {days:.3g} days: {said}"
        return Side(name, experiment, "deadline", None, problem)
    while high - low > 1:
        middle = (low + high) // 2
        side, met = attempt(middle)
        if met:
            best, high = side, middle
        else:
            low = middle
    for nodes in range(max(1, ceil(CLOSE * high), high - BELOW), high):
        side, met = attempt(nodes)
        if met:
            return side
    return best


def _with_a_batch_near(name: str, experiment: Experiment, days: float, asked: Side) -> Side:
    """The side as it was asked, or a smaller cluster that meets the deadline with a batch near the one that was: it is preferred,
    not required."""
    batch, node = experiment.training.batch, experiment.machine.unit
    if not isinstance(batch, int):
        return asked
    most = LARGEST // node + 1 if asked.prediction is None else asked.prediction.n_systems // node

    def of(nodes: int, batch: int) -> Experiment:
        training = experiment.training.model_copy(update={"batch": batch})
        return _with_gpus(experiment.model_copy(update={"training": training}), nodes * node)

    def estimated(nodes: int, batch: int) -> float:
        try:
            job = job_of(of(nodes, batch))
            return PhaseTime.of(job, strategy_of(job.kind).estimate(job)).days
        except Infeasible:
            return inf

    def attempt(nodes: int, batch: int) -> Side | None:
        side = _simulated(name, of(nodes, batch), "deadline")
        return side if side.prediction is not None and side.prediction.days_to_train <= days else None

    found = smaller_cluster(batches_near(batch), most, days, estimated, attempt)
    if found is None:
        return asked
    side, other = found
    needed = "no cluster does it" if asked.prediction is None else f"{asked.prediction.n_systems:,} GPUs are needed"
    note = f"batch {other:,} instead of {batch:,}, with which {needed}"
    return replace(side, note=note)


def _nearer(side: Side, other: Side | None) -> Side:
    """The one that comes closer to a deadline."""
    if other is None or other.prediction is None:
        return side
    if side.prediction is None:
        return other
    return min(side, other, key=lambda one: one.prediction.days_to_train if one.prediction is not None else inf)


def _with_gpus(experiment: Experiment, gpus: int) -> Experiment:
    return experiment.model_copy(update={"system": experiment.system.counting(gpus)})
