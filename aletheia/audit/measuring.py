"""Measuring the faces of a manifest: in their pictures as delivered, or in the crops that a network will see."""

from __future__ import annotations

import pandas as pd
from tqdm.auto import tqdm

from aletheia.audit.measures import COLUMNS, HEAD, Measure
from aletheia.core.errors import InputError
from aletheia.core.parallel import map_processes
from aletheia.core.settings import get_settings
from aletheia.faces.crop import place_in_crop
from aletheia.faces.extraction import CROP_COLUMNS, faces_of

PICTURES = "pictures"
CROPS = "crops"
_FEW = 1000  # files that are measured sooner than processes start


def measure_faces(
    faces: pd.DataFrame, of: str = PICTURES, *, workers: int | None = None, progress: bool = True
) -> pd.DataFrame:
    """Measure the pictures that faces come from, or their crops, side by side.

    Parameters
    ----------
    faces : DataFrame
        A manifest of extracted faces, see :func:`aletheia.faces.extraction.extract_faces`.
    of : {'pictures', 'crops'}
        In a crop, what lies outside of the face's box is its background.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``.

    Returns
    -------
    DataFrame
        Columns :data:`~aletheia.audit.measures.COLUMNS`, float32, one row a face, in order; NaN for what could not be
        measured.

    Raises
    ------
    InputError
        For a manifest without faces' places.
    """
    column = {PICTURES: "original", CROPS: "path"}[of]
    if missing := [name for name in (column, "face_keypoints", *CROP_COLUMNS) if name not in faces]:
        raise InputError(f"The manifest has no column {missing[0]!r}: extract the faces first (extract-faces).")
    paths = faces[column].astype(str).tolist()
    found = faces_of(faces)
    if of == CROPS:
        cuts = faces[list(CROP_COLUMNS)].itertuples(index=False, name=None)
        places = (place_in_crop(face, size, margin, how) for face, (size, how, margin) in zip(found, cuts, strict=True))
        found = [type(face)(*place, face.score) for face, place in zip(found, places, strict=True)]
    items = dict(zip(reversed(paths), reversed(found), strict=True))  # of a picture with several, the first
    unique = [(path, items[path]) for path in dict.fromkeys(paths)]
    measure = Measure(HEAD if of == PICTURES else 1.0)
    workers = workers or get_settings().workers
    if workers == 1 or len(unique) < _FEW:
        results = map(measure, unique)
    else:
        results = map_processes(measure, unique, workers, measure.on_crash)
    bar = tqdm(results, desc=f"Measuring {of}", total=len(unique), unit="file", disable=not progress)
    values = {path: row for (path, _), row in zip(unique, bar, strict=True)}
    return pd.DataFrame([values[path] for path in paths], columns=list(COLUMNS), index=faces.index)
