"""A config.json of Hugging Face as a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from wafersim.errors import Fault, InputFaults, did_you_mean, shortened
from wafersim.inputs.imported import Imported
from wafersim.inputs.importers import encoders, experts, gpt, llama
from wafersim.inputs.importers.family import Family, Fields
from wafersim.inputs.importers.harmless import why_not
from wafersim.inputs.importers.keys import Keys, printable
from wafersim.inputs.yaml_file import Path_, YamlFile

FAMILIES = (*gpt.FAMILIES, *llama.FAMILIES, *experts.FAMILIES, *encoders.FAMILIES)
BY_TYPE = {name: family for family in FAMILIES for name in family.model_types}
BY_ARCHITECTURE = {name: family for family in FAMILIES for name in family.architectures}
NESTED = ("gemma3", "llama4", "mistral3")  # what a multimodal model of theirs calls its language model is `text_config`
CLASSIFIERS = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForRewardModel")
TELLING = 3  # letters that a folder has at least whose name a model is called by
OWN_MODEL = "a model file says any transformer's geometry (docs/howto/own_model.md)"


def read_config(file: YamlFile, own: Mapping[str, Any]) -> tuple[Fields, Imported, dict[str, Path_]]:
    """(the model's fields, what became of each key, where in the file each field stands); `own` are given instead.

    Raises InputFaults: an architecture that is not known is refused by its name.
    """
    family, inside = _family(file)
    keys = Keys(file, inside, family.config, own)
    outer = Keys(file) if inside else None
    if outer is not None and not keys.given("tie_word_embeddings") and outer.given("tie_word_embeddings"):
        keys.values.setdefault("tie_word_embeddings", outer.values["tie_word_embeddings"])
    named = outer or keys
    keys.aside("model_type", "of the language model")
    if named.given("model_type"):
        named.mark("family", "model_type", family.model_types[0])
    fields = family.fields(keys)
    if fields.get("causal", True):
        _head(named, fields)
    keys.stop()
    named.stop()
    ignored = keys.left(partial(why_not, own=family.harmless), "text_config." if inside else "")
    if outer is not None:
        outer.below("text_config")
        outer.aside("tie_word_embeddings", "text_config says it, or takes it over from here")
        above = outer.left(why_not)
        ignored |= {key: why for key, why in above.items() if not key.startswith("text_config.")}
    said = Imported(
        Path(file.name).name,
        f"Hugging Face {family.model_types[0]}",
        {**named.read, **keys.read},
        keys.assumed,
        ignored,
    )
    return {"name": _name(file), "family": family.model_types[0], **fields}, said, keys.places


def _head(keys: Keys, fields: Fields) -> None:
    """What a decoder ends in: a vocabulary head, but for a classifier, which weighs nothing; T5's encoder alone is refused."""
    names = keys.list_of("architectures", str) or []
    name = names[0] if names else ""
    if name.endswith("EncoderModel"):
        keys.fault("architectures", f"the encoder of {name[:60]} without its decoder cannot be said; {OWN_MODEL}")
    elif name.endswith(CLASSIFIERS):
        fields["head"] = "none"
        keys.mark("head", "architectures", "none")
    elif name:
        keys.mark("head", "architectures", "lm")


def _family(file: YamlFile) -> tuple[Family, Path_]:
    """The family of a config, and where in it its language model is described."""
    outer = _word(file, (), "model_type")
    nested = file.values.get("text_config")
    if isinstance(nested, dict) and (outer is None or outer in NESTED):
        inner = _word(file, ("text_config",), "model_type") or outer
        if inner in BY_TYPE:
            return BY_TYPE[inner], ("text_config",)
        raise _unknown(file, ("text_config", "model_type"), inner)
    if outer is not None:
        if outer in BY_TYPE:
            return BY_TYPE[outer], ()
        raise _unknown(file, ("model_type",), outer)
    named = file.values.get("architectures")
    first = named[0] if isinstance(named, list) and named else None
    if isinstance(first, str) and first in BY_ARCHITECTURE:
        return BY_ARCHITECTURE[first], ()
    raise _unknown(file, ("architectures",), first)


def _word(file: YamlFile, inside: Path_, key: str) -> str | None:
    values: Any = file.values
    for part in inside:
        values = values[part]
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise InputFaults([file.fault((*inside, key), f"must be text (got {shortened(value)})")])
    return value


def _unknown(file: YamlFile, path: Path_, name: Any) -> InputFaults:
    known = sorted({family.model_types[0] for family in FAMILIES})
    said = "no architecture is named" if name is None else f"architecture {shortened(name)} is not known"
    near = "" if name is None else did_you_mean(name, known)
    fault: Fault = file.fault(path, f"{said}{near}; known: {', '.join(known)}; {OWN_MODEL}")
    return InputFaults([fault])


def _name(file: YamlFile) -> str:
    """What the model is called: the end of `_name_or_path`, else the folder of a config.json, else the file.

    A folder of Hugging Face's cache, models--<owner>--<name>/snapshots/<revision>, is the model's; one that says nothing ("u",
    a revision alone) leaves the architecture.
    """
    said = file.values.get("_name_or_path")
    path = Path(file.name)
    named = said.rstrip("/").rpartition("/")[2] if isinstance(said, str) else ""
    folder = _of_folder(path.absolute()) if path.name == "config.json" else path.stem
    architecture = file.values.get("model_type")
    kind = architecture if isinstance(architecture, str) else ""
    return printable(named) or printable(folder) or printable(kind) or "model"


def _of_folder(path: Path) -> str:
    folder, cache = path.parent.name, path.parent.parent.parent.name
    if path.parent.parent.name == "snapshots" and cache.startswith("models--"):
        return cache.rpartition("--")[2]
    return "" if len(folder) < TELLING or re.fullmatch(r"[0-9a-f]{7,64}", folder) else folder
