"""What functions returned for their last arguments, by value, up to a size: plans are small or huge, so no number of them is
right for both."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", covariant=True)


class Keeps(Protocol, Generic[P, C]):
    """A function that keeps what it returned."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C: ...
    def cache_clear(self) -> None:
        """Forget all of it."""
        ...

    def knows(self, *args: Any) -> bool:
        """Whether it is there."""
        ...

    def remember(self, value: Any, *args: Any) -> None:
        """What the function would return, found in another way."""
        ...


def kept(most: int, size: Callable[[Any], int]) -> Callable[[Callable[P, T]], Keeps[P, T]]:
    """Remember what a function of hashable arguments returns: the latest used, whose sizes add up to at most `most`.

    What is larger by itself is kept until the next value comes.
    """

    def keeping(function: Callable[P, T]) -> Keeps[P, T]:
        found: OrderedDict[_Arguments, T] = OrderedDict()
        total = 0

        @wraps(function)
        def keeper(*args: P.args, **kwargs: P.kwargs) -> T:
            assert not kwargs, "arguments by position alone: the same ones must be one key"
            key = _Arguments(args)
            if key in found:
                found.move_to_end(key)
                return found[key]
            value = function(*args, **kwargs)
            keep(key, value)
            return value

        def keep(key: _Arguments, value: T) -> None:
            nonlocal total
            found[key] = value
            total += size(value)
            while total > most and len(found) > 1:
                total -= size(found.popitem(last=False)[1])

        def remember(value: T, *args: Any) -> None:
            key = _Arguments(args)
            if key not in found:
                keep(key, value)

        def knows(*args: Any) -> bool:
            return _Arguments(args) in found

        def clear() -> None:
            nonlocal total
            found.clear()
            total = 0

        keeper.cache_clear, keeper.knows, keeper.remember = clear, knows, remember  # type: ignore[attr-defined]
        return keeper  # type: ignore[return-value]

    return keeping


def of_the_same(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Remember what a function returned for its last arguments by which objects they are: where they are long and shared, that is
    found sooner than by value. Arguments are by position, and frozen."""

    def keeping(function: Callable[P, T]) -> Callable[P, T]:
        # With the arguments, so that no others have their place.
        found = OrderedDict[tuple[int, ...], tuple[Any, T]]()

        @wraps(function)
        def keeper(*args: P.args, **kwargs: P.kwargs) -> T:
            assert not kwargs
            key = tuple(map(id, args))
            if key in found:
                return found[key][1]
            value = function(*args, **kwargs)
            found[key] = args, value
            if len(found) > most:
                found.popitem(last=False)
            return value

        return keeper

    return keeping


class _Arguments:
    """Arguments whose hash is worked out once: that of a plan goes through thousands of numbers."""

    __slots__ = ("args", "hash")

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args, self.hash = args, hash(args)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Arguments) and self.args == other.args
