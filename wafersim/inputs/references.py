"""Models and profiles of one's own: where an experiment names a file or writes a mapping, the value that stands there.

What is shipped stays a name. Everything else is read and checked here, once, so that an experiment holds all that it
depends on: it can be written down, sent to another process and run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wafersim.errors import Fault, InputFaults, WafersimError
from wafersim.inputs.importers.setting import Setting
from wafersim.inputs.model import Model, find_model
from wafersim.inputs.model_file import FROM, ModelFile, derived_model, inline_model, read_model_file
from wafersim.inputs.profile_file import find_profile, inline_profile, read_profile
from wafersim.inputs.resources import is_file, is_path, shipped_name
from wafersim.inputs.sweep import EVERYTHING, split_path
from wafersim.inputs.typed_machine import machine_reference
from wafersim.inputs.yaml_file import Path_, YamlFile, dotted

MODEL, PROFILE, SOFTWARE, OPERATION = ("model",), ("system", "profile"), ("system", "software"), ("run", "operation")


class References:
    """Settles the references of one file; faults are collected, each at its place."""

    def __init__(self, file: YamlFile, beside: Path) -> None:
        self._file, self._beside = file, beside
        self.faults: list[Fault] = []
        self.settings: tuple[Setting, ...] = ()  # what the file of the model says of the training job
        self.unread = False  # whether the model's file is refused, so that nobody knows what it sets
        self.broken: set[str] = set()  # paths of references that led to nothing

    def settled(self, values: Any, field: Path_ = (), place: Path_ = ()) -> Any:
        """The values below a field, written at a place of the file, with every model and profile of one's own in it."""
        if field in (MODEL, PROFILE, SOFTWARE, OPERATION):
            return self._settled(field, values, place)
        if not isinstance(values, dict):
            return values
        settled = {}
        for key, value in values.items():
            here = (*place, key)
            if not field and key == "sweep" and isinstance(value, dict):
                settled[key] = {path: self._swept(path, items, (*here, path)) for path, items in value.items()}
            else:
                settled[key] = self.settled(value, (*field, *_parts(key)), here)
        return settled

    def broke(self, path: Path_) -> bool:
        """Whether a path lies in a reference that is refused already."""
        return any(dotted(path[:length]) in self.broken for length in range(len(path) + 1))

    def _swept(self, path: str, items: Any, place: Path_) -> Any:
        if not isinstance(items, list):
            return items
        return [self.settled(item, _parts(path), (*place, index)) for index, item in enumerate(items)]

    def _settled(self, field: Path_, reference: Any, place: Path_) -> Any:
        try:
            if field == MODEL:
                return self._model(reference, place)
            return self._profile(reference, place, field)
        except InputFaults as found:
            self.broken.add(dotted(field))
            self.unread = self.unread or (field == MODEL and place[:1] != ("sweep",))
            self.faults += found.faults
        except WafersimError as error:
            self.broken.add(dotted(field))
            fault = self._file.fault(place, str(error))
            swept = place[0] == "sweep" and fault.path == dotted(place)  # the line says which of the list
            self.faults.append(replace(fault, path=dotted(place[:2])) if swept else fault)
        return reference

    def _model(self, reference: Any, place: Path_) -> Any:
        found = reference
        if isinstance(reference, dict):
            part = self._file.part(place, reference)
            beside = self._folder(place, reference.get(FROM))
            found = derived_model(part, beside) if FROM in reference else inline_model(part)
        elif isinstance(reference, str):
            found = self._found("models", reference, place, find_model, read_model_file)
        settings = found.settings if isinstance(found, ModelFile) else ()
        model = found.model if isinstance(found, ModelFile) else found
        if place[:1] != ("sweep",):
            self.settings = settings
        elif settings:
            model = _without_settings(model, settings)
        return model

    def _profile(self, reference: Any, place: Path_, field: Path_) -> Any:
        if isinstance(reference, dict):
            return inline_profile(self._file.part(place, reference), self._beside)
        if field == PROFILE and isinstance(reference, str):
            return machine_reference(reference, self._folder(place, reference))
        if field == SOFTWARE and isinstance(reference, str) and not is_path(reference):
            try:
                return self._found("hardware", reference, place, find_profile, read_profile)
            except InputFaults:
                raise
            except WafersimError:
                return reference  # a wafer's release, or said by the schema
        return self._found("hardware", reference, place, find_profile, read_profile)

    def _folder(self, place: Path_, reference: Any) -> Path:
        """Where a reference is looked for first: what is typed on the command line is a file there, if there is one."""
        typed = any(place[: len(option.path)] == option.path for option in self._file.options)
        here = typed and isinstance(reference, str) and is_path(reference) and is_file(Path(reference))
        return Path() if here else self._beside

    def _found(
        self,
        kind: str,
        reference: Any,
        place: Path_,
        find: Callable[[str, Path | None], Path],
        read: Callable[[Path], Any],
    ) -> Any:
        if not isinstance(reference, str):
            return reference  # said by the schema
        path = find(reference, self._folder(place, reference))
        shipped = shipped_name(kind, path)
        if shipped is None:
            return read(path)
        return shipped if is_path(reference) else reference


def _without_settings(model: Model, settings: Sequence[Setting]) -> Model:
    """A model among several, whose files cannot all set the fields of one experiment."""
    assert model.imported is not None
    kept = {one.path: f"{one.said} is left aside: one of several models of a sweep" for one in settings}
    return replace(model, imported=replace(model.imported, kept={**model.imported.kept, **kept}))


def _parts(path: str) -> Path_:
    return () if path == EVERYTHING else tuple(split_path(path))
