"""One profile number by number with its provenance, or a model's geometry, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from wafersim.errors import WafersimError, did_you_mean, shortened
from wafersim.inputs.gpu_profile import GpuClusterProfile, GpuProfile, GpuSoftwareProfile
from wafersim.inputs.importers.layouts import is_params
from wafersim.inputs.importers.setting import Setting
from wafersim.inputs.model import find_model
from wafersim.inputs.model_file import FROM, read_model_file
from wafersim.inputs.phase import PhaseSpec
from wafersim.inputs.profile import ClusterProfile, SystemProfile, named
from wafersim.inputs.profile_file import find_profile, read_profile
from wafersim.inputs.resources import is_path, names
from wafersim.inputs.sourced import Sourced
from wafersim.inputs.yaml_file import read_yaml
from wafersim.report.imports import lines_of
from wafersim.workload.model import Model, active_parameters, main_parameters, mtp_parameters, read_model

DEFAULTS = {each.name: each.default for each in fields(Model)}  # of what is only said where it differs


def show(name: str) -> str:
    """A profile (by path, name or alias) number by number, or a model; raises WafersimError with the nearest name."""
    path = _file(name)
    if path.suffix == ".json":
        return _show_model(read_model_file(path).model)
    values = read_yaml(path).values
    if is_params(values) or FROM in values:
        return _show_model(read_model_file(path).model, read_model_file(path).settings)
    if {"training", "sides"} & set(values):
        command = "compare" if "sides" in values else "run"
        raise WafersimError(f"{name}: no hardware and no model; `wafersim {command} {name}` runs it")
    if "d_model" in values:
        return _show_model(read_model(path))
    profile = read_profile(path)
    lines = [f"{profile.name}: {profile.title} ({profile.kind})", ""]
    if isinstance(profile, ClusterProfile):
        lines += [
            f"system   {named(profile.system)}",
            f"memoryx  {named(profile.memoryx)}",
            f"swarmx   {named(profile.swarmx)}",
            "",
        ]
    if isinstance(profile, GpuClusterProfile):
        lines += [
            f"GPU {named(profile.gpu)}, software {named(profile.software)} unless an experiment names another",
            "",
        ]
    if isinstance(profile, GpuSoftwareProfile):
        lines += [f"{name:28} {'yes' if value else 'no'}" for name, value in profile if isinstance(value, bool)] + [""]
    if isinstance(profile, SystemProfile):
        lines += [
            f"default MemoryX {named(profile.default_memoryx)}, default SwarmX {named(profile.default_swarmx)}",
            "",
        ]
    numbers = [(field, number) for field, number in profile.values if isinstance(number, Sourced)]
    lines += list(_numbers(numbers))
    if isinstance(profile, GpuProfile) and profile.rings:
        lines += ["", "rings of a few GPUs: share of collective_bandwidth"]
        lines += list(_numbers([(f"{gpus} GPUs", share) for gpus, share in profile.rings.items()]))
    if isinstance(profile, SystemProfile):
        for family, constants in profile.kernel_code.items():
            lines += ["", f"kernel code, {family}: cycles"]
            lines += list(_numbers(list(constants.items())))
        lines += ["", "software releases: speed relative to R2.1 and later"]
        lines += list(_numbers([(release, number) for release, number in profile.releases.items()]))
    offers = profile.offers if isinstance(profile, SystemProfile | GpuClusterProfile) else {}
    if offers:
        lines += ["", "offers: other prices an hour (run.money.offer)", *_numbers(list(offers.items()))]
    return "\n".join(lines)


def _file(name: str) -> Path:
    """What `run` would find under the name: here, in $WAFERSIM_PATH, then among what is shipped."""
    here = Path() if is_path(name) else None
    for find in (find_model, find_profile):
        try:
            return find(name, here)
        except WafersimError as error:
            refused = error
    if is_path(name):
        raise refused
    known = [*names("models"), *names("hardware")]
    listed = "; `wafersim list hardware` and `wafersim list models` show all"
    raise WafersimError(f"nothing is called {shortened(name)}{did_you_mean(name, known) or listed}")


def _numbers(numbers: list[tuple[str, Sourced]]) -> Iterator[str]:
    for name, number in numbers:
        error = "" if number.standard_error is None else f"+-{100 * number.standard_error:.0f} %"
        yield f"{name:22} {number.written:>14} {error:>7} {number.kind:10} {number.date:10}  {number.origin}"
        if number.note:
            yield f"{'':60}{number.note}"


def _show_model(model: Model, settings: Sequence[Setting] = ()) -> str:
    published = f" (published {float(model.published_parameters):,.0f})" if model.published_parameters else ""
    lines = [f"{model.name}: {main_parameters(model):,} parameters{published}"]
    if model.mtp_blocks:
        lines.append(f"{mtp_parameters(model):,} more in modules of multi-token prediction")
    if model.experts > 1:
        lines.append(
            f"{active_parameters(model):,} of them met by a token ({model.experts_per_token} of {model.experts} experts)"
        )
    lines += [
        f"{field:20} {value}"
        for field, value in vars(model).items()
        if field not in ("name", "published", "imported") and value != DEFAULTS.get(field, "")
    ]
    lines.append("other fields         as by default (docs/models.md)")
    if model.imported is not None:
        lines += ["", *lines_of(model.imported.to_json(), apart=True)]
    if settings:
        lines += ["  what an experiment that does not say it takes from here"]
        lines += [f"    {one.path:40} {one.value} ({one.said})" for one in settings]
    lines += [f"published {key:22} {_said(value)}" for key, value in (model.published or {}).items()]
    return "\n".join(lines)


def _said(value: float | tuple[PhaseSpec, ...]) -> str:
    """A number, or the parts of a run one after the other."""
    if not isinstance(value, tuple):
        return str(value)
    places = [f" on {phase.systems}" if phase.systems else "" for phase in value]
    return ", then ".join(f"{p.steps:,} steps of {p.batch:,}{place}" for p, place in zip(value, places, strict=True))
