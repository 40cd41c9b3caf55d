"""Pages of the reference: what each field of experiments, comparisons, jobs, plans and profiles says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from documentation.fields import PROFILES, Field, Section, sections_of
from documentation.shipped import experiments, profiles
from wafersim import quantity
from wafersim.inputs.schema import comparison_schema, experiment_schema, jobs_schema, plan_schema, profile_schema

EXPERIMENT = """\
# The experiment file

Every field of an experiment: what it does, and below that, in small print, which values it takes, its default, and an example,
which a test reads. The page is made of the schema by which files are checked; `wafersim schema experiment` prints that for an
editor. A field's path is the heading of its section and its name, such as `training.batch`: `--set training.batch=960` sets it
([how](../howto/command_line.md)).

```yaml
{example}```

Fields of a `model` that is written out are those of [a model file](../models.md), of a `system.profile` those of
[a hardware profile](profile.md). Numbers with a unit are text: [units](units.md).
"""
PROFILE = """\
# The hardware profile

Every field of a profile, by kind: what it is, and below that, in small print, which values it takes, its default, and an
example. `wafersim show cs3` prints a profile; [a chip of your own](../howto/own_chip.md) says how to write one, and `base: cs3`
takes all that a file does not say from another. Each number under `values` is a mapping that says where it is from:

<!-- not run: two numbers of a profile -->
```yaml
clock: {value: "1.1 GHz", kind: datasheet, source: "data sheet", date: "2024-03"}
kernel_latency: {like: cs2, times: 0.5, source: "no row sets it", date: "2026-11"}
```

| field of a number | says |
|---|---|
| `value` | the number with its [unit](units.md) |
| `kind` | `datasheet`, `measured`, `derived`, `calibrated` or `assumed` |
| `source`, `date` | who says so, and when, such as `2024` or `2024-03` |
| `like`, `times` | instead of `value` and `kind`: the profile whose number is taken, and a factor; counts as assumed |
| `standard_error` | of the number's logarithm, of calibrated ones |
| `confidence` | `read` in the source, `second-hand` or `recalled` |
| `note` | anything else |
"""
PLAN = """\
# The plan file

Every field of what `wafersim plan` reads ([how](../howto/plan.md)). Fields below `common` and `fields` are those of
[an experiment](experiment.md).
"""
COMPARISON = """\
# Files of comparisons and jobs

What `wafersim compare` reads, and what `wafersim run` and `share` read of several jobs. Fields below `common` and `fields`
are those of [an experiment](experiment.md).
"""
UNITS = """\
# Units

A number with a dimension is written with its unit, which is case-sensitive: `Tb/s` are bits, `TB/s` bytes, `KB` is 1,000 of
them and `KiB` 1,024. A number without one is refused where the table has no bare number; an unknown unit is an error that
names the near ones.

| dimension | units | such as |
|---|---|---|
"""
HELLO = """\
name: thirteen-billion
model: cerebras-gpt-13b
system: {profile: andromeda, systems: 16}
strategy: {micro_batch: auto}
training: {sequence_length: 2048, batch_per_system: 90, tokens: 20 per parameter}
sweep: {system.systems: [4, 8, 16]}
"""


def pages() -> dict[str, str]:
    """Markdown of each page, by its name in `reference/`."""
    return {
        "experiment.md": EXPERIMENT.format(example=HELLO) + body(experiment_sections()),
        "profile.md": PROFILE + body(profile_sections()),
        "plan.md": PLAN + body(plan_sections()),
        "comparison.md": COMPARISON + body(comparison_sections()),
        "units.md": UNITS + "\n".join(_units()) + "\n",
    }


def experiment_sections() -> list[Section]:
    """Of an experiment; profiles have a page of their own."""
    return sections_of(experiment_schema(), experiments(), PROFILES)


def profile_sections() -> list[Section]:
    """Of the profiles of each kind, machines first."""
    schema = profile_schema()
    found = []
    for name in PROFILES:
        definition = schema["$defs"][name]
        kind = definition["properties"]["kind"]["const"]
        left = tuple(other for other in PROFILES if other != name)
        of_kind = sections_of({**definition, "$defs": schema["$defs"]}, profiles(kind), left, f"`kind: {kind}`")
        found += [_within(kind, section) for section in of_kind]
    return found


def plan_sections() -> list[Section]:
    """Of a plan, without the fields of an experiment."""
    return _own(sections_of(plan_schema(), experiments(), PROFILES))


def comparison_sections() -> list[Section]:
    """Of a comparison and of a file with jobs, without the fields of an experiment."""
    compared = _own(sections_of(comparison_schema(), experiments(), PROFILES, "A comparison"))
    jobs = sections_of(jobs_schema(), [each for each in experiments() if "jobs" in each], PROFILES, "Several jobs")
    own = ("name", "title", "shared", "jobs", "said")
    whole = [section for section in jobs if section.path.partition(".")[0].removesuffix("[]") in ("", *own)]
    first = replace(whole[0], fields=tuple(field for field in whole[0].fields if field.name in own))
    return [*compared, *(_within("jobs", section) for section in (first, *whole[1:]))]


def body(sections: Iterable[Section]) -> str:
    """Sections as Markdown, one heading each."""
    listed = list(sections)
    anchors = {section.path: section.anchor for section in reversed(listed)}
    return "".join(f"\n{_section(section, anchors)}" for section in listed)


def _own(sections: Sequence[Section]) -> list[Section]:
    return [one for one in sections if not re.match(r"(common|.*fields)\.", one.path + ".") or one.path == ""]


def _within(part: str, section: Section) -> Section:
    """The same as a part of a page, in which no other has its paths and anchor."""
    fields = tuple(replace(field, path=f"{part}.{field.path}") for field in section.fields)
    title = f"`{part}`: `{section.path}`" if section.path else section.title
    path = f"{part}.{section.path}".rstrip(".")
    return Section(path, path.replace("[]", ""), title, section.said, fields)


def _section(section: Section, anchors: Mapping[str, str]) -> str:
    mark = "##" if section.path.count(".") == 0 else "###"
    lines = [f"{mark} {section.title} {{ #{section.anchor}-fields }}\n"]
    if section.said:
        lines.append(f"{as_markdown(section.said)}\n")
    return "\n".join([*lines, *(_entry(section, field, anchors) for field in section.fields)])


def _entry(section: Section, field: Field, anchors: Mapping[str, str]) -> str:
    """A term and what it says, as a definition list."""
    below = (field.path, f"{field.path}[]", f"{field.path}.NAME")
    inner = next((anchors[path] for path in below if path in anchors), None)
    takes = field.takes
    if inner is not None:
        takes = re.sub(r"a mapping\b(?! of)", f"[a mapping](#{inner}-fields)", takes, count=1)
    for dimension in field.dimensions:
        takes = re.sub(rf"\ba {dimension}\b", f"{_article(dimension)} [{dimension}](units.md)", takes, count=1)
    default = {None: "required", "": "may be left out"}.get(field.default, f"default {field.default}")
    facts = " · ".join([takes, default] + ([f"`{_cut(field.example)}`"] if field.example else []))
    anchor = field.path if section.anchor in ("file", section.path) else f"{section.anchor}.{field.name}"
    return (
        f'<span id="{anchor.replace("[]", "")}"></span>`{field.name}`\n:   {as_markdown(field.said)}\n\n    {facts}\n'
    )


def _article(dimension: str) -> str:
    return "an" if dimension[0] in "aeiou" else "an amount of" if dimension == "money" else "a"


def _cut(example: str, most: int = 110) -> str:
    """An example that fits on a line or two."""
    return example if len(example) <= most else example[: example.rfind(",", 0, most)] + ", ...}" * ("{" in example)


def as_markdown(said: str) -> str:
    """A description as Markdown: stars and angle brackets mean themselves outside of code."""
    parts = said.split("`")
    escaped = [html.escape(part, quote=False).replace("*", r"\*") for part in parts]
    return "`".join(part if i % 2 else escaped[i] for i, part in enumerate(parts))


def _units() -> Iterable[str]:
    for dimension, units in quantity.UNITS.items():
        written = ", ".join(f"`{unit}`" if unit else "a bare number" for unit in units)
        yield f"| {dimension} | {written} | `{quantity.example(dimension)}` |"
