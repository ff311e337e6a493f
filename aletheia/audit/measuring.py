"""Measuring the faces of a manifest: in the original files, or in the crops that a network will see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from aletheia.audit.measures import COLUMNS, HEAD, Measure
from aletheia.core.arrays import Array
from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.unkept import addresses, fetched
from aletheia.core.errors import InputError
from aletheia.core.parallel import map_dask, map_processes
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.faces.crop import place_in_crop
from aletheia.faces.extraction import CROP_COLUMNS, faces_of
from aletheia.faces.face import Face
from aletheia.imaging.media_types import is_video

#: The two views of a face: in its original file, and in its crop.
ORIGINALS, CROPS = "pictures", "crops"
_MIN_FILES = 1000  # fewer are measured sooner than processes start


def measure_faces(
    faces: pd.DataFrame,
    view: str = ORIGINALS,
    *,
    known: pd.DataFrame | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure the original files of faces, or their crops, side by side.

    Parameters
    ----------
    faces : DataFrame
        A manifest of extracted faces, see :func:`aletheia.faces.extraction.extract_faces`.
    view : {'pictures', 'crops'}
        In a crop, what lies outside of the face's box is its background.
    known : DataFrame, optional
        Measures by path, of files that were measured in the same view before: see :func:`measure_crops`.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``.
    client : distributed.Client, optional
        A Dask cluster that measures instead; its workers must see the same files under the same paths, unless all are
        files of the mirror of buckets: then they fetch them, and this process need not have them.

    Returns
    -------
    DataFrame
        Columns :data:`~aletheia.audit.measures.COLUMNS`, float32, one row a face, in order; NaN where a measure is
        unknown.

    Raises
    ------
    InputError
        For a manifest without boxes and keypoints; when a worker of the cluster cannot reach the bucket, or may not.
    """
    column = {ORIGINALS: "original", CROPS: "path"}[view]
    if missing := [name for name in (column, "face_keypoints", *CROP_COLUMNS) if name not in faces]:
        raise InputError(f"The manifest has no column {missing[0]!r}: extract the faces first (extract-faces).")
    paths = faces[column].astype(str).tolist()
    detected = faces_of(faces)
    if view == CROPS:
        rows = faces[list(CROP_COLUMNS)].itertuples(index=False, name=None)
        detected = [
            Face(*place_in_crop(face, size, margin, policy), face.score)
            for face, (size, policy, margin) in zip(detected, rows, strict=True)
        ]
    items = dict(zip(reversed(paths), reversed(detected), strict=True))  # of a file with several, the first
    values: dict[str, Array] = {} if known is None else dict(zip(known.index, known.to_numpy(), strict=True))
    unique = [(path, items[path]) for path in dict.fromkeys(paths) if path not in values]
    results = _spread(Measure(HEAD if view == ORIGINALS else 1.0), unique, workers or get_settings().workers, client)
    bar = tqdm(results, desc=f"Measuring {view}", total=len(unique), unit="file", disable=not progress)
    values |= {path: row for (path, _), row in zip(unique, bar, strict=True)}
    return pd.DataFrame([values[path] for path in paths], columns=list(COLUMNS), index=faces.index)


@dataclasses.dataclass(frozen=True)
class BucketMeasure:
    """Measures objects of buckets, each given with the face in it. Travels to the workers of a cluster.

    Attributes
    ----------
    measure : Measure
        For files.
    """

    measure: Measure

    def __call__(self, item: tuple[Address, Face]) -> Array:
        """Fetch an object, measure it and delete it; a video is not fetched, since none is measured.

        Raises
        ------
        InputError
            When it cannot be fetched.
        """
        source, face = item
        if is_video(source.key):
            return self.measure((source.key, face))
        with fetched(source) as file:
            return self.measure((str(file), face))

    def on_crash(self, item: tuple[Address, Face]) -> Array:
        """Give the values for an object that killed the process that read it."""
        return self.measure.on_crash((item[0].key, item[1]))


def _spread(measure: Measure, items: list[tuple[str, Face]], workers: int, client: Any) -> Iterator[Array]:
    if client is not None:
        places = addresses([path for path, _ in items])
        if places is None:
            return map_dask(measure, items, client, measure.on_crash)
        remote = BucketMeasure(measure)
        faces = [face for _, face in items]
        return map_dask(remote, list(zip(places, faces, strict=True)), client, remote.on_crash)
    if workers == 1 or len(items) < _MIN_FILES:
        return map(measure, items)
    return map_processes(measure, items, workers, measure.on_crash)


def measure_crops(parts: Sequence[pd.DataFrame], *, progress: bool = True) -> pd.DataFrame | None:
    """Measure the crops of several manifests once, for all that needs their measures.

    Parameters
    ----------
    parts : sequence of DataFrame
        Manifests of extracted faces.
    progress : bool
        Show a progress bar.

    Returns
    -------
    DataFrame or None
        As :func:`measure_faces` gives it, one row a file, by path; None where a manifest lacks boxes and keypoints.
    """
    known: pd.DataFrame | None = None
    try:
        for part in parts:
            crops = part.drop_duplicates("path")
            measured = measure_faces(crops, CROPS, known=known, progress=progress).set_index(crops["path"].astype(str))
            known = measured if known is None else pd.concat([known, measured.loc[~measured.index.isin(known.index)]])
    except InputError:
        return None
    return known
