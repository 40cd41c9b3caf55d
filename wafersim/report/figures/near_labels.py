"""Names beside points: each where it covers no other name and few points and lines, joined to its point by a thin one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.patheffects import withStroke

from wafersim.report.figures.sheet import LINE, Sheet, inches
from wafersim.report.figures.style import GREY, INK

DISTANCES = (0.1, 0.2, 0.35, 0.55, 0.8)  # inches from the point to the nearest part of its name
DIRECTIONS = tuple(math.radians(degrees) for degrees in (45, 135, 315, 225, 0, 90, 270, 180))
STEP = 0.05  # inches between the points by which a line is told from a name
HALO = withStroke(linewidth=2.0, foreground="white")  # so that a name on a line can be read

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Inches from the lower left of the axes."""

    left: float
    low: float
    right: float
    high: float

    def covers(self, other: Box) -> bool:
        """Whether they have room in common."""
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high

    def holds(self, at: Point, room: float) -> bool:
        """Whether a point lies in it or so near."""
        return self.left - room <= at[0] <= self.right + room and self.low - room <= at[1] <= self.high + room


def label_points(
    page: Sheet, axes: Any, named: Sequence[tuple[float, float, str]], drawn: Sequence[Point],
    lines: Sequence[Sequence[Point]], size: float,
) -> None:  # fmt: skip
    """Write names beside points of axes whose limits are set; points that are `drawn`, and lines, had better stay free."""
    place = axes.get_position()
    wide, tall = place.width * page.width, place.height * page.height

    def at(x: float, y: float) -> Point:
        across, up = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
        return float(across) * wide, float(up) * tall

    spots = [(at(x, y), text) for x, y, text in named]
    along = [point for line in lines for point in _between([at(x, y) for x, y in line])]
    boxes = arranged(spots, [at(x, y) for x, y in drawn], along, (wide, tall), size)
    for ((x, y), text), box in zip(spots, boxes, strict=True):
        end = min(max(x, box.left), box.right), min(max(y, box.low), box.high)
        axes.plot([x / wide, end[0] / wide], [y / tall, end[1] / tall], color=GREY, linewidth=0.6,
                  transform=axes.transAxes, zorder=2)  # fmt: skip
        axes.text(
            (box.left + box.right) / 2 / wide, (box.low + box.high) / 2 / tall, text, fontsize=size, color=INK, ha="center",
            va="center", transform=axes.transAxes, zorder=6, gid="name", path_effects=[HALO],
        )  # fmt: skip


def arranged(
    spots: Sequence[tuple[Point, str]], points: Sequence[Point], along: Sequence[Point], room: Point, size: float
) -> list[Box]:
    """Where names go, in their order; all in inches. A name that fits nowhere lies on its point."""
    boxes: list[Box] = []
    for spot, text in spots:
        choices = [
            (_cost(box, boxes, points, along) + 2 * distance + 0.01 * rank, box)
            for distance in DISTANCES
            for rank, direction in enumerate(DIRECTIONS)
            if (box := _box(spot, text, size, distance, direction, room)) is not None
        ]
        lying = Box(spot[0], spot[1], spot[0] + inches(text, size), spot[1] + size * LINE / 72)
        boxes.append(min(choices, key=lambda one: one[0])[1] if choices else lying)
    return boxes


def _box(spot: Point, text: str, size: float, distance: float, direction: float, room: Point) -> Box | None:
    """Of a name in some direction from a point; None where it would leave the axes."""
    across, up = inches(text, size) / 2, size * LINE / 72 / 2
    aside, above = round(math.cos(direction)), round(math.sin(direction))
    x = spot[0] + math.cos(direction) * distance + across * aside
    y = spot[1] + math.sin(direction) * distance + up * above
    box = Box(x - across, y - up, x + across, y + up)
    return box if box.left >= 0 and box.low >= 0 and box.right <= room[0] and box.high <= room[1] else None


def _between(line: Sequence[Point]) -> list[Point]:
    """Points along a line, close to each other."""
    found = list(line)
    for (x, y), (to_x, to_y) in itertools.pairwise(line):
        parts = math.ceil(math.hypot(to_x - x, to_y - y) / STEP)
        found += [(x + (to_x - x) * part / parts, y + (to_y - y) * part / parts) for part in range(1, parts)]
    return found


def _cost(box: Box, written: Sequence[Box], points: Sequence[Point], along: Sequence[Point]) -> float:
    """Another name is worst to cover, then points, then lines; a point close by may be taken for the one that is meant."""
    covered = 100.0 * sum(box.covers(other) for other in written) + sum(box.holds(at, 0.03) for at in points)
    return covered + 0.3 * sum(box.holds(at, 0.09) for at in points) + 0.1 * sum(box.holds(at, 0.0) for at in along)
