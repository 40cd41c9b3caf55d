"""Other forms that a step's work might have, and the errors left out when the form, too, is chosen without the family.

The form that the simulation has was chosen with all rows in view, so that errors of families left out are too small by what the
choice gained. Here each family is predicted by the form, of all those below, that the other families left out one at a time
among themselves call best, with the constants that they give: nested cross-validation. The alternatives are what was argued
about when the form was made; none has a place in the simulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import ceil, sqrt

import numpy as np

from wafersim.calibration.robust import Floats, Mask
from wafersim.calibration.wafer_problem import fitted, job_of
from wafersim.calibration.wafer_sample import Sample
from wafersim.calibration.wafer_steps import AS_SIMULATED, Form, Rates, Work, rates_of
from wafersim.inputs.fit import Nested
from wafersim.wafer.op_cost import WaferDevice
from wafersim.workload.layer import Op


def _added(work: Floats, floor: Floats) -> Floats:
    return work + floor


def _parts(op: Op, device: WaferDevice) -> float:
    """What a product costs where a feature may lie on a part of a PE, of what whole features cost."""
    features = op.k / device.hidden_axis
    return features / ceil(features) if op.kind == "matmul" else 1.0


def _no_products(op: Op, _: WaferDevice) -> Op:
    return replace(op, head_dim=0) if op.kind == "attention" else op


def _no_exchange(device: WaferDevice) -> WaferDevice:
    return replace(device, exchange_cost=0.0)


def _program_grid(device: WaferDevice) -> WaferDevice:
    return replace(device, cores=float(device.grid_rows * device.grid_columns))


def _never(works: tuple[Work, ...]) -> tuple[Work, ...]:
    return tuple(work for work in works if work.pass_ != "recompute")


def _always(works: tuple[Work, ...]) -> tuple[Work, ...]:
    """Where a job trains, every op is passed forward twice."""
    if not any(work.pass_ == "dgrad" for work in works):
        return works
    again = tuple(replace(work, pass_="recompute") for work in works if work.pass_ == "forward")
    return (*_never(works), *again)


@dataclass(frozen=True)
class Choice:
    """A question about the form, with the simulation's answer first; any goes with any of another."""

    asked: str
    answers: tuple[tuple[str, Form], ...]


CHOICES = (
    Choice("whether rotary halves and gates cross their row of PEs", (
        ("exchange", Form()),
        ("no exchange", Form(device=_no_exchange)),
    )),
    Choice("whether a hidden feature may lie on a part of a PE", (
        ("whole features", Form()),
        ("parts of features a PE", Form(scale=_parts)),
    )),
    Choice("whether attention's products cost what a matmul's do", (
        ("products", Form()),
        ("a cost per score alone", Form(op=_no_products)),
    )),
)  # fmt: skip
ALONE = (
    ("a launch adds to its work", Form(joined=_added)),
    ("a launch hides behind longer work", Form(joined=np.maximum)),
    ("R2.0 as fast as R2.1", Form(held={"releases.R2.0": 1.0})),
    ("cores of the SDK's grid", Form(device=_program_grid)),
    ("always recomputed", Form(works=_always)),
    ("never recomputed", Form(works=_never)),
)


def forms() -> tuple[Form, ...]:
    """The simulation's, all combinations of the answers, and those that change one thing alone."""
    out = []
    for answers in product(*(choice.answers for choice in CHOICES)):
        other = [name for (name, _), choice in zip(answers, CHOICES, strict=True) if name != choice.answers[0][0]]
        form = AS_SIMULATED
        for _, answer in answers:
            form = _both(form, answer)
        out.append(replace(form, name=", ".join(other) or AS_SIMULATED.name))
    return (*out, *(replace(form, name=name) for name, form in ALONE))


def _both(one: Form, other: Form) -> Form:
    """What either changes of ops and devices."""

    def op(op: Op, device: WaferDevice) -> Op:
        return other.op(one.op(op, device), device)

    def device(device: WaferDevice) -> WaferDevice:
        return other.device(one.device(device))

    def scale(op: Op, device: WaferDevice) -> float:
        return one.scale(op, device) * other.scale(op, device)

    return Form(op=op, device=device, scale=scale)


@dataclass(frozen=True)
class NestedErrors:
    """rms of the errors of families left out by form, and each family under the form that the others choose."""

    forms: Mapping[str, float]
    families: Mapping[str, Nested]


def nested(sample: Sample, constants: Mapping[str, float]) -> NestedErrors:
    """Over the declared families of the sample; the search of a fit begins at `constants`."""
    masks = {name: np.array([of == name for of in sample.families]) for name in dict.fromkeys(sample.families)}
    of_all: dict[str, float] = {}
    best: dict[str, tuple[float, Nested]] = {}
    for form in forms():
        rates = rates_of(sample.rows, sample.steps, form)

        def without(*out: str, rates: Rates = rates) -> Floats:
            mask: Mask = np.any([masks[name] for name in out], axis=0)
            kept = [row for row, inside in zip(sample.rows, mask.tolist(), strict=True) if not inside]
            return rates.log_ratios(fitted(kept, sample.said, rates.only(~mask), constants))

        alone = {name: without(name) for name in masks}
        pairs = {frozenset(pair): without(*pair) for pair in combinations(masks, 2)}
        of_all[form.name] = _rms([job for name in masks for job in jobs_of(sample, alone[name], masks[name])])
        for out in masks:
            others = [name for name in masks if name != out]
            score = _rms(
                [job for name in others for job in jobs_of(sample, pairs[frozenset((out, name))], masks[name])]
            )
            if out not in best or score < best[out][0]:
                at = np.flatnonzero(masks[out]).tolist()
                best[out] = (
                    score,
                    Nested(
                        form=form.name, errors={sample.rows[each].id: round(float(alone[out][each]), 4) for each in at}
                    ),
                )
    return NestedErrors(of_all, {name: of for name, (_, of) in best.items()})


def jobs_of(sample: Sample, errors: Floats, mask: Mask) -> list[float]:
    """The mean error of each job among some rows, as a ratio - 1: repeats count once."""
    found: dict[tuple[object, ...], list[float]] = {}
    for row, error, inside in zip(sample.rows, np.expm1(errors).tolist(), mask.tolist(), strict=True):
        if inside:
            found.setdefault(job_of(row), []).append(error)
    return [sum(each) / len(each) for each in found.values()]


def _rms(errors: Sequence[float]) -> float:
    return round(sqrt(float(np.mean(np.square(errors)))), 5)
