"""What `auto` settles on GPUs: the layout that was asked for, or the fastest of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.verdict import check, verdict_of
from wafersim.inputs.machine import AnyMachine, GpuMachine
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.closed_form import lower_bound
from wafersim.strategies.gpu_parallel.layouts import notes_of, resolve, schedule_of
from wafersim.strategies.gpu_parallel.search import Candidate, Found, bounded, estimated, fastest, search, settled
from wafersim.strategies.gpu_parallel.search_together import alike, fastest_of_each
from wafersim.strategies.gpu_parallel.space import Space
from wafersim.strategies.job import Job


@dataclass(frozen=True)
class Choice:
    """The split of a step over GPUs; `found` is what a search went through, where there was one."""

    geometry: Geometry
    layout: Layout
    schedule: str
    notes: tuple[str, ...]
    found: Found | None


def choose(job: Job, told: bool = True, known: Candidate | None = None) -> Choice:
    """Search if anything is left open, check. Raises Infeasible with the reason.

    Not `told`, what a search went through is left out; `known` is what it would find.
    """
    spec, machine, model = _spec(job), clusters_of(job.machine), job.workload.model
    cluster = cluster_of_job(job, machine)
    if machine.most is not None and job.count > machine.most:
        raise Infeasible(f"{machine.name} has {machine.most} GPUs, not {job.count}")
    geometry, found = Geometry.of(job.workload), None
    if spec.searched:
        found = search(space_of(job), spec) if told else None
        spec = settled(spec, found.best[0] if found else known or fastest(space_of(job), spec))
    layout = resolve(spec, model, job.count, job.training.batch, cluster)
    schedule = schedule_of(spec, int(layout.virtual_stages))
    if job.must_fit:
        check(geometry, layout, cluster, schedule)
    verdict = verdict_of(geometry, layout, cluster, schedule)
    assumed = (machine.assumed,) if machine.assumed else ()
    unsure = () if verdict.words == "fits" else (str(verdict),)
    return Choice(geometry, layout, schedule, (*assumed, *unsure, *notes_of(geometry, layout, cluster)), found)


@dataclass
class Prospects:
    """A job, as one that chooses among splits; the fastest of them where it is known."""

    job: Job
    fastest: Candidate | None = None

    def choice(self) -> Choice:
        """The fastest split, without what a search went through."""
        return choose(self.job, told=False, known=self.fastest)


def look_ahead(prospects: Sequence[Prospects]) -> None:
    """Search for jobs together that differ in numbers of the machine alone."""
    groups: dict[tuple[object, ...], list[tuple[Prospects, Space]]] = {}
    for each in prospects:
        if _spec(each.job).searched:
            space = space_of(each.job)
            groups.setdefault(alike(space, _spec(each.job)), []).append((each, space))
    for group in groups.values():
        if len(group) > 1:
            found = fastest_of_each([space for _, space in group], _spec(group[0][0].job))
            for (each, _), candidate in zip(group, found, strict=True):
                each.fastest = candidate


def again(job: Job, kept: Choice) -> Choice:
    """The split of another phase of a run: that of its last one, with more or fewer replicas where it has other GPUs.

    Raises Infeasible with the reason.
    """
    spec, machine = _spec(job), clusters_of(job.machine)
    if kept.found is not None:
        left = spec.data
        spec = settled(spec, kept.found.best[0]).model_copy(update={"data": left})
    geometry, cluster = Geometry.of(job.workload), cluster_of_job(job, machine)
    layout = resolve(spec, job.workload.model, job.count, job.training.batch, cluster)
    # A pipeline that has no more micro-batches under way keeps no more.
    smaller = geometry == kept.geometry and replace(kept.layout, micro_batches=layout.micro_batches) == layout
    if job.must_fit and not (smaller and layout.micro_batches <= kept.layout.micro_batches):
        if machine.most is not None and job.count > machine.most:
            raise Infeasible(f"{machine.name} has {machine.most} GPUs, not {job.count}")
        check(geometry, layout, cluster, kept.schedule)
    return Choice(geometry, layout, kept.schedule, (), None)


def estimate(job: Job) -> float:
    """Seconds of the fastest split by the closed form alone. Raises Infeasible where none fits."""
    return estimated(space_of(job), _spec(job))


def bound(job: Job) -> float:
    """Seconds that no split that fits beats. Raises Infeasible where none does, or where the split asked for cannot run."""
    spec = _spec(job)
    if spec.searched:
        return bounded(space_of(job), spec)
    kept = choose(job)
    cluster, split_backward = cluster_of_job(job, clusters_of(job.machine)), kept.schedule == "zero-bubble"
    return float(np.max(lower_bound(kept.geometry, kept.layout, cluster, split_backward)))


def space_of(job: Job) -> Space:
    """Everything that a search holds fixed."""
    cluster, training = cluster_of_job(job, clusters_of(job.machine)), job.training
    geometry, clipping = Geometry.of(job.workload), clips(job)
    return Space(geometry, job.workload.model, cluster, job.count, training.batch, clipping, training.grain)


def clips(job: Job) -> bool:
    """Whether the step waits for the norm of all gradients."""
    return job.training.gradient_clipping != "none"


def clusters_of(machine: AnyMachine) -> GpuMachine:
    """The machine as what GPU parallelism needs."""
    assert isinstance(machine, GpuMachine), f"{machine.name} has no GPUs"
    return machine


def cluster_of_job(job: Job, machine: GpuMachine) -> Cluster:
    """The machine's numbers as costs read them, with what the job says of overlap, states and a margin of memory."""
    spec = _spec(job)
    overlap = None if spec.overlap_gradients == "auto" else spec.overlap_gradients
    cluster = cluster_of(machine, overlap, job.training.optimizer, spec.states)
    free = cluster.device.memory * (1.0 - spec.memory_margin)
    return replace(cluster, device=replace(cluster.device, memory=free))


def clusters_of_job(job: Job, machines: Sequence[AnyMachine]) -> list[Cluster]:
    """The numbers of some machines, each of GPUs."""
    return [cluster_of_job(job, clusters_of(machine)) for machine in machines]


def _spec(job: Job) -> GpuParallelSpec:
    assert isinstance(job.strategy, GpuParallelSpec)
    return job.strategy
