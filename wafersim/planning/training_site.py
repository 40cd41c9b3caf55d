"""Machines on which models of any size could be trained: how fast one trains there by the simulator, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.goal import MOST_CHIPS, GoalSpec, Offer
from wafersim.inputs.machine import AnyMachine, Machine, load_any
from wafersim.inputs.model import Model
from wafersim.inputs.run import RunSpec
from wafersim.inputs.typed_machine import TypedMachine
from wafersim.metrics.footprint import Cost, Use, footprint_of
from wafersim.numbers import DAY
from wafersim.planning.candidates import Hardware, in_fourths
from wafersim.planning.model_shapes import members, usual_batch
from wafersim.simulation import jobs_of, step_seconds
from wafersim.strategies.registry import strategy_of
from wafersim.training_run.build import stated_spares
from wafersim.workload.model import parameters

SEQUENCE = 2048  # tokens, as the family was trained
EIGHTH = 8  # a batch on GPUs is rounded by an eighth at most, where their number allows


@dataclass(frozen=True, eq=False)
class Site:
    """A kind of machine, or so many of it: `count` None leaves their number open, and `sizes` are those to consider.

    `base` is an experiment on one chip: machine, strategy, operation and money of it count, its model does not.
    """

    name: str
    base: Experiment
    count: int | None
    sizes: tuple[int, ...]
    assumed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, typed: TypedMachine, count: int | None = None, run: RunSpec | None = None, batch: int | None = None
    ) -> Site:
        """Of what somebody typed; a cluster that is installed counts whole unless a number is given."""
        machine = load_any(typed.profile)
        field = "systems" if isinstance(machine, Machine) else "gpus"
        base = Experiment.model_validate(
            {
                "name": "best-model",
                "model": members()[0].name,
                "system": {"profile": typed.profile, field: 1},
                "training": {"batch": batch or "published"},
                "run": run or RunSpec(),
            }
        )
        sizes = in_fourths(machine.unit, min(MOST_CHIPS, machine.most or MOST_CHIPS))
        return cls(typed.typed, base, count or _installed(machine), sizes, (typed.assumed,) if typed.assumed else ())

    @classmethod
    def of_offer(cls, offer: Offer, goal: GoalSpec) -> Site:
        """Of a plan's candidate, within the goal's limits: an installed cluster counts whole, and so does a stated number of
        chips unless a loss or a budget says how many of them are needed."""
        hardware = Hardware.of(offer)
        run = hardware.paid.run
        pue = footprint_of(hardware.machine, [Use(1, DAY, 0.0)], run.energy, run.money).energy.pue

        def watts(count: int) -> float:
            return hardware.machine.supply(count + stated_spares(run, hardware.kind)).peak_watts * pue

        sizes = tuple(size for size in hardware.sizes(goal) if goal.power is None or watts(size) <= goal.power)
        stated = any(limit is not None for limit in (goal.chips, offer.spec.chips, offer.spec.sizes, goal.power))
        whole = _installed(hardware.machine) is not None or (stated and goal.loss is None and goal.budget is None)
        return cls(offer.name, hardware.paid, sizes[-1] if sizes and whole else None, sizes, offer.assumed)

    @cached_property
    def machine(self) -> AnyMachine:
        """Its parts, at the prices that are stated."""
        return self.base.machine

    @property
    def installed(self) -> int | None:
        """Chips of a cluster that stands somewhere; None of a kind of machine."""
        return _installed(self.machine)

    @property
    def words(self) -> str:
        """What its chips are called."""
        return strategy_of(self.base.strategy.kind).words.many

    @property
    def sequence_length(self) -> int:
        """Tokens."""
        return self.base.training.sequence_length or SEQUENCE

    @property
    def states_the_batch(self) -> bool:
        """Whether somebody stated the sequences of a step; else they are those of the family."""
        training = self.base.training
        return isinstance(training.batch, int) or isinstance(training.batch_per_system, int)

    def batches_of(self, model: Model, count: int) -> tuple[int, ...]:
        """Sequences of a step, the best first: what was asked for, or near the family's what goes round over so many chips.

        Wafers take equal shares. For GPUs it is the nearest multiple of the odd part of their number and of as many twos as
        change it by an eighth at most, over which replicas and micro-batches divide; where no split takes that, a multiple of
        more twos, up to twice the family's.
        """
        training = self.base.training
        if isinstance(training.batch, int):
            return (training.batch,)
        if isinstance(training.batch_per_system, int):
            return (training.batch_per_system * count,)
        usual = max(1, round(usual_batch(parameters(model)) * SEQUENCE / self.sequence_length))
        if isinstance(self.machine, Machine):
            return (_nearest(usual, count),)
        twos = count & -count
        multiples = [_nearest(usual, count // twos * 2**power) for power in range(twos.bit_length())]
        near = [power for power, one in enumerate(multiples) if abs(one - usual) * EIGHTH <= usual]
        first = near[-1] if near else 0
        larger = [one for one in multiples[first + 1 :] if one <= 2 * usual]
        return tuple(dict.fromkeys((multiples[first], *larger)))

    def experiment(self, model: Model, count: int, tokens: float, batch: int | None = None) -> Experiment:
        """The training of a model on so many chips; without a batch with the best one."""
        asked = {
            "sequence_length": self.sequence_length,
            "batch": batch or self.batches_of(model, count)[0],
            "batch_per_system": None,
            "tokens": tokens,
            "steps": None,
        }
        training = self.base.training.model_copy(update=asked)
        return self.base.model_copy(
            update={"model": model, "system": self.base.system.counting(count), "training": training}
        )

    def usd(self, count: int, seconds: float) -> float | None:
        """Dollars of so many chips held busy for so long, by the run's own definition; None without a price."""
        spec = self.base.run
        spares = stated_spares(spec, strategy_of(self.base.strategy.kind).words.kind)
        found = footprint_of(self.machine, [Use(count, seconds, 0.0, spares)], spec.energy, spec.money)
        usd = found.cost.usd
        return None if usd is None else float(usd)

    @cached_property
    def cost(self) -> Cost:
        """A day of one chip: its price with where that is from, or the field that would give it (`missing`)."""
        spec = self.base.run
        return footprint_of(self.machine, [Use(1, DAY, 0.0)], spec.energy, spec.money).cost


def _installed(machine: AnyMachine) -> int | None:
    return machine.most if not isinstance(machine, Machine) or machine.cluster is not None else None


def _nearest(number: int, grain: int) -> int:
    return max(1, round(number / grain)) * grain


class Speeds:
    """Tokens a second of models on so many chips of a site, simulated once each; None where one cannot run, with the reason."""

    def __init__(self, site: Site, count: int) -> None:
        self.site, self.count = site, count
        self._known: dict[Model, tuple[float, int] | None] = {}
        self.refused: dict[str, str] = {}  # by the model's name

    def tokens_per_s(self, model: Model) -> float | None:
        """Of steps alone, without what a whole run loses."""
        if model not in self._known:
            self._known[model] = self._of_a_batch(model)
        found = self._known[model]
        return None if found is None else found[0]

    def experiment(self, model: Model, tokens: float) -> Experiment:
        """The training of a model that can run."""
        found = self._known[model]
        assert found is not None, f"{model.name} cannot run"
        return self.site.experiment(model, self.count, tokens, found[1])

    def _of_a_batch(self, model: Model) -> tuple[float, int] | None:
        """(tokens a second, the batch), of the first batch that a split takes."""
        for batch in self.site.batches_of(model, self.count):
            job = jobs_of(self.site.experiment(model, self.count, 1e9, batch))[-1]
            try:
                return batch * job.workload.sequence_length / step_seconds(job), batch
            except Infeasible as reason:
                self.refused.setdefault(model.name, str(reason))
        return None

    @property
    def simulated(self) -> int:
        """Models so far."""
        return len(self._known)

    @property
    def nothing_runs(self) -> bool:
        """Whether no model that was tried can run."""
        return bool(self._known) and all(found is None for found in self._known.values())

    def cannot_run(self, model: Model) -> bool:
        """Whether no batch of a model fits or divides, which says nothing of its neighbours."""
        return model in self._known and self._known[model] is None
