"""Saving all faces alike: one resolution, one chroma subsampling, qualities drawn without looking at the label."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.settings import get_settings
from aletheia.imaging.decoding import load_bytes
from aletheia.imaging.reading import DELIVERED, probe_image, read_image
from aletheia.imaging.transforms import drawn_quality, resaved


def reencode_faces(
    faces: pd.DataFrame,
    folder: Path,
    quality: tuple[int, int] | None,
    resolution: int,
    *,
    progress: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Save every crop again, so that what the files differ in no longer depends on where they came from.

    Faces are shrunk to one resolution and enlarged again, which levels the sharpness that their first sizes left them,
    and saved as JPEG, 4:2:0, with a quality that is drawn from one distribution for both classes, by the crop's pixels
    alone. An interrupted work goes on.

    Parameters
    ----------
    faces : DataFrame
        A manifest of face crops.
    folder : path
        Where the new files go; made when missing.
    quality : (int, int), optional
        Lowest and highest JPEG quality, 1 to 100; None saves nothing again.
    resolution : int
        Pixels a side; 0 leaves it.

    Returns
    -------
    tuple of DataFrame
        The manifest of the new files, whose columns of delivery are theirs (``original`` still names the picture),
        with ``crop_quality_low``, ``crop_quality_high`` and ``crop_resolution``; and what could not be read
        (path, reason).
    """
    folder.mkdir(parents=True, exist_ok=True)
    low, high = quality or (0, 0)

    def save(path: str) -> tuple | str:
        try:
            _, content = load_bytes(path)
            digest = hashlib.sha256(content).hexdigest()[:24]
            twin = hashlib.sha256(path.encode()).hexdigest()[:8]  # two crops may be alike to the last pixel
            rgb = read_image(content)
            drawn = drawn_quality(rgb, low, high) if quality else None
            name = folder / f"{digest}-{twin}-s{resolution}-q{drawn or 0}.{'jpg' if drawn else 'png'}"
            if not name.is_file():
                with replacing(name) as file:
                    file.write(resaved(rgb, drawn, resolution))
            found = probe_image(name)
        except InputError as error:
            return str(getattr(error, "reason", error))
        return (str(name), *(getattr(found, column) for column in DELIVERED))

    paths = faces["path"].astype(str).tolist()
    with ThreadPoolExecutor(get_settings().workers) as pool:
        bar = tqdm(pool.map(save, paths), desc="Saving alike", total=len(paths), unit="face", disable=not progress)
        results = list(bar)
    good = np.array([not isinstance(result, str) for result in results], bool)
    left_out = [(path, result) for path, result in zip(paths, results, strict=True) if isinstance(result, str)]
    saved = faces[good].reset_index(drop=True)
    table = pd.DataFrame([row for row in results if not isinstance(row, str)], columns=["path", *DELIVERED])
    for name in table:
        saved[name] = table[name].astype(faces[name].dtype) if name in faces else table[name]
    saved = saved.assign(crop_quality_low=low, crop_quality_high=high, crop_resolution=resolution)
    return saved, pd.DataFrame(left_out, columns=["path", "reason"])
