"""What fails in a run: the causes of the profile of operation as an experiment changes them, and how far each may be off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from wafersim.errors import Infeasible
from wafersim.inputs.operation import FailureValues, OperationProfile
from wafersim.inputs.run import FailureSpec, RunSpec
from wafersim.inputs.sourced import Sourced
from wafersim.numbers import DAY
from wafersim.training_run.plan import Source, Strikes, Wait

STRIKES = {"stop": Strikes.STOP, "corrupt": Strikes.CORRUPT, "spike": Strikes.SPIKE}


@dataclass(frozen=True)
class Sigmas:
    """Standard deviations of logarithms of one source: the site's share of its rate, its rate's own, and its recovery."""

    site: float
    rate: float
    recovery: float


def failure_sources(spec: RunSpec, operation: OperationProfile, units: int) -> tuple[tuple[Source, ...], list[Sigmas]]:
    """Every cause of the profile as the experiment changes it, then causes of its own."""
    if spec.failures == "none":
        return (), []
    changed: Mapping[str, FailureSpec] = spec.failures
    sources, sigmas = list[Source](), list[Sigmas]()
    for cause in dict.fromkeys((*operation.failures, *changed)):
        usual, change = operation.failures.get(cause), changed.get(cause, FailureSpec())
        if usual is None and change.per_1000_days is None:
            known = ", ".join(operation.failures)
            raise Infeasible(
                f"run.failures.{cause}: {operation.name} has no such cause ({known}); one of your own needs per_1000_days"
            )
        for source in _of_cause(cause, usual, change, spec, operation, units):
            sources.append(source)
            sigmas.append(
                Sigmas(
                    site=0.0
                    if spec.site is not None or change.per_1000_days is not None or source.strikes == Strikes.SPIKE
                    else standard_error(operation.values.site),
                    rate=0.0
                    if change.per_1000_days is not None
                    else standard_error(None if usual is None else usual.per_1000_days),
                    recovery=0.0
                    if change.detection is not None
                    else standard_error(None if usual is None else usual.detection),
                )
            )
    return tuple(sources), sigmas


def standard_error(number: Sourced | None) -> float:
    """Of the logarithm of a number; 0 where there is none, or it is exact."""
    return 0.0 if number is None else number.standard_error or 0.0


def _of_cause(
    cause: str,
    usual: FailureValues | None,
    change: FailureSpec,
    spec: RunSpec,
    operation: OperationProfile,
    units: int,
) -> list[Source]:
    """One source, and one for bad units besides, where there are any; none where the cause never strikes."""
    values = operation.values

    def number(name: str, without: float) -> float:
        written = getattr(change, name)
        if written is not None:
            return float(written)
        found = None if usual is None else getattr(usual, name)
        return without if found is None else float(found.value if isinstance(found, Sourced) else found)

    of = change.of or ("unit" if usual is None else usual.of)
    per_unit = {"memoryx": values.memoryx_nodes, "swarmx": values.swarmx_nodes}.get(of)
    if of in ("memoryx", "swarmx") and per_unit is None:
        raise Infeasible(f"run.failures.{cause}.of: {operation.name} has no nodes of {of}")
    count = {"unit": units, "cluster": 1}.get(of) or ceil((per_unit.value if per_unit is not None else 1.0) * units)
    strikes = STRIKES[change.strikes or ("stop" if usual is None else usual.strikes)]
    rate = number("per_1000_days", 0.0)
    if strikes != Strikes.SPIKE:  # which is of the model and its data, not of the site
        stated = change.per_1000_days is not None
        rate *= spec.site if spec.site is not None else 1.0 if stated else values.site.value
    if rate <= 0.0:
        return []
    takes = change.takes_unit if change.takes_unit is not None else usual is not None and usual.takes_unit
    repair = number("repair", values.repair.value if takes else 0.0)
    burst = number("burst_share", 0.0)
    source = Source(
        cause=cause,
        strikes=strikes,
        units=count,
        mean_s=1000.0 * DAY / rate,
        shape=number("shape", 1.0),
        detection=Wait(number("detection", 0.0), number("detection_sigma", 0.0)),
        repair=Wait(repair, values.repair_sigma.value if takes else 0.0),
        latency_s=number("latency", 0.0),
        back_steps=int(number("back_steps", 0)),
        pool=0 if takes else -1,
        burst_share=burst,
        burst_units=int(number("burst_units", 1)),
        loses_memory=number("loses_memory", 0.0),
    )
    bad, times = number("bad_share", 0.0), number("bad_times", 1.0)
    if bad == 0.0 or times == 1.0 or strikes != Strikes.STOP:
        return [source]
    worse = min(count, max(1, round(bad * count)))
    usual_units = replace(source, units=count - worse)
    of_bad = replace(source, cause=f"{cause} (bad units)", units=worse, mean_s=source.mean_s / times, removed=True)
    return [*([usual_units] if count > worse else []), of_bad]
