"""The cells of a whole run as an experiment: model, machine, batch and split, as stated, as its study has them, or assumed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from math import ceil, gcd, log2
from typing import Any

from pydantic import ValidationError

from wafersim import quantity
from wafersim.errors import Infeasible, WafersimError
from wafersim.evidence.cells import number, stated, whole
from wafersim.evidence.rows import Cells
from wafersim.evidence.sets.gpu_cells import Reader
from wafersim.evidence.sets.gpu_model import models_of
from wafersim.evidence.sets.gpu_sources import OWN, sources
from wafersim.evidence.tables import read_data
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import GpuMachine, load_any, load_gpu_machine
from wafersim.inputs.machine_names import gpus_called
from wafersim.inputs.profile import named
from wafersim.workload.model import Model, parameters

USUAL_BATCH = 4e6  # tokens of a step where no batch is stated
LEAST_ON_ONE = 1024  # tokens of a step on each of many devices: 16 M on the 16,384 of Llama 3 405B
MONTH, USUAL_MFU, USUAL_ON_ONE = (
    30 * 86_400.0,
    0.4,
    2048,
)  # of a run whose number of devices is not stated; 4 M on LLaMA's 2,048
ROUNDED = 0.05  # share by which a stated number of tokens may be rounded
LARGEST_SPLIT = 256  # devices that share a sequence, at the most
NEAR = 0.02  # share by which a stated number of parameters may be rounded
FAR = 0.15  # beyond this it is another model
WAFERS = {"cs-1": "cs1", "cs-2": "condor-galaxy-1", "cs-3": "alcf-cs3"}
SPLIT = {  # column -> field of the strategy
    "tp": "tensor", "pp": "pipeline", "dp": "data", "cp": "context", "ep": "expert", "vp_stages": "virtual_stages",
    "micro_batch": "micro_batch", "zero_stage": "zero_stage",
}  # fmt: skip
NO_FAILURES = ("computed from", "step time", "step-time", "no failures", "without failures")  # in `kind`: steps alone
OPEN = ("tensor", "pipeline", "micro_batch", "recompute", "virtual_stages")


@dataclass(frozen=True)
class Study:
    """What is known of the runs that one publication describes."""

    name: str = ""
    text: str = ""  # that its rows' column `source` holds
    source: str = ""
    cluster: str = ""
    clusters: dict[str, str] = field(default_factory=dict)  # by GPU
    software: str = ""
    strategy: dict[str, Any] = field(default_factory=dict)
    experiment: str = ""  # the shipped one that is this run, whatever else its columns say


@dataclass(frozen=True)
class Run:
    """A whole run as an experiment. `losses`: whether failures and saves are inside what is published of it; `searched`: whether
    its split is; `peak`: FLOP/s of one of its devices, which are of a `kind`; `named`: whether their number is stated."""

    experiment: Experiment
    model: Model
    tokens: float
    devices: int
    named: bool
    kind: str
    peak: float
    searched: bool
    losses: bool
    assumed: tuple[str, ...]

    @property
    def flops(self) -> float:
        """6 for each parameter and token, as people estimate them."""
        return 6.0 * parameters(self.model) * self.tokens


def run_of(cells: Cells) -> Run:
    """Raises Infeasible where a row does not state enough, or names a machine that cannot be simulated."""
    study, said = _study(cells.get("source", "")), list[str]()
    tokens, length = _tokens(cells), whole("seq_len", _needed(cells, "seq_len"))
    model = _model(cells, said)
    profile, software, on_gpus = _machine(cells, study, said)
    machine = load_any(profile, software, {})
    peak = machine.peak_flops
    inside = not any(words in cells.get("kind", "").lower() for words in NO_FAILURES)
    count = _count(cells)
    devices = count or _usual_count(6.0 * parameters(model) * tokens, peak)
    if count is None:
        said.append(f"{devices} devices: about a month, and {USUAL_ON_ONE:,} tokens or more of a step on each")
    batch = _batch(cells, length, devices, said)
    strategy = _strategy(cells, study, model) if on_gpus else {}
    training = {"sequence_length": length, "batch": batch, "tokens": tokens}
    system = {"profile": profile, "software": software, "gpus" if on_gpus else "systems": devices}
    name = re.sub(r"[^A-Za-z0-9._-]", "-", cells["id"]).lstrip("._-")[:80] or "run"
    fields = {"name": name, "model": model, "system": system, "strategy": strategy, "training": training}
    if study.experiment:
        return _of_experiment(load_experiment(study.experiment), model, tokens, inside)
    try:
        experiment = Experiment.model_validate({key: value for key, value in fields.items() if value})
    except ValidationError as wrong:
        fault = wrong.errors()[0]
        raise Infeasible(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    kind = _kind(machine) if isinstance(machine, GpuMachine) else profile
    searched = any(name not in strategy for name in OPEN) if on_gpus else False
    if study.name:
        said.append(f"{', '.join(f'{key} {value}' for key, value in study.strategy.items())} ({study.name})")
    return Run(experiment, model, tokens, devices, count is not None, kind, peak, searched, inside, tuple(said))


def _of_experiment(experiment: Experiment, model: Model, tokens: float, losses: bool) -> Run:
    """A run that a shipped experiment is: `run` says the same of it."""
    system, count = experiment.system, experiment.system.count
    machine = load_any(system.profile, system.software, system.overrides)
    assert isinstance(machine, GpuMachine)
    said = (f"everything as in the experiment {experiment.name}",)
    return Run(experiment, model, tokens, count, True, _kind(machine), machine.peak_flops, False, losses, said)


def _kind(machine: GpuMachine) -> str:
    """Of GPUs, whatever their memory: a100."""
    return machine.gpu.name.partition("-")[0]


@cache
def _studies() -> tuple[Study, ...]:
    return tuple(Study(name=name, **known) for name, known in read_data("training_rows.yaml")["studies"].items())


def _study(source: str) -> Study:
    return next((study for study in _studies() if study.text in source), Study())


def _needed(cells: Cells, name: str) -> str:
    text = stated(cells, name)
    if not text:
        raise Infeasible(f"{name} is not stated")
    return text


def _tokens(cells: Cells) -> float:
    text = _needed(cells, "tokens")
    try:
        found = quantity.parse(text.replace(",", ""), "number of tokens")
    except ValueError as wrong:
        raise Infeasible(f"tokens {wrong}") from None
    if not 1 <= found < 1e18:
        raise Infeasible(f"tokens must be from 1 up to 1e18 (got {text!r})")
    return found


def _model(cells: Cells, said: list[str]) -> Model:
    """The reading of the columns that has the stated parameters; all heads have keys of their own where that comes near."""
    heads, target = whole("heads", _needed(cells, "heads")), stated(cells, "params")
    columns = dict.fromkeys(("mlp", "kv_heads", "head_dim", "experts", "experts_per_token", "source", "model"), "")
    row = {**columns, **cells, "params_b": repr(number("params", target) / 1e9) if target else ""}
    keys = [n for n in dict.fromkeys((heads, 8, 4, 2, 1)) if heads % n == 0 and n <= heads]
    options = (
        [row] if stated(cells, "kv_heads") else [{**row, "kv_heads": str(n)} for n in (keys if target else keys[:1])]
    )
    found = [model for option in options for model in models_of(Reader(option, sources()[OWN]), 1)]
    if not target:
        return found[0]
    errors = [abs(parameters(model) / float(target) - 1.0) for model in found]
    least = min(errors)
    if least > FAR:
        shape = parameters(found[errors.index(least)])
        raise Infeasible(f"the shape has {shape:.3g} parameters, params says {float(target):.3g}")
    # A number that one reading meets to a part in 500 is exact; a rounded one goes to the usual reading.
    usual = next((at for at, error in enumerate(errors) if error <= NEAR), errors.index(least))
    at = errors.index(least) if least < NEAR / 10 else usual
    model = found[at]
    said.append(f"{model.mlp}, {model.kv_heads} key and value heads ({errors[at]:.1%} off params)")
    return model


def _machine(cells: Cells, study: Study, said: list[str]) -> tuple[str, str | None, bool]:
    """(profile, software or None for its own, whether it is made of GPUs)."""
    device = _needed(cells, "device")
    if found := re.fullmatch(r"(?:cerebras\s+)?cs-?([123])", device.strip().lower()):
        profile = WAFERS[f"cs-{found[1]}"]
        said.append(f"on {profile}")
        return profile, stated(cells, "software") or None, False
    called = gpus_called(stated(cells, "cluster") or device)
    profile = called.profile
    if not stated(cells, "cluster"):
        gpu = load_gpu_machine(profile).gpu.name
        profile = study.cluster or study.clusters.get(gpu, profile)
    software = stated(cells, "software") or study.software or named(load_gpu_machine(profile).network.software)
    try:
        load_gpu_machine(profile, software)
    except WafersimError as unknown:
        raise Infeasible(str(unknown)) from None
    said += [called.assumed] * bool(called.assumed) + [f"{software} on {profile}"]
    return profile, software, True


def _count(cells: Cells) -> int | None:
    text = stated(cells, "n_devices")
    try:
        return whole("n_devices", text) if text else None
    except Infeasible:
        return None  # hours need none


def _usual_count(flops: float, peak: float) -> int:
    """The power of two of devices that take about a month, up to what a usual batch keeps busy."""
    return int(
        2 ** max(3, min(ceil(log2(USUAL_BATCH / USUAL_ON_ONE)), round(log2(flops / (USUAL_MFU * peak * MONTH)))))
    )


def _batch(cells: Cells, length: int, devices: int, said: list[str]) -> int:
    """Sequences of a step: the column `global_batch` or the remarks, in sequences or tokens; else 4 M tokens, or more on many.

    Tokens are rounded numbers, and the nearest batch that goes round the devices is taken.
    """
    text = stated(cells, "global_batch")
    remark = re.search(r"\bbatch (?:of )?(\d[\d.,]*)\s*([KM])?\s*(tokens)?", cells.get("notes", ""))
    if text:
        found = re.fullmatch(r"([\d.,]+(?:e\+?\d+)?)\s*([KM])?\s*(tokens|sequences)?", text)
        if found is None:
            raise Infeasible(f"global_batch must be sequences or tokens, such as 1024 or 4 M tokens (got {text!r})")
    else:
        found = remark
    if found is None:
        usual = max(USUAL_BATCH, LEAST_ON_ONE * devices)
        sequences = _round(usual / length, devices)
        said.append(f"batch {sequences}: {quantity.format(float(f'{usual:.2g}'), 'number of tokens')} tokens")
        return sequences
    size = number("global_batch", found[1].rstrip(".,")) * {"K": 1e3, "M": 1e6}.get(found[2] or "", 1.0)
    of_tokens = bool(found[2]) or found[3] == "tokens" or size * length > 1e9
    if not of_tokens:
        exact = whole("global_batch", repr(size))
        if devices // gcd(exact, devices) <= LARGEST_SPLIT:
            return exact
    sequences = _round(size if not of_tokens else size / length, devices, ROUNDED)
    tokens = f"{quantity.format(size, 'number of tokens')} tokens"
    said.append(f"batch {sequences}: {tokens if of_tokens else f'{size:,.0f} do not go round {devices} devices'}")
    return sequences


def _round(sequences: float, devices: int, within: float = 1.0) -> int:
    """The nearest multiple of the devices, or of a half, a quarter, ... of them where they are more, or it is not `within`."""
    part = devices
    while part % 2 == 0 and (part > sequences or abs(round(sequences / part) * part / sequences - 1.0) > within):
        part //= 2
    return max(1, round(sequences / part)) * part


def _strategy(cells: Cells, study: Study, model: Model) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for column, name in SPLIT.items():
        if text := stated(cells, column):
            own[name] = int(text) if column == "zero_stage" and text == "0" else whole(column, text)
    for column in ("recompute", "precision"):
        if text := stated(cells, column):
            own[column] = text.lower()
    experts = {"expert": "auto"} if model.experts > 1 else {}
    return {"kind": "gpu-parallel", "show": 1, **experts, **study.strategy, **own}
