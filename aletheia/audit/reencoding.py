"""Saving all faces alike: one resolution, one chroma subsampling, qualities drawn regardless of the label."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.imaging.decoding import load_bytes
from aletheia.imaging.reading import DELIVERED, probe_image, read_image
from aletheia.imaging.transforms import drawn_quality, resaved


class _Saved(NamedTuple):
    """Path and file properties of a saved crop, or the reason why it could not be read."""

    row: tuple[Any, ...] = ()
    reason: str = ""


def reencode_faces(
    faces: pd.DataFrame,
    folder: Path,
    quality: tuple[int, int] | None,
    resolution: int,
    *,
    progress: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Save every crop again, so that properties of the files no longer depend on their origin.

    Faces are shrunk to one resolution and enlarged again, which levels differences of sharpness that their first sizes
    left, and saved as JPEG, 4:2:0, with a quality that is drawn from one distribution for both classes, by the crop's
    pixels alone. An interrupted run resumes.

    Parameters
    ----------
    faces : DataFrame
        A manifest of face crops.
    folder : path
        Folder of the new files; made when missing.
    quality : (int, int), optional
        Lowest and highest JPEG quality, 1 to 100; None: PNG.
    resolution : int
        Pixels a side; 0 keeps it.

    Returns
    -------
    tuple of DataFrame
        The manifest of the new files, with their file properties (``original`` still names the original file) and
        ``crop_quality_low``, ``crop_quality_high`` and ``crop_resolution``; and the crops that could not be read (path,
        reason).
    """
    folder.mkdir(parents=True, exist_ok=True)
    low, high = quality or (0, 0)

    def save(path: str) -> _Saved:
        try:
            _, content = load_bytes(path)
            digest = hashlib.sha256(content).hexdigest()[:24]
            path_digest = hashlib.sha256(path.encode()).hexdigest()[:8]  # two crops may be alike to the last pixel
            rgb = read_image(content)
            drawn = drawn_quality(rgb, low, high) if quality else None
            name = folder / f"{digest}-{path_digest}-s{resolution}-q{drawn or 0}.{'jpg' if drawn else 'png'}"
            if not name.is_file():
                with replacing(name) as file:
                    file.write(resaved(rgb, drawn, resolution))
            properties = probe_image(name)
        except InputError as error:
            return _Saved(reason=str(getattr(error, "reason", error)))
        return _Saved((str(name), *(getattr(properties, column) for column in DELIVERED)))

    paths = faces["path"].astype(str).tolist()
    with ThreadPoolExecutor(get_settings().workers) as pool:
        bar = tqdm(pool.map(save, paths), desc="Saving alike", total=len(paths), unit="face", disable=not progress)
        results = list(bar)
    is_saved = np.array([not result.reason for result in results], bool)
    left_out = [(path, result.reason) for path, result in zip(paths, results, strict=True) if result.reason]
    saved = faces[is_saved].reset_index(drop=True)
    table = pd.DataFrame([result.row for result in results if not result.reason], columns=["path", *DELIVERED])
    for name in table:
        saved[name] = table[name].astype(faces[name].dtype) if name in faces else table[name]
    saved = saved.assign(crop_quality_low=low, crop_quality_high=high, crop_resolution=resolution)
    return saved, pd.DataFrame(left_out, columns=["path", "reason"])
