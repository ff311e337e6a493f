"""A picture of some pairs: genuine, donor, mask and fake side by side, so that a person can judge the fakes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aletheia.core.arrays import Array
from aletheia.imaging.reading import read_image

_SIDE, _TITLE = 192, 20  # of a cell, and height of the title above a line, pixels
_AROUND = 0.25  # of the face's side, shown on each side of it
_GAIN = 8  # of differences, where there is no mask


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A pair on the sheet.

    Attributes
    ----------
    real, fake : Path
    box : (4,) float
        The face in both, pixels.
    mask : Path or None
        Without one, what differs is shown, amplified.
    donor : (Path, (4,) float) or None
        File and face of the donor.
    title : str
    """

    real: Path
    fake: Path
    box: Array
    mask: Path | None
    donor: tuple[Path, Array] | None
    title: str


def choose_pairs(pairs: Sequence[Shown], most: int) -> list[Shown]:
    """Choose pairs, `most` at most: as many of each title where there are, spread evenly over its pairs.

    Kinds take turns, so that every so-manieth pair might be of one kind.
    """
    places = {pair.title: [k for k, other in enumerate(pairs) if other.title == pair.title] for pair in pairs}
    turns = [title for turn in range(most) for title, found in places.items() if turn < len(found)][:most]
    chosen = [
        found[k]
        for title, found in places.items()
        for k in np.linspace(0, len(found) - 1, turns.count(title)).astype(int)
    ]
    return [pairs[k] for k in sorted(chosen)]


def draw_sheet(pairs: Sequence[Shown]) -> Image.Image:
    """Draw pairs, two in a line: genuine, donor, mask (or difference), fake."""
    columns = 4
    lines = -(-len(pairs) // 2)
    sheet = Image.new("RGB", (2 * columns * _SIDE + _TITLE, lines * (_SIDE + _TITLE)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for index, pair in enumerate(pairs):
        left, top = (index % 2) * (columns * _SIDE + _TITLE), index // 2 * (_SIDE + _TITLE)
        draw.text((left + 2, top + 2), pair.title, fill="black", font=font)
        for column, cell in enumerate(_cells(pair)):
            if cell is not None:
                sheet.paste(Image.fromarray(cell), (left + column * _SIDE, top + _TITLE))
    return sheet


def _cells(pair: Shown) -> list[Array | None]:
    real, fake = read_image(pair.real), read_image(pair.fake)
    if pair.mask is not None:
        mask = read_image(pair.mask)
    else:
        mask = np.clip(np.abs(fake.astype(np.int16) - real) * _GAIN, 0, 255).astype(np.uint8)
    donor = None if pair.donor is None else _cut(read_image(pair.donor[0]), pair.donor[1])
    return [_cut(real, pair.box), donor, _cut(mask, pair.box), _cut(fake, pair.box)]


def _cut(rgb: Array, box: Array) -> Array:
    centre, half = (box[:2] + box[2:]) / 2, max(*(box[2:] - box[:2]), 2) * (0.5 + _AROUND)
    scale = _SIDE / (2 * half)
    matrix = np.array([[scale, 0, _SIDE / 2 - scale * centre[0]], [0, scale, _SIDE / 2 - scale * centre[1]]])
    if scale < 0.5:
        height, width = rgb.shape[:2]
        small = (max(round(width * scale), 1), max(round(height * scale), 1))
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= np.array([small[0] / width, small[1] / height])
    return cv2.warpAffine(rgb, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderValue=(128, 128, 128))
