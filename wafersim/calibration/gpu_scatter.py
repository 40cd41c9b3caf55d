"""How far GPU rows scatter around the fit, group by group: within a family, between families, and what families left out show.

A family runs the same kernels on every GPU: one stack and cluster, hidden size, heads, sequence, tensor-parallel size and
micro-batch. Its rows err alike whatever their layers, replicas and stages (348 rows of one study are 30 families, 2 % within and
8 % between them), so they do not predict one another: what is left out is a family, and families are what is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from wafersim.calibration.gpu_problem import Declared, StackProblem, layout_of
from wafersim.calibration.robust import Floats, Mask, widening, without_each
from wafersim.calibration.variance import Components, components, together
from wafersim.evidence.sets.gpu_row import GpuRow
from wafersim.gpu.cluster import cluster_of
from wafersim.inputs.fit import LeftOut
from wafersim.inputs.machine import load_gpu_machine
from wafersim.metrics.interval import t_quantile
from wafersim.strategies.gpu_parallel.features import values


@dataclass(frozen=True)
class Sample:
    """Rows at the constants that they gave, as columns: what they belong to, log ratios, elasticities by constant, features."""

    rows: npt.NDArray[np.object_]  # GpuRow
    groups: npt.NDArray[np.str_]  # stack and cluster, on one node or on several
    families: npt.NDArray[np.str_]
    errors: Floats
    elasticities: Floats
    counts: Floats  # of the square of each error in the fit
    features: Floats
    widths: Floats  # of what is known of the constants beforehand, by constant

    @classmethod
    def of(cls, problem: StackProblem, constants: Floats) -> Sample:
        """The rows of a fit at its solution."""
        rows = [row for group in problem.groups for row in group.rows]
        errors: Floats = problem.robust.residuals(np.log(constants))
        loss = problem.robust.loss
        return cls(
            rows=np.array(rows, object),
            groups=np.array([row.stack for row in rows]),
            families=np.array([row.family for row in rows]),
            errors=errors,
            elasticities=problem.elasticities(constants),
            counts=np.square(problem.robust.weights / loss.scale) * loss.slope(errors),
            features=np.array([features_of(row) for row in rows]),
            widths=np.array([constant.sigma for constant in problem.constants]),
        )

    def only(self, keep: Mask) -> Sample:
        """Some of the rows."""
        by_row = {each.name: getattr(self, each.name)[keep] for each in fields(self) if each.name != "widths"}
        return Sample(**by_row, widths=self.widths)


def features_of(row: GpuRow) -> tuple[float, ...]:
    """Where its job stands, as `strategies.gpu_parallel.features` says of any job."""
    job, cluster = row.jobs()[0], cluster_of(load_gpu_machine(row.profile, row.software))
    return values(job, layout_of(job, cluster))


def scatter_of(sample: Sample, said: Declared) -> dict[str, Components]:
    """Components of each group, with the covariance of all constants under the components of all groups."""
    alone = {
        group: _of_group(sample.only(sample.groups == group), said) for group in dict.fromkeys(sample.groups.tolist())
    }
    return _with_common_covariance(alone, sample.widths)


def _of_group(sample: Sample, said: Declared) -> Components:
    """Of one group's jobs, each once: repeats are averaged."""
    at: dict[tuple[object, ...], list[int]] = {}
    for index, row in enumerate(sample.rows):
        at.setdefault(_job(row), []).append(index)
    errors: Floats = np.array([sample.errors[each].mean() for each in at.values()])
    jacobian: Floats = np.array([sample.elasticities[each].mean(axis=0) for each in at.values()])
    families = [str(sample.families[each[0]]) for each in at.values()]
    return components(errors, jacobian, families, sample.widths, said.within, said.between)


def _job(row: GpuRow) -> tuple[object, ...]:
    """What two rows share that repeat each other."""
    settings = tuple(sorted((name, str(value)) for name, value in row.settings.items()))
    return row.family, row.model.layers, row.model.d_ffn, row.model.vocab, row.gpus, row.batch, settings


def _with_common_covariance(parts: Mapping[str, Components], widths: Floats) -> dict[str, Components]:
    joint = together(list(parts.values()), widths)
    return {group: replace(part, covariance=joint) for group, part in parts.items()}


@dataclass(frozen=True)
class FamiliesLeftOut:
    """Rows predicted without their family, and the standard deviation per e-fold of distance that their errors show besides."""

    rows: Mapping[str, LeftOut]
    widening: float


def families_left_out(sample: Sample, scatter: Mapping[str, Components], said: Declared) -> FamiliesLeftOut:
    """Every family predicted by all others, with the interval that those give; none where nothing else is of its group."""
    parts = {name: sample.families == name for name in dict.fromkeys(sample.families.tolist())}
    errors = without_each(sample.errors, sample.elasticities, sample.counts, sample.widths, parts)
    found: dict[str, LeftOut] = {}
    sizes, variances, distances = [], [], []
    for name, inside in parts.items():
        kept = sample.only(~inside)
        fewer = without(sample, inside, scatter, said)
        for at, error in zip(np.flatnonzero(inside).tolist(), errors[name].tolist(), strict=True):
            group = str(sample.groups[at])
            if group not in fewer:
                continue
            half = fewer[group].half_width(sample.elasticities[at])
            found[sample.rows[at].id] = LeftOut(error=round(error, 4), half_width=round(half, 4))
            alike = kept.features[kept.groups == group]
            sizes.append(error)
            variances.append((half / t_quantile(fewer[group].degrees)) ** 2)
            distances.append(float(np.sqrt(((alike - sample.features[at]) ** 2).sum(axis=1)).min()))
    in_order = {row.id: found[row.id] for row in sample.rows if row.id in found}
    return FamiliesLeftOut(in_order, widening(sizes, variances, distances))


def without(sample: Sample, inside: Mask, scatter: Mapping[str, Components], said: Declared) -> dict[str, Components]:
    """Components of every group without some rows: anew where it loses any."""
    parts = {}
    for group, whole in scatter.items():
        mine = sample.groups == group
        if not (mine & inside).any():
            parts[group] = whole
        elif (mine & ~inside).any():
            parts[group] = _of_group(sample.only(mine & ~inside), said)
    return _with_common_covariance(parts, sample.widths)


@dataclass(frozen=True)
class Strange:
    """Rows predicted without their stack or device, and without what only it has: log ratios, elasticities to all launches."""

    errors: dict[str, float]
    hosts: dict[str, float]


def strangers(left_out: Mapping[str, Strange], rows: Sequence[GpuRow], said: Declared) -> Components:
    """Of what was left out: families of kernels around a stack, stacks around their prediction. Launches are guessed apart."""
    family = {row.id: row.family for row in rows}
    means, elasticities, names = [], [], []
    for column, (name, one) in enumerate(left_out.items()):
        by_family: dict[str, list[str]] = {}
        for row in one.errors:
            by_family.setdefault(family[row], []).append(row)
        for members in by_family.values():
            means.append(float(np.mean([one.errors[row] for row in members])))
            elasticities.append(np.eye(len(left_out))[column] * np.mean([one.hosts[row] for row in members]))
            names.append(name)
    widths = np.full(len(left_out), said.guessed)
    return components(np.array(means), np.array(elasticities), names, widths, said.between, said.between)
