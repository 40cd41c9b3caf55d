"""Machines on which models of any size could be trained: how fast one trains there by the simulator, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import AnyMachine, Machine, load_any
from wafersim.inputs.model import Model
from wafersim.inputs.profile import Profile
from wafersim.inputs.run import RunSpec
from wafersim.inputs.typed_machine import TypedMachine
from wafersim.metrics.footprint import Use, footprint_of
from wafersim.numbers import DAY
from wafersim.planning.model_shapes import usual_batch
from wafersim.simulation import jobs_of, step_seconds
from wafersim.workload.model import parameters

SEQUENCE = 2048  # tokens, as the family was trained
EIGHTH = 8  # a batch on GPUs is rounded by an eighth at most, where their number allows


UNSAID = RunSpec()


@dataclass(frozen=True, eq=False)
class Site:
    """A kind of machine, or so many of it: `count` None leaves their number open. `run` says how it is operated and paid."""

    name: str
    profile: str | Profile
    count: int | None = None
    assumed: tuple[str, ...] = ()
    run: RunSpec = UNSAID
    batch: int | None = None  # sequences of a step; None: as the family was trained

    @classmethod
    def of(
        cls, typed: TypedMachine, count: int | None = None, run: RunSpec | None = None, batch: int | None = None
    ) -> Site:
        """Of what somebody typed; a cluster that is installed counts whole unless a number is given."""
        site = cls(typed.typed, typed.profile, count, (typed.assumed,) if typed.assumed else (), run or UNSAID, batch)
        return site if count is not None else replace(site, count=site.installed)

    @cached_property
    def machine(self) -> AnyMachine:
        """Its parts."""
        return load_any(self.profile)

    @property
    def installed(self) -> int | None:
        """Chips of a cluster that stands somewhere; None of a kind of machine."""
        machine = self.machine
        return machine.most if not isinstance(machine, Machine) or machine.cluster is not None else None

    @property
    def words(self) -> str:
        """What its chips are called."""
        return "systems" if isinstance(self.machine, Machine) else "GPUs"

    def batch_of(self, model: Model, count: int) -> int:
        """Sequences of a step: what was asked for, or the family's, rounded to what goes round over so many chips.

        Wafers take equal shares. For GPUs it is the nearest multiple of the odd part of their number and of as many twos as
        change it by an eighth at most, over which replicas and micro-batches divide.
        """
        if self.batch is not None:
            return self.batch
        usual = usual_batch(parameters(model))
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
        batch = self.batch_of(model, count)
        return Experiment.model_validate(
            {
                "name": "best-model",
                "model": model,
                "system": {"profile": self.profile, field: count},
                "training": {"sequence_length": SEQUENCE, "batch": batch, "tokens": tokens},
                "run": self.run,
            }
        )

    def usd(self, count: int, seconds: float) -> float | None:
        """Dollars of so many chips held busy for so long, by the run's own definition; None without a price."""
        spec = self.run
        found = footprint_of(self.machine, [Use(count, seconds, 0.0, spec.spares or 0)], spec.energy, spec.money)
        usd = found.cost.usd
        return None if usd is None else float(usd)

    def price_field(self) -> str:
        """The field that would give the price; "" where it is known."""
        spec = self.run
        return footprint_of(self.machine, [Use(1, DAY, 0.0)], spec.energy, spec.money).cost.missing


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
