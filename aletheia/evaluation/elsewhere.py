"""Pictures from elsewhere, cut out and saved as those were that a model was trained on."""

from __future__ import annotations

import pandas as pd

from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.datasets.pipeline import Dataset, extract_dataset_faces
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import CROP_COLUMNS


def faces_as_in_training(
    data: Dataset, crop: CropConfig, *, seed: int = 0, progress: bool = True
) -> tuple[pd.DataFrame, int]:
    """Cut the faces of a source out as a model's training faces were, one class being enough.

    Parameters
    ----------
    data : Dataset
        Of `aletheia.datasets.pipeline.load_dataset`. A manifest of faces that were cut out already is taken as it is.
    crop : CropConfig
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
        return data.main, len(data.skipped)
    extracted = extract_dataset_faces(data, crop, one_class=True, progress=progress)
    return saved_as_in_training(extracted.main, crop, seed), len(extracted.skipped)


def are_crops(rows: pd.DataFrame) -> bool:
    """Whether the rows of a manifest are faces that were cut out already, as extract-faces writes them."""
    return {*CROP_COLUMNS, "face_keypoints"} <= set(rows)


def saved_as_in_training(faces: pd.DataFrame, crop: CropConfig, seed: int) -> pd.DataFrame:
    """Save the faces alike, when a remedy saved those alike that the model learnt from."""
    remedies = Remedies(quality=crop.quality, resolution=crop.resolution)
    return apply_remedies(faces, faces.iloc[:0], remedies, seed=seed).faces if remedies else faces
