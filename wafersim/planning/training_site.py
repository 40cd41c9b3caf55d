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
            return hardware.machine.supply(count + (run.spares or 0)).peak_watts * pue

        sizes = tuple(size for size in hardware.sizes(goal) if goal.power is None or watts(size) <= goal.power)
        stated = any(limit is not None for limit in (goal.chips, offer.spec.chips, offer.spec.sizes, goal.power))
        whole = _installed(hardware.machine) is not None or (stated and goal.loss is None and goal.budget is None)
        return cls(offer.name, hardware.paid, sizes[-1] if sizes and whole else None, sizes, offer.assumed)

    @cached_property
    def machine(self) -> AnyMachine:
        """Its parts."""
        system = self.base.system
        return load_any(system.profile, system.software, system.overrides)

    @property
    def installed(self) -> int | None:
        """Chips of a cluster that stands somewhere; None of a kind of machine."""
        return _installed(self.machine)

    @property
    def words(self) -> str:
        """What its chips are called."""
        return "systems" if isinstance(self.machine, Machine) else "GPUs"

    @property
    def sequence_length(self) -> int:
        """Tokens."""
        return self.base.training.sequence_length or SEQUENCE

    @property
    def stated_batch(self) -> int | None:
        """Sequences of a step that somebody stated; None: those of the family."""
        batch = self.base.training.batch
        return batch if isinstance(batch, int) else None

    def batch_of(self, model: Model, count: int) -> int:
        """Sequences of a step: what was asked for, or the family's, rounded to what goes round over so many chips.

        Wafers take equal shares. For GPUs it is the nearest multiple of the odd part of their number and of as many twos as
        change it by an eighth at most, over which replicas and micro-batches divide.
        """
        if self.stated_batch is not None:
            return self.stated_batch
        usual = max(1, round(usual_batch(parameters(model)) * SEQUENCE / self.sequence_length))
        if isinstance(self.machine, Machine):
            return _nearest(usual, count)
        twos = count & -count
        grains = [count // twos * 2**power for power in range(twos.bit_length())]
        multiples = [_nearest(usual, grain) for grain in grains]
        near = [one for one in multiples if abs(one - usual) * EIGHTH <= usual]
        return near[-1] if near else multiples[0]

    def experiment(self, model: Model, count: int, tokens: float) -> Experiment:
        """The training of a model on so many chips."""
        field = "systems" if isinstance(self.machine, Machine) else "gpus"
        system = self.base.system.model_copy(update={field: count})
        asked = {
            "sequence_length": self.sequence_length,
            "batch": self.batch_of(model, count),
            "batch_per_system": None,
            "tokens": tokens,
            "steps": None,
        }
        training = self.base.training.model_copy(update=asked)
        return self.base.model_copy(update={"model": model, "system": system, "training": training})

    def usd(self, count: int, seconds: float) -> float | None:
        """Dollars of so many chips held busy for so long, by the run's own definition; None without a price."""
        spec = self.base.run
        found = footprint_of(self.machine, [Use(count, seconds, 0.0, spec.spares or 0)], spec.energy, spec.money)
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
        self._known: dict[Model, float | None] = {}
        self.refused: dict[str, str] = {}  # by the model's name

    def tokens_per_s(self, model: Model) -> float | None:
        """Of steps alone, without what a whole run loses."""
        if model not in self._known:
            try:
                job = jobs_of(self.site.experiment(model, self.count, 1e9))[-1]
                self._known[model] = job.training.batch * job.workload.sequence_length / step_seconds(job)
            except Infeasible as reason:
                self._known[model] = None
                self.refused[model.name] = str(reason)
        return self._known[model]

    @property
    def simulated(self) -> int:
        """Models so far."""
        return len(self._known)
