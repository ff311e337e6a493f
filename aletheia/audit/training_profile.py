"""Profile of the training faces: names, binned measures, and learners that are blind to faces.

A learner is a logistic regression on the bins of a family's measures, an additive model (Hastie and Tibshirani,
"Generalized Additive Models", Statistical Science 1, 1986): nearly as good as trees on the same measures, and small
enough to travel with the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from aletheia.audit.controls import TOGETHER
from aletheia.audit.file_properties import FEATURES, file_features
from aletheia.audit.measures import CONTROLS, FAMILIES
from aletheia.audit.measuring import CROPS, measure_faces
from aletheia.audit.spectrum_baseline import spectra
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.age_bins import binned_text
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.manifest import validate_manifest
from aletheia.datasets.schema import DEMOGRAPHICS, as_text
from aletheia.imaging.pixel_cache import iterate_images
from aletheia.imaging.reading import Unreadable
from aletheia.models.training_profile import BINS, MAX_NAMES, Learner, MeasureProfile, SourceCount, TrainingProfile
from aletheia.models.verdict import STATISTICS, crop_statistics
from aletheia.stats.categorical import encode
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.tabular import FoldError, make_folds

FILES, CROP, SPECTRUM = "files", "crop", "spectrum"
#: Side to which crops are brought for their statistics and spectra, pixels; bands of the spectrum.
SIZE, BANDS = 64, 8
_CROP_NAMES = {**STATISTICS, "face_size": "side of the face in its picture, pixels"}
#: Training faces that are measured, drawn at random.
MAX_FACES = 2000
_LEVELS = ("format", "chroma")
_RIDGE = 0.1  # inverse strength of the penalty: some thousand faces have up to 2,000 bins
_DIGITS = 5


class Properties(NamedTuple):
    """Measured properties of faces: values (n,) by key, and by key the readable name and the family."""

    values: dict[str, Array]
    names: dict[str, tuple[str, str]]


def fit_training_profile(train: pd.DataFrame, *, seed: int = 0, progress: bool = True) -> TrainingProfile:
    """Describe training faces in numbers.

    Parameters
    ----------
    train : DataFrame
        A manifest of face crops. Without boxes and keypoints, places and surroundings of the faces are not measured.
    seed : int
        Of the draw of `MAX_FACES` faces and of the folds.
    progress : bool
        Show a progress bar.
    """
    train = validate_manifest(train)
    rows = train.sample(min(len(train), MAX_FACES), random_state=seed).sort_index().reset_index(drop=True)
    levels = {name: tuple(str(value) for value in encode(train[name])[1][:200]) for name in _LEVELS}
    measured = measured_properties(rows, levels, progress=progress)
    measures = {key: _bin(values, *measured.names[key]) for key, values in measured.values.items()}
    bins = {key: measure.bins(measured.values[key]) for key, measure in measures.items()}
    fake, groups = fake_flags(rows), connected_groups(rows)
    learners = _fit_learners(measures, bins, fake, groups, seed)
    return TrainingProfile(
        faces=len(train),
        groups=int(connected_groups(train).max(initial=-1)) + 1,
        levels=levels,
        measures=measures,
        learners=learners,
        **count_names(train),
    )


def measured_properties(
    frame: pd.DataFrame, levels: Mapping[str, tuple[str, ...]], *, progress: bool = True
) -> Properties:
    """Measure the files of faces, light, sharpness and spectrum of their crops, and, where boxes are known, the rest.

    Parameters
    ----------
    frame : DataFrame
        (n rows) a manifest of face crops.
    levels : mapping
        Values of format and chroma that have a code; others are unknown.
    """
    table = file_features(frame, {name: np.array(values, dtype=object) for name, values in levels.items()})
    values = {f"file_{key}": table[:, k] for k, key in enumerate(FEATURES)}
    names = {f"file_{key}": (name, FILES) for key, name in FEATURES.items()}
    statistics = [_statistics(image) for image in iterate_images(frame["path"].astype(str).tolist(), SIZE)]
    for key, name in _CROP_NAMES.items():
        values[f"crop_{key}"] = np.array([row.get(key, np.nan) for row in statistics], dtype=np.float64)
        names[f"crop_{key}"] = (name, CROP)
    values["crop_face_size"] = face_sides(frame)
    bands = spectra(frame, SIZE, progress=False).astype(np.float64).reshape(len(frame), BANDS, -1).mean(axis=2)
    for k in range(BANDS):
        values[f"band_{k}"] = bands[:, k]
        names[f"band_{k}"] = (f"power in band {k + 1} of {BANDS}, decibels", SPECTRUM)
    try:
        measured = measure_faces(frame, CROPS, progress=progress)
    except InputError:  # a manifest of crops that does not say where their faces lie
        return Properties(values, names)
    for family, (_, columns) in FAMILIES.items():
        for key, name in columns.items():
            values[key] = measured[key].to_numpy(np.float64)
            names[key] = (name, family)
    return Properties(values, names)


def face_sides(frame: pd.DataFrame) -> Array:
    """Return the longer side of each face's box (n,), pixels of its picture; NaN where the manifest has no box."""
    corners = [f"face_{name}" for name in ("x0", "y0", "x1", "y1")]
    if not set(corners) <= set(frame):
        return np.full(len(frame), np.nan)
    boxes = frame[corners].to_numpy(np.float64)
    sides: Array = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    return sides


def _statistics(image: Array | Unreadable) -> dict[str, float]:
    return {} if isinstance(image, Unreadable) else crop_statistics(image)


def count_names(frame: pd.DataFrame) -> dict[str, Any]:
    """Count the faces of each source by label, of each generator, and of each group of people (ages in bins)."""
    fake, sources, generators = fake_flags(frame), as_text(frame["source"]), as_text(frame["generator"])
    people = {}
    for column in (name for name in DEMOGRAPHICS if name in frame):
        texts = binned_text(frame, column)
        if counts := _count(texts):
            people[column] = counts
    real, forged = _count(sources[~fake]), _count(sources[fake])
    names = sorted({*real, *forged})[:MAX_NAMES]
    return {
        "sources": {name: SourceCount(real=real.get(name, 0), fake=forged.get(name, 0)) for name in names},
        "generators": _count(generators[fake]),
        "people": people,
    }


def _count(texts: Array) -> dict[str, int]:
    names, counts = np.unique(texts[texts != ""].astype(str), return_counts=True)
    largest = np.sort(np.argsort(-counts, kind="stable")[:MAX_NAMES])
    return {str(names[k])[:300]: int(counts[k]) for k in largest}


def _bin(values: Array, name: str, family: str) -> MeasureProfile:
    """Cut a measure at its deciles; values that repeat make fewer bins."""
    known = values[~np.isnan(values)]
    edges: tuple[float, ...] = ()
    if len(known):
        cuts = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="higher"))
        edges = tuple(float(f"{cut:.6g}") for cut in cuts[cuts > known.min()])
        edges = tuple(sorted(set(edges)))
    empty = MeasureProfile(name=name, family=family, edges=edges, shares=(0.0,) * (len(edges) + 2))
    shares = np.bincount(empty.bins(values), minlength=len(edges) + 2) / max(len(values), 1)
    median = round(float(np.median(known)), _DIGITS) if len(known) else None
    rounded = tuple(round(float(share), _DIGITS) for share in shares)
    return MeasureProfile(name=name, family=family, edges=edges, shares=rounded, median=median)


def _fit_learners(
    measures: Mapping[str, MeasureProfile], bins: Mapping[str, Array], fake: Array, groups: Array, seed: int
) -> dict[str, Learner]:
    if fake.all() or not fake.any():
        return {}
    families = {
        family: (name, [key for key in measures if measures[key].family == family])
        for family, name in (
            (FILES, "file properties alone"),
            (CROP, "light, sharpness and size of the face alone"),
            (SPECTRUM, "frequency spectrum in eight bands alone"),
        )
    }
    for key, (name, columns) in FAMILIES.items():
        families[key] = (name if key in CONTROLS else f"{name} alone", [c for c in columns if c in measures])
    together = [key for key in measures if measures[key].family not in (FILES, CROP, SPECTRUM, *CONTROLS)]
    families[TOGETHER] = ("all families of the audit together", together)
    try:
        folds = make_folds(groups, fake, np.random.default_rng(seed))
    except FoldError:
        folds = []
    learners = {}
    for family, (name, keys) in families.items():
        varying = [key for key in keys if np.count_nonzero(measures[key].shares) > 1]
        if varying:
            learners[family] = _fit_learner(name, {key: measures[key] for key in varying}, bins, fake, groups, folds)
    return learners


def _fit_learner(
    name: str,
    measures: Mapping[str, MeasureProfile],
    bins: Mapping[str, Array],
    fake: Array,
    groups: Array,
    folds: list[tuple[Array, Array]],
) -> Learner:
    from sklearn.linear_model import LogisticRegression

    sizes = {key: len(measure.shares) for key, measure in measures.items()}
    table = np.concatenate([np.eye(size, dtype=np.float32)[bins[key]] for key, size in sizes.items()], axis=1)
    model = LogisticRegression(C=_RIDGE, class_weight="balanced", max_iter=300)
    auc = None
    if folds:
        scores, fold_of = np.full(len(fake), np.nan), np.full(len(fake), -1)
        for k, (fit, score) in enumerate(folds):
            scores[score] = model.fit(table[fit], fake[fit]).decision_function(table[score])
            fold_of[score] = k
        scored = fold_of >= 0
        auc = float(clustered_auc(fake[scored], scores[scored], groups[scored], fold_of[scored]).value)
    model.fit(table, fake)
    parts = np.split(model.coef_[0].astype(np.float64), np.cumsum(list(sizes.values()))[:-1])
    weights = {key: tuple(np.round(part, _DIGITS).tolist()) for key, part in zip(sizes, parts, strict=True)}
    return Learner(name=name, intercept=round(float(model.intercept_[0]), _DIGITS), weights=weights, auc=auc)
