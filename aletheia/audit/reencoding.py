"""Saving all faces alike: one resolution, one chroma subsampling, qualities drawn regardless of the label."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from aletheia.core.buckets.mirror import bring
from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.core.shards import ShardWriter, list_members
from aletheia.imaging.decoding import load_bytes
from aletheia.imaging.reading import DELIVERED, probe_image, read_image
from aletheia.imaging.transforms import drawn_quality, resaved

_BATCH = 2048  # a queue of millions of waiting calls would take more memory than their pictures


class _Saved(NamedTuple):
    """Path of a saved crop, or name and content of one that is yet to be written; or the reason why there is none."""

    path: str = ""
    name: str = ""
    content: bytes = b""
    properties: tuple[Any, ...] = ()
    reason: str = ""


class _Folder:
    """The saved crops: files of their own, or members of shards when they are very many; a context manager."""

    def __init__(self, folder: Path, n: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._shards = ShardWriter(folder, "saved") if n >= get_settings().shard_from else None
        self._known: dict[str, str] = {}
        if self._shards:
            for shard in sorted(folder.glob("saved-*.tar")):
                self._known |= {member.name: str(member) for member in list_members(shard)}

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shards:
            self._shards.close()

    def find(self, name: str) -> str:
        """Return the path of a crop that an earlier run has saved; empty when there is none."""
        if self._shards:
            return self._known.get(name, "")
        path = self._folder / name
        return str(path) if path.is_file() else ""

    def write(self, name: str, content: bytes) -> str:
        """Save a crop; return its path."""
        if self._shards:
            return self._shards.write(name, content)
        with replacing(self._folder / name) as file:
            file.write(content)
        return str(self._folder / name)


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
    pixels alone. An interrupted run resumes. Very many go to archives (``ALETHEIA_SHARD_FROM``).

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
    low, high = quality or (0, 0)

    def save(path: str) -> _Saved:
        try:
            _, content = load_bytes(path)
            digest = hashlib.sha256(content).hexdigest()[:24]
            path_digest = hashlib.sha256(path.encode()).hexdigest()[:8]  # two crops may be alike to the last pixel
            rgb = read_image(content)
            drawn = drawn_quality(rgb, low, high) if quality else None
            name = f"{digest}-{path_digest}-s{resolution}-q{drawn or 0}.{'jpg' if drawn else 'png'}"
            known = place.find(name)
            content = b"" if known else resaved(rgb, drawn, resolution)
            properties = probe_image(known or content)
        except InputError as error:
            return _Saved(reason=str(getattr(error, "reason", error)))
        return _Saved(known, name, content, tuple(getattr(properties, column) for column in DELIVERED))

    paths = faces["path"].astype(str).tolist()
    bring(paths)  # crops that only the workers of a cluster have read
    rows: list[tuple[Any, ...]] = []
    left_out: list[tuple[str, str]] = []
    bar = tqdm(desc="Saving alike", total=len(paths), unit="face", disable=not progress)
    with _Folder(folder, len(paths)) as place, ThreadPoolExecutor(get_settings().workers) as pool, bar:
        for start in range(0, len(paths), _BATCH):
            batch = paths[start : start + _BATCH]
            for path, result in zip(batch, pool.map(save, batch), strict=True):
                bar.update()
                if result.reason:
                    left_out.append((path, result.reason))
                else:  # in this thread, in order: so the same faces give the same shards
                    rows.append((result.path or place.write(result.name, result.content), *result.properties))
    saved = faces[~faces["path"].isin([path for path, _ in left_out])].reset_index(drop=True)
    table = pd.DataFrame(rows, columns=["path", *DELIVERED])
    for name in table:
        saved[name] = table[name].astype(faces[name].dtype) if name in faces else table[name]
    saved = saved.assign(crop_quality_low=low, crop_quality_high=high, crop_resolution=resolution)
    return saved, pd.DataFrame(left_out, columns=["path", "reason"])
