"""Small networks of planted shortcuts, which `benchmarks.audit` and `benchmarks.saliency` train."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.datasets.planted_shortcuts import PLANTS, plant_shortcut
from aletheia.datasets.split import split_manifest
from aletheia.faces.crop_config import CropConfig
from aletheia.training.config import TrainConfig
from aletheia.training.export import export_bundle
from aletheia.training.fit import fit_network

HONEST = "honest"  # no shortcut, but the fakes of the data set as they are
SHARES = (0.6, 0.1, 0.3)  # of the faces, to train, validate and test


def load_faces(source: str, size: int, **options: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut out the faces of a data set: those to plant shortcuts in, with the pool; and its own."""
    data = load_dataset(source, progress=False, **options)
    extracted = extract_dataset_faces(data, CropConfig(size=size), progress=False)
    pool = [] if extracted.pool is None else [extracted.pool]
    return pd.concat([extracted.main, *pool], ignore_index=True), extracted.main


def planted(name: str, faces: pd.DataFrame, own: pd.DataFrame, folder: Path, seed: int) -> tuple[str, pd.DataFrame]:
    """Return what every fake has, in words, and the rows; crops with a shortcut are written into the folder."""
    if name == HONEST:
        return "a forgery", own
    return PLANTS[name][0], plant_shortcut(faces, name, folder, seed)


def train_network(
    rows: pd.DataFrame, recipe: TrainConfig, folder: Path
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Split the rows, train on them, and write the bundle into the folder; returns train, val and test."""
    split = split_manifest(rows, SHARES, seed=recipe.seed)
    train, val, test = (split[split["split"] == part].reset_index(drop=True) for part in ("train", "val", "test"))
    export_bundle(fit_network(recipe, train, val, progress=False), train, val, folder=folder)
    return train, val, test
