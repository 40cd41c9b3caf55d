"""The cells of a GPU row as numbers and words: as stated, else as its study is known to have them, else said to be assumed."""

from __future__ import annotations

import re
from typing import Any

from wafersim.errors import Infeasible
from wafersim.evidence.cells import flag, stated, whole, zero_stage
from wafersim.evidence.rows import Cells
from wafersim.evidence.sets.gpu_sources import OWN, Source
from wafersim.strategies.gpu_parallel.layouts import blocks_divide

Options = dict[str, tuple[Any, ...]]
"""Settings that a row leaves open, with every value that is predicted."""

OPEN_OF_OWN: dict[str, tuple[Any, ...]] = {
    "zero_stage": (0, 1), "sequence_parallel": (False, True), "virtual_stages": (1, 2), "expert": (1, 8),
}  # fmt: skip
"""What a user's row that is silent may have run as."""


class Reader:
    """The cells of one row, what had to be assumed of it, and what it leaves open."""

    def __init__(self, cells: Cells, source: Source) -> None:
        self.cells, self.source = cells, source
        self.assumed = list[str]()
        self.options: Options = {}

    @property
    def own(self) -> bool:
        """Whether it is a user's, of whom nothing is known but what the columns say."""
        return self.source.name == OWN

    def said(self, name: str) -> str:
        """A cell's text; empty where it says nothing."""
        return stated(self.cells, name)

    def whole(self, name: str, default: int | None = None) -> int:
        """The number in a cell, or that of the study, or `default`; raises Infeasible without any."""
        if text := self.said(name):
            return whole(name, text)
        found = self.source.defaults.get(name, default)
        if found is None:
            raise Infeasible(f"{name} is not stated")
        self.assumed.append(f"{name} {found:g}")
        return int(found)

    def settings(self, gpus: int, layers: int, experts: int) -> dict[str, Any]:
        """The split and how it runs; what stays open goes to `options`. Raises Infeasible."""
        tensor, pipeline, data = (self.whole(name) for name in ("tp", "pp", "dp"))
        context = self._context(gpus, data * tensor * pipeline)
        settings: dict[str, Any] = {
            "tensor": tensor, "pipeline": pipeline, "data": data, "context": context, "flash_attention": False,
            "precision": self._precision(),
        }  # fmt: skip
        settings |= self._zero_stage(pipeline, data * context) | self._sequence_parallel(tensor)
        settings |= self._expert(experts, data * context * tensor)
        settings |= {**self.source.settings, **self._of_notes(), **self._of_columns()}
        if not blocks_divide(layers, pipeline):
            settings["uneven_stages"] = True
        return settings

    def local_batch(self) -> int | None:
        """`local batch 8` in the notes of a study; None where nothing is said."""
        found = re.search(r"local batch (\d+)", "" if self.own else self.said("notes"))
        return int(found[1]) if found else None if self.own else 1

    def open_or_stated(self, replica: int, layers: int, pipeline: int) -> dict[str, Any]:
        """Micro-batch (of a replica's sequences), recompute and virtual stages; what the row leaves open goes to `options`."""
        source = self.source
        settings: dict[str, Any] = dict(source.unpipelined) if pipeline == 1 else {}
        if text := self.said("micro_batch"):
            settings["micro_batch"] = whole("micro_batch", text)
        elif source.micro_batches_of_stages and pipeline > 1:
            settings["micro_batch"] = max(1, replica // (source.micro_batches_of_stages * pipeline))
        elif "micro_batch" not in settings:
            self._leave("micro_batch", tuple(b for b in source.open["micro_batch"] if replica % b == 0))
        if text := self.said("recompute"):
            settings["recompute"] = text.lower()
        elif source.recompute:
            settings["recompute"] = source.recompute
            self.assumed.append(f"recompute {source.recompute}")
        else:
            self._leave("recompute", tuple(source.open["recompute"]))
        chunks = OPEN_OF_OWN["virtual_stages"] if self.own else source.open.get("virtual_stages", ())
        if text := self.said("vp_stages"):
            settings["virtual_stages"] = whole("vp_stages", text)
        elif pipeline > 1 and chunks:
            even = blocks_divide(layers, pipeline)
            self._leave("virtual_stages", tuple(v for v in chunks if v == 1 or (layers % (pipeline * v) == 0 and even)))
        else:
            settings["virtual_stages"] = 1
        return settings

    def _leave(self, name: str, values: tuple[Any, ...]) -> dict[str, Any]:
        """Nothing, with the values that stay open said; the one that is left where there is but one."""
        self.options[name] = values
        self.assumed.append(f"{name} {' or '.join(map(str, values))}")
        return {}

    def _context(self, gpus: int, others: int) -> int:
        """GPUs that share a sequence: the column, or what the other sizes leave; raises Infeasible where neither fits."""
        said = self.said("cp")
        context, left = (whole("cp", said), 0) if said else divmod(gpus, others)
        if left or others * context != gpus or (context > 1 and not said and not self.source.context_parallel):
            sizes = " x ".join(f"{name} {self.said(name)}" for name in ("tp", "pp", "dp", "cp") if self.said(name))
            raise Infeasible(f"{sizes} do not multiply out to {gpus} GPUs")
        return context

    def _precision(self) -> str:
        """As the column says it; bf16 is assumed where it does not, unless a study's notes do."""
        said = self.said("precision").lower()
        if not said and "precision" not in self._of_notes():
            self.assumed.append("precision bf16")
        return said or "bf16"

    def _zero_stage(self, pipeline: int, replicas: int) -> dict[str, Any]:
        """From a number or words, 3 under FSDP; open in a user's row that says neither."""
        text, sharded = self.said("zero_stage"), flag("fsdp", self.said("fsdp"))
        if text or sharded:
            stage = zero_stage(text) if text else 3
        elif self.own and replicas > 1:
            return self._leave("zero_stage", OPEN_OF_OWN["zero_stage"])
        else:
            stage = 0 if self.own else self.whole("zero_stage", 0)
        # A pipeline keeps gathered weights and sums gradients over its micro-batches: a step sees what stage 1 would send.
        return {"zero_stage": 1 if pipeline > 1 and (stage == 2 or self.source.sharded_once) else stage}

    def _sequence_parallel(self, tensor: int) -> dict[str, Any]:
        text = self.said("seq_parallel")
        if not text and self.own and tensor > 1:
            return self._leave("sequence_parallel", OPEN_OF_OWN["sequence_parallel"])
        return {"sequence_parallel": flag("seq_parallel", text)}

    def _expert(self, experts: int, ranks: int) -> dict[str, Any]:
        if experts > 1 and not self.said("ep") and self.own:
            sizes = (n for n in OPEN_OF_OWN["expert"] if experts % n == 0 and ranks % n == 0)
            return self._leave("expert", tuple(sizes))
        return {"expert": whole("ep", self.said("ep")) if self.said("ep") else 1}

    def _of_notes(self) -> dict[str, Any]:
        """Settings that a study's remarks state in words of its own (`notes` in gpu_rows.yaml)."""
        notes, found = self.said("notes").lower(), dict[str, Any]()
        for text, settings in self.source.notes.items():
            found |= settings if text in notes else {}
        return found

    def _of_columns(self) -> dict[str, Any]:
        """Settings that columns of their own name state, where there are such."""
        found: dict[str, Any] = {}
        if text := self.said("precision"):
            found["precision"] = text.lower()
        if text := self.said("context_kind"):
            found["context_kind"] = text.lower()
        if text := self.said("flash_attention"):
            found["flash_attention"] = flag("flash_attention", text)
        if text := self.said("expert_capacity"):
            found["expert_capacity"] = float(text)
        return found
