"""Which point of a sweep somebody means: by its number, or by what tells it from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wafersim.errors import WafersimError, did_you_mean
from wafersim.inputs.sweep import Point
from wafersim.planning.sweep import flat

LONGEST = 20  # digits of a number that are read: more than there can be points
MOST_NAMED = 6  # points that are named in a refusal


def place_of(points: Sequence[Point], asked: str) -> int:
    """The place of `3` (the third point), or of `model=cerebras-gpt-13b,systems=16`, in a sweep.

    A field is called by its path or by the end of it. Raises WafersimError, one line, for a field or a value that no point has,
    and where several points have all that is asked.
    """
    if asked.strip().isdecimal():
        number = int(asked.strip()[:LONGEST])
        if not 1 <= number <= len(points):
            raise WafersimError(f"--point {asked[:LONGEST]}: points are 1 to {len(points):,}")
        return number - 1
    known = [_fields(point) for point in points]
    left = list(range(len(points)))
    for pair in asked.split(","):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name:
            raise WafersimError(f"--point {asked!r}: must be a number, or FIELD=VALUE,... of what the sweep varies")
        path = next(
            (path for path in dict.fromkeys(path for one in known for path in one) if _called(path, name)), None
        )
        if path is None:
            fields = dict.fromkeys(path for one in known for path in one)
            raise WafersimError(f"--point {asked!r}: no field {name!r}; points differ in {', '.join(fields)}")
        values = list(dict.fromkeys(one[path] for one in known if path in one))
        if value not in values:
            said = did_you_mean(value, values) or f"; there are {', '.join(values[:MOST_NAMED])}"
            raise WafersimError(f"--point {asked!r}: no point has {name}={value}{said}")
        left = [place for place in left if known[place].get(path) == value]
    if len(left) == 1:
        return left[0]
    if not left:
        raise WafersimError(f"--point {asked!r}: no point has all of that")
    apart = [path for path in known[left[0]] if len({known[place].get(path) for place in left}) > 1]
    also = f"say {', '.join(apart)}, too" if apart else "give its number"
    raise WafersimError(f"--point {asked!r}: {len(left):,} points have that; {also}")


def _fields(point: Point) -> dict[str, str]:
    """What a point is, by path, as it would be written."""
    experiment = point.experiment
    counted = f"system.{'gpus' if experiment.system.on_gpus else 'systems'}"
    varied: dict[str, Any] = {
        path: value for path, value in flat(point.overrides).items() if path not in ("model", counted)
    }
    return {
        "model": experiment.model_name,
        counted: str(experiment.system.count),
        **{path: str(value) for path, value in varied.items()},
    }


def _called(path: str, name: str) -> bool:
    return name == path or path.endswith(f".{name}")
