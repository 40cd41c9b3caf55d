"""What is kept of earlier calls: by value, the latest used, up to a size."""

from wafersim.strategies.kept import Keeps, kept


def of_size(most: int) -> tuple[Keeps[[int], list[int]], list[int]]:
    """A function whose values have as many elements as its argument says, and what it was called with."""
    asked: list[int] = []

    @kept(most, len)
    def several(count: int) -> list[int]:
        asked.append(count)
        return [0] * count

    return several, asked


def test_equal_arguments_are_answered_once() -> None:
    several, asked = of_size(10)
    assert several(3) is several(3)
    assert asked == [3]


def test_the_longest_unused_goes_when_sizes_add_up_to_more() -> None:
    several, asked = of_size(10)
    for count in (3, 4, 3, 5):  # 3 and 4 fit; 3 is used again; with 5 it would be 12, so 4 goes
        several(count)
    several(3), several(5)
    assert asked == [3, 4, 5]
    several(4)
    assert asked == [3, 4, 5, 4]


def test_what_is_larger_by_itself_is_kept_until_the_next() -> None:
    several, asked = of_size(10)
    several(11), several(11), several(1), several(11)
    assert asked == [11, 1, 11]


def test_nothing_is_left_when_cleared() -> None:
    several, asked = of_size(10)
    several(6)
    several.cache_clear()
    several(6), several(4), several(6)
    assert asked == [6, 6, 4]  # 6 and 4 fit beside each other: what was cleared counts no more
