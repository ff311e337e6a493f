"""Measuring the faces of a manifest: in the original files, or in the crops that a network will see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from aletheia.audit.measures import COLUMNS, HEAD, Measure
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.parallel import map_processes
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.faces.crop import place_in_crop
from aletheia.faces.extraction import CROP_COLUMNS, faces_of
from aletheia.faces.face import Face

#: The two views of a face: in its original file, and in its crop.
ORIGINALS, CROPS = "pictures", "crops"
_MIN_FILES = 1000  # fewer are measured sooner than processes start


def measure_faces(
    faces: pd.DataFrame,
    view: str = ORIGINALS,
    *,
    known: pd.DataFrame | None = None,
    workers: int | None = None,
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

    Returns
    -------
    DataFrame
        Columns :data:`~aletheia.audit.measures.COLUMNS`, float32, one row a face, in order; NaN where a measure is
        unknown.

    Raises
    ------
    InputError
        For a manifest without boxes and keypoints.
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
    measure = Measure(HEAD if view == ORIGINALS else 1.0)
    workers = workers or get_settings().workers
    if workers == 1 or len(unique) < _MIN_FILES:
        results: Iterator[Array] = map(measure, unique)
    else:
        results = map_processes(measure, unique, workers, measure.on_crash)
    bar = tqdm(results, desc=f"Measuring {view}", total=len(unique), unit="file", disable=not progress)
    values |= {path: row for (path, _), row in zip(unique, bar, strict=True)}
    return pd.DataFrame([values[path] for path in paths], columns=list(COLUMNS), index=faces.index)


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
