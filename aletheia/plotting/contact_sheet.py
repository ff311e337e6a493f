"""Contact sheets: faces of a manifest on one image, a line for every kind."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from aletheia.core.buckets.mirror import bring
from aletheia.core.errors import InputError
from aletheia.imaging.media_types import is_video
from aletheia.imaging.pixel_cache import iterate_images
from aletheia.imaging.reading import Unreadable, read_image
from aletheia.imaging.transforms import augmented
from aletheia.imaging.video import read_frames

_TITLE = 20  # height of a line's title, pixels


def face_sheet(df: pd.DataFrame, *, per_kind: int = 10, size: int = 96, seed: int = 0) -> Image.Image:
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
        Seed of the draw.

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
    return _sheet(df["path"], kinds, names, per_kind, size, seed)


def rejected_sheet(skipped: pd.DataFrame, *, per_kind: int = 10, size: int = 96, seed: int = 0) -> Image.Image:
    """Draw some of the files that were left out, a line for every kind of reason, to check that it is right.

    Parameters
    ----------
    skipped : DataFrame
        With ``path`` and ``reason``; at least one row.
    per_kind, size, seed
        As in `face_sheet`.
    """
    kinds = reason_kinds(skipped["reason"])
    # Unreadable files are not tried again: one may have killed the process that read it.
    paths = skipped["path"].where(~skipped["reason"].str.startswith("unreadable"), "")
    return _sheet(paths, kinds, list(kinds.value_counts().index), per_kind, size, seed)


def augmentation_sheet(
    df: pd.DataFrame, size: int, augmentation: str, *, faces: int = 6, draws: int = 8, seed: int = 0
) -> Image.Image:
    """Draw some faces, each as it is and as training would draw it again and again.

    Parameters
    ----------
    df : DataFrame
        A manifest of faces; those that cannot be read are skipped.
    size : int
        Side of a face as the network sees it, pixels.
    augmentation : str
        One of `aletheia.training.config.TrainConfig.augmentation`.
    faces, draws, seed : int
        Rows and columns of the sheet, and the seed of both.
    """
    rng = np.random.default_rng(seed)
    sheet = Image.new("RGB", ((draws + 1) * size, faces * size), "white")
    rows = rng.permutation(len(df))
    images = (
        image for image in iterate_images(df["path"].iloc[rows].astype(str), size) if not isinstance(image, Unreadable)
    )
    for line, image in enumerate(itertools.islice(images, faces)):
        copies = augmented(np.repeat(image[None], draws, axis=0), augmentation, seed + line)
        for column, copy in enumerate([image, *copies]):
            sheet.paste(Image.fromarray(copy), (column * size, line * size))
    return sheet


def reason_kinds(reasons: pd.Series) -> pd.Series:
    """Strip from reasons the parts that differ from file to file: numbers, names, and decoder messages."""
    kinds = reasons.str.replace(r"(unreadable|has the same bytes as|the same picture as)\b.*", r"\1", regex=True)
    return kinds.str.replace(r"\d+", "…", regex=True)


def _sheet(paths: pd.Series, kinds: pd.Series, names: list[str], per_kind: int, size: int, seed: int) -> Image.Image:
    sheet = Image.new("RGB", (per_kind * size, len(names) * (size + _TITLE)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    rng = np.random.default_rng(seed)
    for line, name in enumerate(names):
        rows = paths[kinds == name]
        top = line * (size + _TITLE)
        draw.text((2, top + 2), f"{name} ({len(rows)})", fill="black", font=font)
        drawn = rng.permutation(len(rows))[:per_kind]
        bring(rows.iloc[drawn].astype(str))  # crops that the workers of a cluster sent to a bucket
        for column, index in enumerate(drawn):
            sheet.paste(thumbnail(rows.iloc[index], size), (column * size, top + _TITLE))
    return sheet


def thumbnails(paths: Sequence[str], frames: Sequence[str], size: int = 96) -> Image.Image:
    """Draw images in a line, each in a frame of its colour.

    Parameters
    ----------
    paths, frames : sequence of str
        Files, and as many colours (#rrggbb).
    size : int
        Side of an image, frame included, pixels.
    """
    bring(paths)  # those that only the workers of a cluster have read
    sheet = Image.new("RGB", (max(len(paths), 1) * size, size), "white")
    for column, (path, frame) in enumerate(zip(paths, frames, strict=True)):
        sheet.paste(frame, (column * size, 0, (column + 1) * size - 4, size))
        sheet.paste(thumbnail(path, size - 12), (column * size + 4, 6))
    return sheet


def png(image: Image.Image) -> bytes:
    """Encode an image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def thumbnail(path: str, size: int) -> Image.Image:
    """Read an image, or the first frame of a video, as a square; a grey one when it cannot be read."""
    try:
        rgb = next(iter(read_frames(path, 1))).rgb if is_video(path) else read_image(path)
        return Image.fromarray(rgb).resize((size, size), Image.Resampling.LANCZOS)
    except (InputError, StopIteration):
        return Image.new("RGB", (size, size), "grey")
