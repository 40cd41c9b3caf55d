"""Which blocks attend how far: `layer_types` of newer configs, or what a class does where they are left out."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.inputs.importers.family import Fields
from wafersim.inputs.importers.keys import Keys

KINDS = {"full_attention": "full", "sliding_attention": "sliding", "chunked_attention": "chunked"}


def shortest(pattern: Sequence[int]) -> tuple[int, ...]:
    """The shortest pattern that, repeated, begins with this one; none where every block sees all.

    The longest proper end that is also a beginning (Knuth, Morris and Pratt 1977) leaves the period.
    """
    if not any(pattern):
        return ()
    borders = [0] * len(pattern)
    for index in range(1, len(pattern)):
        length = borders[index - 1]
        while length and pattern[index] != pattern[length]:
            length = borders[length - 1]
        borders[index] = length + (pattern[index] == pattern[length])
    return tuple(pattern[: len(pattern) - borders[-1]])


def every_block(keys: Keys, fields: Fields, default: int | None) -> None:
    """One window for all blocks, null for none (Mistral, Mixtral, Phi-3, StarCoder 2)."""
    if keys.given("sliding_window"):
        fields["windows"] = (keys.whole("windows", "sliding_window", None),)
    elif keys.is_null("sliding_window"):
        keys.mark("windows", "sliding_window", "none")
        fields["windows"] = ()
    elif default is None:
        fields["windows"] = ()
    else:
        keys.assume("windows", default, "default of its class")
        fields["windows"] = (default,)
    layer_types(keys, fields, fields["windows"][0] if fields["windows"] else 0)


def layer_types(keys: Keys, fields: Fields, window: int) -> None:
    """`layer_types`, where it stands, has the last word about which blocks have the window."""
    types = keys.list_of("layer_types", str)
    if types is None:
        return
    if "layers" in keys.own:  # the first of them, or all again and again
        types = types[: fields["layers"]]
    elif len(types) != fields["layers"]:
        keys.fault("layer_types", f"must have one word for each of {fields['layers']} blocks (got {len(types)})")
        return
    wrong = next((one for one in types if one not in KINDS), None)
    if wrong is not None:
        keys.fault("layer_types", f"must hold {' or '.join(KINDS)} (got {wrong[:40]!r})")
        return
    if window == 0 and any(KINDS[one] != "full" for one in types):
        keys.fault("layer_types", "has blocks with a window, and no window is stated")
        return
    fields["windows"] = shortest([0 if KINDS[one] == "full" else window for one in types])
    if "chunked_attention" in types:
        fields["window_kind"] = "chunked"
    full = sum(KINDS[one] == "full" for one in types)
    keys.mark("windows", "layer_types", f"{len(types) - full} of {len(types)} blocks with {window}")


def qwen(keys: Keys, fields: Fields) -> None:
    """A window for the blocks from `max_window_layers` on, where `use_sliding_window` says so."""
    used = keys.switch("windows are used", "use_sliding_window", False)
    window = keys.whole("windows", "sliding_window", 4096) if used and keys.given("sliding_window") else 0
    first = keys.whole("blocks without a window", "max_window_layers", 28, least=0) if used else 0
    if window:
        fields["windows"] = shortest([0 if block < first else window for block in range(fields["layers"])])
    if not used:
        for key in ("sliding_window", "max_window_layers"):
            keys.aside(key, "use_sliding_window is not true")
    layer_types(keys, fields, window)


def every_so_many(keys: Keys, fields: Fields, window: int, default: int) -> None:
    """All but every n-th block have the window (Gemma 3: 6)."""
    pattern = keys.whole(
        "blocks of a pattern", keys.first_given("sliding_window_pattern", "_sliding_window_pattern"), default
    )
    blocks = range(fields["layers"])
    fields["windows"] = shortest([window if (block + 1) % pattern else 0 for block in blocks])
    layer_types(keys, fields, window)
