"""A contact sheet: what the rows of a manifest look like, a line of faces for every kind."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from aletheia.data.images import read_image
from aletheia.errors import InputError

_TITLE = 20  # height of a line's title, pixels


def contact_sheet(df: pd.DataFrame, *, per_kind: int = 10, size: int = 96, seed: int = 0) -> Image.Image:
    """Draw some faces of every label, source and generator.

    Parameters
    ----------
    df : DataFrame
        A manifest; its images are read.
    per_kind : int
        Faces in a line, drawn at random.
    size : int
        Side of a face on the sheet, pixels.
    seed : int
        Of the draw.

    Returns
    -------
    PIL.Image.Image
        RGB. A face that cannot be read is a grey square.

    Raises
    ------
    InputError
        When the manifest has no rows.
    """
    if not len(df):
        raise InputError("There are no faces to show: the manifest has no rows.")
    kinds = df["label"] + " · " + df["source"].where(df["generator"] == "", df["generator"])
    names = sorted(kinds.unique(), key=lambda name: (not name.startswith("real"), name))
    sheet = Image.new("RGB", (per_kind * size, len(names) * (size + _TITLE)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    rng = np.random.default_rng(seed)
    for line, name in enumerate(names):
        rows = df[kinds == name]
        top = line * (size + _TITLE)
        draw.text((2, top + 2), f"{name} ({len(rows)})", fill="black", font=font)
        for column, index in enumerate(rng.permutation(len(rows))[:per_kind]):
            sheet.paste(_thumbnail(rows["path"].iloc[index], size), (column * size, top + _TITLE))
    return sheet


def png(image: Image.Image) -> bytes:
    """The image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _thumbnail(path: str, size: int) -> Image.Image:
    try:
        return Image.fromarray(read_image(path)).resize((size, size), Image.Resampling.LANCZOS)
    except InputError:
        return Image.new("RGB", (size, size), "grey")
