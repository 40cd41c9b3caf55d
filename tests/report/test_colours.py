"""Colours that stand beside each other can be told apart by everybody, as protanopes and deuteranopes see them, and in grey."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_rgb

from wafersim.report import colours as drawn_in
from wafersim.report.figures import style
from wafersim.strategies import palette
from wafersim.strategies.gpu_parallel.words import WORDS as GPU
from wafersim.strategies.weight_streaming.words import WORDS as WAFER
from wafersim.training_run.words import WORDS as RUN

Array = npt.NDArray[np.float64]
# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
VISIONS = {"everybody": np.eye(3), "protanopes": PROTANOPIA, "deuteranopes": DEUTERANOPIA}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # IEC 61966-2-1

WAFER_PARTS = [part.colour for part in WAFER.parts]
GPU_PARTS = [part.colour for part in GPU.parts]
RUN_PARTS = list(dict.fromkeys(words.colour for words in RUN.values()))  # of two that share one, one is hatched
ON_THE_WAFER = [drawn_in.PASSES[name] for name in ("forward", "recompute", "dgrad", "wgrad")]
APART = {  # colours of which any two may be neighbours, and how far they have to be from each other
    "parts of a wafer's step": (WAFER_PARTS, 20),
    "parts of a GPU's step": (GPU_PARTS, 20),
    "parts of a run": (RUN_PARTS, 20),
    "passes": ([*ON_THE_WAFER, drawn_in.PASSES["update"]], 20),
    "a stage and its channel": (
        [
            drawn_in.PASSES["forward"],
            drawn_in.PASSES["backward"],
            drawn_in.PASSES["update"],
            *drawn_in.CHANNELS.values(),
        ],
        20,
    ),
    "kinds of numbers": (list(drawn_in.KINDS.values()), 20),
    "sides": ([drawn_in.FIRST, drawn_in.MATCHED, drawn_in.OTHER], 20),
    "lines": (list(drawn_in.LINES), 30),
}


def lab(colour: str, vision: Array) -> Array:
    """CIE L*a*b* under D65 of a colour as somebody sees it."""
    encoded = np.array(to_rgb(colour))
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(vision @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def delta_e(one: str, other: str, vision: Array) -> float:
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


def lightness(colour: str) -> float:
    return float(lab(colour, np.eye(3))[0])


def test_lab_of_known_colours() -> None:
    # sRGB red is (53.24, 80.09, 67.20), mid grey #777777 has L* 50.03 (CIE 15 with D65)
    assert lab("#ff0000", np.eye(3)) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert lab("#777777", np.eye(3)) == pytest.approx([50.03, 0, 0], abs=0.02)


def test_the_colours_that_were_there_before_are_told_to_be_alike() -> None:
    """Compute and exposed activations of 0.9: what the measure is for."""
    assert delta_e("#3b6fb6", "#8e6bbf", PROTANOPIA) < 10 < 20 < delta_e("#3b6fb6", "#8e6bbf", np.eye(3))


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("what", APART)
def test_no_two_colours_of_a_figure_are_alike(what: str, vision: str) -> None:
    colours, least = APART[what]
    for i, one in enumerate(colours):
        for other in colours[:i]:
            assert delta_e(one, other, VISIONS[vision]) >= least, f"{one} and {other}"


@pytest.mark.parametrize("vision", VISIONS)
def test_a_lighter_layer_is_not_taken_for_another_pass(vision: str) -> None:
    """Neighbours on the wafer's lane have one shade of each pass or the other."""
    for i, one in enumerate(ON_THE_WAFER):
        for other in ON_THE_WAFER[:i]:
            for shades in ((one, style.lighter(other)), (style.lighter(one), other)):
                assert delta_e(*shades, VISIONS[vision]) >= 10, f"{one} and {other}"


@pytest.mark.parametrize(
    ("colours", "least"), [(WAFER_PARTS, 14), (GPU_PARTS, 14), (RUN_PARTS, 14), (list(drawn_in.LINES), 10)]
)
def test_what_follows_each_other_differs_in_grey(colours: list[str], least: float) -> None:
    for one, other in pairwise(colours):
        assert abs(lightness(one) - lightness(other)) >= least, f"{one} and {other}"


def test_ink_can_be_read_on_every_part() -> None:
    """At least 3 : 1, what WCAG 2.1 asks of large text and graphics."""
    for colour in {*WAFER_PARTS, *GPU_PARTS, *RUN_PARTS}:
        light, dark = sorted((style.luminance(colour), style.luminance(style.ink_on(colour))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3


def test_words_hold_no_colour_of_their_own() -> None:
    named = {value for name, value in vars(palette).items() if name.isupper() and isinstance(value, str)}
    assert {*WAFER_PARTS, *GPU_PARTS, *RUN_PARTS, *drawn_in.PASSES.values(), *drawn_in.KINDS.values()} <= named


def test_parts_of_a_run_that_share_a_colour_differ_by_their_hatching() -> None:
    assert len({(words.colour, words.hatched) for words in RUN.values()}) == len(RUN)
