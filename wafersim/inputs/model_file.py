"""A model of a file, whoever wrote it: a model file of ours, a config.json of Hugging Face, a params.yaml of Model Zoo.

In an experiment that is `model: PATH`, or `model: {from: PATH, ...}` with fields that replace what the file says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wafersim.errors import Fault, InputFaults, WafersimError, shortened
from wafersim.inputs.faults import problems, validated
from wafersim.inputs.file_cache import of_file
from wafersim.inputs.imported import OURS, Imported
from wafersim.inputs.importers.layouts import is_config, is_params
from wafersim.inputs.importers.setting import Setting
from wafersim.inputs.model import ADAPTER, Model, find_model
from wafersim.inputs.model_defaults import with_defaults_told
from wafersim.inputs.resources import is_path, shipped_name
from wafersim.inputs.yaml_file import Path_, YamlFile, read_json, read_yaml

FROM = "from"
PUBLISHED = ("published", "published_parameters", "published_rounded")  # of a model that was changed no more


@dataclass(frozen=True)
class ModelFile:
    """The model of a file, and what the file says of the training job beside it."""

    model: Model
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class _Read:
    """The fields of a file's model; where each stands in it."""

    file: YamlFile
    fields: dict[str, Any]
    said: Imported | None = None
    places: Mapping[str, Path_] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()


def load_model(model: str | Path | Model) -> Model:
    """A shipped model by name, one of a file (ours, config.json, params.yaml) by path, or a model as it is.

    Raises WafersimError with the nearest name, or what is wrong with the file.
    """
    if isinstance(model, Model):
        return model
    path = find_model(str(model), Path() if is_path(str(model)) else None)
    return read_model_file(path).model


@of_file
def read_model_file(path: Path) -> ModelFile:
    """The model of a file; raises InputFaults with file:line for what is wrong or cannot be said."""
    read = _read(path, {})
    if read.said is None:
        if FROM in read.file.values:
            return derived_model(read.file, path.parent)
        return ModelFile(_told(validated(ADAPTER, read.file), read.fields, path))
    return ModelFile(_model(read, {}, read.file), read.settings)


def is_model(values: Mapping[str, Any]) -> bool:
    """Whether a file's fields are a model's, of any of the three layouts."""
    derived = isinstance(values.get(FROM), str) and "system" not in values
    return derived or "d_model" in values or is_config(values) or is_params(values)


def derived_model(part: YamlFile, beside: Path | None) -> ModelFile:
    """The model of `{from: PATH, ...}`, a mapping of some file, whose other fields replace what the file at PATH says."""
    reference, own = part.values[FROM], {name: value for name, value in part.values.items() if name != FROM}
    if not isinstance(reference, str):
        raise InputFaults(
            [part.fault((FROM,), f"must be a path or the name of a shipped model (got {shortened(reference)})")]
        )
    try:
        path = find_model(reference, beside)
    except InputFaults:
        raise
    except WafersimError as error:
        raise InputFaults([part.fault((FROM,), str(error))]) from None
    read = _read(path, own)
    if read.said is None:
        if FROM in read.fields:
            raise InputFaults([read.file.fault((FROM,), "is of another file in turn; one step is read")])
        if own and "name" not in own:
            raise InputFaults([part.fault((), f"a changed {path.stem} needs a name of its own")])
        kept = {name: value for name, value in read.fields.items() if name not in PUBLISHED or not own}
        places = {str(name): (name,) for name in kept}
        read = replace(read, fields=kept, said=Imported(path.name, OURS), places=places)
        return ModelFile(_told(_model(read, own, part), {**read.fields, **own}, path), read.settings)
    return ModelFile(_model(read, own, part), read.settings)


def inline_model(part: YamlFile) -> Model:
    """The model of a mapping in an experiment; one that a run has written down has all its fields."""
    model: Model = validated(ADAPTER, part)
    return with_defaults_told(model, part.values.keys(), part.name)


def _told(model: Model, stated: Collection[str], path: Path) -> Model:
    """With the defaults that it takes. Those of a shipped file are its own: it was held to the published count of parameters."""
    return model if shipped_name("models", path) is not None else with_defaults_told(model, stated, path.name)


def _read(path: Path, own: Mapping[str, Any]) -> _Read:
    file = read_json(path) if path.suffix == ".json" else read_yaml(path)
    if is_config(file.values):
        from wafersim.inputs.importers.hugging_face import read_config  # thirty tables, which few experiments need

        return _Read(file, *read_config(file, own))
    if is_params(file.values):
        from wafersim.inputs.importers.model_zoo import read_params

        return _Read(file, *read_params(file, own))
    if path.suffix == ".json" and "d_model" not in file.values:
        raise InputFaults(
            [file.fault((), "is no config.json of Hugging Face: it has neither model_type nor architectures")]
        )
    return _Read(file, dict(file.values))


def _heads_divide(read: _Read, values: Mapping[str, Any], own: Mapping[str, Any], part: YamlFile) -> None:
    """Raises InputFaults where heads of a foreign file, which says no width of theirs, do not divide the model's."""
    width, heads = values.get("d_model"), values.get("heads")
    foreign = read.said is not None and read.said.layout != OURS
    if not foreign or "head_dim" in values or not isinstance(width, int) or not isinstance(heads, int):
        return
    if heads > 0 and width % heads:
        file, place = (part, ("heads",)) if "heads" in own else (read.file, read.places.get("heads", ()))
        raise InputFaults([file.fault(place, f"must divide the width {width} (got {heads} heads)")])


def _model(read: _Read, own: Mapping[str, Any], part: YamlFile) -> Model:
    """The model of what was read and of what is given instead; each fault at the file and line that says it."""
    assert read.said is not None
    replaced = {name: f"{shortened(value)} is given" for name, value in own.items() if name != "name"}
    said = replace(read.said, kept={**read.said.kept, **replaced})
    values = {"source": f"{read.said.file}: {read.said.layout}", **read.fields, **own, "imported": said}
    _heads_divide(read, values, own, part)
    try:
        model: Model = ADAPTER.validate_python(values)
    except ValidationError as error:
        raise InputFaults(_blamed(problems(error, values, ADAPTER), read, own, part)) from None
    return model


def _blamed(found: list[tuple[Path_, str]], read: _Read, own: Mapping[str, Any], part: YamlFile) -> list[Fault]:
    """What was given or read is blamed; what was assumed only where that is all, since it follows the rest."""
    stated, followed = [], []
    for path, problem in found:
        name = str(path[0]) if path else ""
        if name in own:
            stated.append(part.fault(path, problem))
        elif name in read.places:
            stated.append(read.file.fault(read.places[name], problem))
        else:
            followed.append(read.file.fault((), f"{name}: {problem}" if name else problem))
    return sorted(stated or followed, key=lambda fault: fault.order)
