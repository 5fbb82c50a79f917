"""Colours that everybody can read and tell apart."""

import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ui.theme import DARK, LIGHT, Palette

CONFIG = Path(__file__).parents[2] / "ui" / ".streamlit" / "config.toml"
PALETTES = {"light": LIGHT, "dark": DARK}
# Machado, Oliveira and Fernandes (2009), severity 1: what people without one kind of cone see, in linear RGB.
COLOUR_BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_texts_can_be_read_on_the_page_and_on_surfaces(palette: Palette) -> None:
    for ground in (palette.page, palette.surface):
        for colour in (palette.text, palette.muted, palette.favour, palette.against, palette.neutral):
            assert contrast(colour, ground) >= 4.5, (colour, ground)
    assert contrast(palette.on_primary, palette.favour) >= 4.5


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_marks_stand_out_from_the_page(palette: Palette) -> None:
    assert min(contrast(colour, palette.page) for colour in palette.series) >= 3


@pytest.mark.parametrize("matrix", COLOUR_BLIND.values(), ids=COLOUR_BLIND)
@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_for_against_and_between_are_told_apart_by_colour_blind_people(
    palette: Palette, matrix: list[list[float]]
) -> None:
    seen = [np.cbrt(np.clip(np.array(matrix) @ linear(c), 0, 1)) for c in (palette.favour, palette.against)]
    assert float(np.abs(seen[0] - seen[1]).max()) > 0.15
    neutral = np.cbrt(np.clip(np.array(matrix) @ linear(palette.neutral), 0, 1))
    assert min(float(np.abs(each - neutral).max()) for each in seen) > 0.06


@pytest.mark.parametrize("scheme", PALETTES)
def test_streamlit_is_given_the_same_colours(scheme: str) -> None:
    given, palette = tomllib.loads(CONFIG.read_text("utf-8"))["theme"][scheme], PALETTES[scheme]
    assert (given["backgroundColor"], given["secondaryBackgroundColor"]) == (palette.page, palette.surface)
    assert (given["textColor"], given["borderColor"]) == (palette.text, palette.line)
    assert (given["blueColor"], given["orangeColor"], given["grayColor"]) == (
        palette.favour,
        palette.against,
        palette.neutral,
    )


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_no_two_series_have_the_same_colour(palette: Palette) -> None:
    assert all(a != b for a, b in combinations(palette.series, 2))
