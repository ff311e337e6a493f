"""Pictures from elsewhere, cut out and saved as those were that a model was trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.audit.training_profile import face_sides
from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.paths import data_folder
from aletheia.datasets.pipeline import Dataset, extract_dataset_faces
from aletheia.faces.crop import is_shrunk, resize_crop, shrunk_side
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import CROP_COLUMNS
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import resaved
from aletheia.models.preprocessing import largest_face
from aletheia.models.spec import ModelSpec


def faces_as_in_training(
    data: Dataset, spec: ModelSpec, *, seed: int = 0, progress: bool = True
) -> tuple[pd.DataFrame, int]:
    """Cut the faces of a source out as a model's training faces were, one class being enough.

    A face larger than all of the training is shrunk first, as when the model answers for the picture
    (`aletheia.models.preprocessing.network_input`).

    Parameters
    ----------
    data : Dataset
        Of `aletheia.datasets.pipeline.load_dataset`. Of a manifest of faces that were cut out already, only crops of
        faces that are too large are replaced.
    spec : ModelSpec
        Of the model.
    seed : int
        Of the qualities in which the faces are saved.
    progress : bool
        Show progress bars.

    Returns
    -------
    faces : DataFrame
        A manifest of face crops.
    left_out : int
        Files without a face, or that cannot be read.
    """
    if are_crops(data.main):
        faces, n_unread = shrunk_as_in_answers(data.main, spec)
        return faces, len(data.skipped) + n_unread
    extracted = extract_dataset_faces(data, spec.crop, largest=largest_face(spec), one_class=True, progress=progress)
    return saved_as_in_training(extracted.main, spec.crop, seed), len(extracted.skipped)


def are_crops(rows: pd.DataFrame) -> bool:
    """Whether the rows of a manifest are faces that were cut out already, as extract-faces writes them."""
    return {*CROP_COLUMNS, "face_keypoints"} <= set(rows)


def shrunk_as_in_answers(faces: pd.DataFrame, spec: ModelSpec) -> tuple[pd.DataFrame, int]:
    """Replace the crops of faces larger than all of the training by shrunk ones; also count the unreadable of these.

    A crop that holds no more pixels than the largest face of the training is as it should be.
    """
    largest = largest_face(spec)
    side = shrunk_side(largest, spec.crop.margin)
    rows = [row for row, size in enumerate(face_sides(faces)) if is_shrunk(size, largest)]
    if not rows or side >= spec.crop.size:
        return faces, 0
    folder = data_folder() / "shrunk"
    folder.mkdir(parents=True, exist_ok=True)
    paths, unread = faces["path"].astype(str).to_numpy(object), []
    for row in rows:
        try:
            paths[row] = _shrink(paths[row], side, folder)
        except InputError:
            unread.append(row)
    return faces.assign(path=paths).drop(index=faces.index[unread]).reset_index(drop=True), len(unread)


def _shrink(path: str, side: int, folder: Path) -> str:
    """Save a crop shrunk to `side` pixels and enlarged again; return the path of the file."""
    rgb = read_image(path)
    data = resaved(resize_crop(resize_crop(rgb, side), len(rgb)), None)
    # Named by its own path, too: two crops may be alike to the last pixel.
    name = folder / f"{hashlib.sha256(path.encode() + data).hexdigest()[:24]}.png"
    with replacing(name) as file:
        file.write(data)
    return str(name)


def saved_as_in_training(faces: pd.DataFrame, crop: CropConfig, seed: int) -> pd.DataFrame:
    """Save the faces alike, when a remedy saved those alike that the model learnt from."""
    remedies = Remedies(quality=crop.quality, resolution=crop.resolution)
    return apply_remedies(faces, faces.iloc[:0], remedies, seed=seed).faces if remedies else faces
