"""Calibrated constants of GPUs, clusters and training stacks, from the rows marked `fit`, all at once (`gpu_problem.py`).

With them: how far rows scatter around them (`gpu_scatter.py`), and what a stack or a device without rows of its own adds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import expm1, sqrt

import numpy as np

from wafersim.calibration.gpu_extremes import beyond
from wafersim.calibration.gpu_problem import declared, fit_rows, fit_stacks, groups_of, layout_of, ratios_of
from wafersim.calibration.gpu_scatter import Sample, Strange, families_left_out, scatter_of, strangers
from wafersim.calibration.record import Change, Found, correlations, fit_constants, rounded, today
from wafersim.calibration.robust import standard_errors
from wafersim.evidence.sets.gpu_row import GpuRow
from wafersim.evidence.sets.memory import lost_memory
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry
from wafersim.gpu.memory import memory_use
from wafersim.inputs.fit import Fit
from wafersim.inputs.machine import load_gpu_machine, numbers
from wafersim.strategies.gpu_parallel.features import NAMES

STACKS = {  # left out one at a time
    "Megatron-DeepSpeed of vTrain": ("megatron-deepspeed",),
    "Megatron-DeepSpeed of BLOOM": tuple(f"megatron-deepspeed-bloom{release}" for release in ("", "-early", "-bf16")),
    "llm-foundry": ("llm-foundry-bf16", "llm-foundry-amp", "llm-foundry-amp-h100"),
}
DEVICES = {"H100": "h100-80gb"}  # left out one at a time: profiles of GPUs with rows on which others' can be guessed


def workspace(rows: Sequence[GpuRow]) -> dict[str, float]:
    """{software: bytes}: the median of what GPUs were seen to use beyond the model's terms and `usable_memory`."""
    beyond: dict[str, list[float]] = {}
    for row in rows:
        if row.memory is not None:
            job, cluster = row.jobs()[0], cluster_of(load_gpu_machine(row.profile, row.software))
            layout = layout_of(job, cluster)
            bare = replace(cluster, software=replace(cluster.software, workspace=0.0))
            used = float(np.max(memory_use(Geometry.of(job.workload), layout, bare).total))
            beyond.setdefault(row.software, []).append(row.memory - used - lost_memory(row.profile))
    return {software: float(np.median(sizes)) for software, sizes in beyond.items()}


def _without(rows: Sequence[GpuRow], mine: Sequence[GpuRow], strange: Collection[str]) -> Strange:
    """`mine` under the fit of all other rows, where nothing is known of what only the profiles in `strange` have."""
    out = {row.id for row in mine}
    found = fit_stacks([row for row in rows if row.id not in out], strange)
    groups = groups_of(mine)
    errors = ratios_of(groups, found.constants, found.values)
    hosts = [host for group in groups for host in group.hosts(found.constants, found.values).tolist()]
    return Strange(
        {row.id: round(errors[row.id], 4) for row in mine},
        dict(zip([row.id for group in groups for row in group.rows], hosts, strict=True)),
    )


def _stacks_left_out(rows: Sequence[GpuRow]) -> dict[str, Strange]:
    """By stack."""
    found = {}
    for name, belongs in STACKS.items():
        mine = [row for row in rows if row.software in belongs]
        of_others = {row.profile for row in rows if row.software not in belongs}
        found[name] = _without(rows, mine, {*belongs, *(row.profile for row in mine)} - of_others)
    return found


def _devices_left_out(rows: Sequence[GpuRow]) -> dict[str, Strange]:
    """By device: its rows, with the stack known."""
    found = {}
    for name, device in DEVICES.items():
        mine = [row for row in rows if gpu_of(row) == device]
        found[name] = _without(rows, mine, {device, *(row.profile for row in mine), *(row.software for row in mine)})
    return found


def gpu_of(row: GpuRow) -> str:
    """The profile of a row's GPU."""
    return load_gpu_machine(row.profile).gpu.name


def fit_gpus(own: Sequence[GpuRow] = ()) -> Found:
    """Constants, spread by group, and what a stack or a device without rows of its own adds."""
    rows, said = [*fit_rows(), *own], declared()
    found = fit_stacks(rows)
    sample = Sample.of(found.problem, found.values)
    scatter = scatter_of(sample, said)
    known = next(iter(scatter.values())).covariance
    left_out = families_left_out(sample, scatter, said)
    stacks, devices = _stacks_left_out(rows), _devices_left_out(rows)
    strange, new = strangers(stacks, rows, said), strangers(devices, rows, said)
    widest = max(part.total for part in scatter.values())
    fit = Fit(
        set="gpu",
        date=today(),
        rows=tuple(row.id for row in rows),
        constants=fit_constants(
            [(c.name, float(value), c.places) for c, value in zip(found.constants, found.values, strict=True)], known
        ),
        correlations=correlations(known),
        spread={group: rounded(part.within, 3) for group, part in scatter.items()},
        between={group: rounded(part.between, 3) for group, part in scatter.items()},
        degrees={group: part.degrees for group, part in scatter.items()},
        transfer=_besides(strange.total, widest),
        transfer_degrees=strange.degrees_of_total,
        devices=tuple(sorted({gpu_of(row) for row in rows})),
        new_device=_besides(new.total, strange.total),
        guessed=said.guessed,
        beyond=beyond(sample, scatter, said),
        widening=dict.fromkeys(scatter, rounded(max(left_out.widening, said.widening), 3)),
        features=NAMES,
        behind={group: behind(sample, group) for group in scatter},
        left_out=dict(left_out.rows),
        families={name: one.errors for name, one in {**stacks, **devices}.items()},
    )
    changes = [
        Change(profile, ("values", constant.number), value, error)
        for constant, value, error in zip(
            found.constants, found.values.tolist(), standard_errors(known).tolist(), strict=True
        )
        for profile in constant.sets
    ]
    changes += [Change(software, ("values", "workspace"), size) for software, size in workspace(fit_rows()).items()]
    errors = {row.id: _error(row, error) for row, error in zip(sample.rows, sample.errors.tolist(), strict=True)}
    return Found(fit, tuple(changes), {row.id: errors[row.id] for row in rows})


def _besides(whole: float, part: float) -> float:
    """The standard deviation that makes `whole` of `part`."""
    return rounded(sqrt(max(0.0, whole**2 - part**2)), 3)


def behind(sample: Sample, group: str) -> tuple[tuple[float, ...], ...]:
    """Features of a group's rows, each once."""
    return tuple(sorted({tuple(row) for row in sample.features[sample.groups == group].tolist()}))


def _error(row: GpuRow, log_ratio: float) -> float:
    """Of the value as it is stated: a rate is too low where the time is too high."""
    return expm1(log_ratio if row.metric == "iteration_time" else -log_ratio)


def refused(row: GpuRow) -> str | None:
    """Why a user's row can set nothing."""
    if row.open:
        return f"{', '.join(row.open)} not stated"
    machine = load_gpu_machine(row.profile, row.software)
    fitted = {place for constant in declared().constants for place in constant.places}
    if not any(origin in fitted for _, _, origin in numbers(machine)):
        return f"no number of {row.profile} with {row.software} is fitted"
    return None
