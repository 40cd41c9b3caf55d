"""What became of a file of one's own or of another program: which of its keys were read, what was assumed, what was left aside.

It travels in the model that was made of it, so that a run directory says it as well as the screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

Said = Annotated[Mapping[str, str], Field(max_length=10_000)]
UNKNOWN = "not known here"
OURS = "model file"  # a layout that is not of Hugging Face or Cerebras Model Zoo


@dataclass(frozen=True)
class Imported:
    """Of one file.

    `read`: its keys and the field that each became. `assumed`: fields that it does not state, with the value and why.
    `ignored`: its other keys, with why they change nothing, or UNKNOWN. `filled`: fields of the experiment that it set.
    `kept`: fields that it states and the experiment, too, which has the last word.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    file: Annotated[str, Field(description="The file that the model was read of.")]
    layout: Annotated[str, Field(description='Whose layout it has, such as "Hugging Face llama".')]
    read: Annotated[Said, Field(description="Its keys, and the field that each became.")] = field(default_factory=dict)
    assumed: Annotated[Said, Field(description="Fields that it does not state, with the value and why.")] = field(
        default_factory=dict
    )
    ignored: Annotated[Said, Field(description="Its other keys, with why they change nothing.")] = field(
        default_factory=dict
    )
    filled: Annotated[Said, Field(description="Fields of the experiment that it set.")] = field(default_factory=dict)
    kept: Annotated[
        Said, Field(description="Fields that it states and the experiment, too, which has the last word.")
    ] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Keys that nobody here knows: one of them may be what makes the model another one."""
        return tuple(key for key, why in self.ignored.items() if why == UNKNOWN)
