"""A timeline as columns: one row per task, told apart by its canonical key, with start and end in ticks.

The key is (step, kind, level, entity, pass_, micro_batch, layer, chunk). `entity` is a system for ingress, compute,
egress, fetch, offload and input, a tree node for broadcast and reduce, and 0 for MemoryX. On GPUs it is a pipeline stage,
`layer` its model chunk and `chunk` a unit of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.errors import WafersimError

Column = npt.NDArray[np.int64]

KINDS = (
    "stream", "broadcast", "ingress", "compute", "egress", "reduce", "accumulate", "update", "fetch", "offload", "input", "read",
    "send", "gather", "scatter", "tie", "norm", "tail",
)  # fmt: skip
PASSES = ("forward", "recompute", "dgrad", "wgrad", "update", "backward")
KIND = {name: code for code, name in enumerate(KINDS)}
PASS = {name: code for code, name in enumerate(PASSES)}

KEY = ("step", "kind", "level", "entity", "pass_", "micro_batch", "layer", "chunk")


@dataclass(frozen=True)
class Timeline:
    """Columns of equal length, sorted by canonical key; `start` and `end` in ticks."""

    step: Column
    kind: Column
    level: Column
    entity: Column
    pass_: Column
    micro_batch: Column
    layer: Column
    chunk: Column
    start: Column
    end: Column

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def concatenate(cls, parts: Sequence[Timeline]) -> Timeline:
        """Timelines side by side, sorted by canonical key."""
        columns = [np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)]
        order = np.lexsort(columns[: len(KEY)][::-1])
        return cls(*(column[order] for column in columns))

    @classmethod
    def from_rows(cls, rows: Sequence[tuple[int, ...]]) -> Timeline:
        """Rows in the order of the columns, any order of tasks; sorted by canonical key."""
        table = np.array(rows, dtype=np.int64).reshape(len(rows), len(KEY) + 2)
        order = np.lexsort([table[:, i] for i in reversed(range(len(KEY)))])
        return cls(*(np.ascontiguousarray(table[order, i]) for i in range(table.shape[1])))

    def select(self, mask: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Timeline:
        """The rows that a mask or an index keeps."""
        return Timeline(*(getattr(self, column.name)[mask] for column in fields(self)))

    def of(self, kind: str) -> Timeline:
        """The rows of one kind of task: of one step they stand side by side."""
        code = KIND[kind]
        if len(self) and self.step[0] == self.step[-1]:
            low, high = np.searchsorted(self.kind, (code, code + 1)).tolist()
            return Timeline(*(getattr(self, column.name)[low:high] for column in fields(self)))
        return self.select(self.kind == code)

    def busy(self) -> int:
        """Sum of durations in ticks."""
        return int((self.end - self.start).sum())

    def key_columns(self) -> tuple[Column, ...]:
        """The key without the step: equal for the same task of two steps."""
        return tuple(getattr(self, name) for name in KEY[1:])

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """A copy as named arrays, of one element a task: those of `save`, with `kind` and `pass_` in words."""
        words = {"kind": np.array(KINDS)[self.kind], "pass_": np.array(PASSES)[self.pass_]}
        return {column.name: words.get(column.name, getattr(self, column.name).copy()) for column in fields(self)}

    def save(self, path: Path) -> None:
        """Write as an uncompressed columnar .npz file."""
        np.savez(path, **{column.name: getattr(self, column.name) for column in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Timeline:
        """Read what `save` wrote; raises WafersimError on a file that is not a timeline."""
        try:
            with np.load(path) as stored:
                return cls(*(stored[column.name] for column in fields(cls)))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise WafersimError(f"{path}: not a timeline written by wafersim ({error})") from None
