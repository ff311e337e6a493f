"""Rules of abstention: limits from validation faces, ranges from training faces."""

from __future__ import annotations

import contextlib
import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from aletheia.audit.training_profile import face_sides
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.datasets.groups import connected_groups
from aletheia.faces.extraction import faces_of
from aletheia.imaging.pixel_cache import iterate_images
from aletheia.imaging.reading import Unreadable, read_image
from aletheia.imaging.transforms import resize_rgb
from aletheia.models.preprocessing import network_input
from aletheia.models.reencoding import compressed, reencoded_inputs
from aletheia.models.scoring import crop_logits, manifest_features
from aletheia.models.spec import AbstentionSpec, ModelSpec, TypicalSpec
from aletheia.models.typical_faces import MIN_FACES, TypicalFaces, conformal_distance, fit_typical, write_typical
from aletheia.models.verdict import STATISTICS, crop_statistics
from aletheia.stats.conformal_coverage import conformal_rank, held_rows

#: A face is within the training range when each statistic lies between these quantiles of the training faces, widened
#: on both sides by this share of the distance.
_QUANTILES, _WIDENED = (0.005, 0.995), 0.1
_CHUNK = 64
#: Most training faces whose features are compared with, and the share of the validation faces that is refused.
_TYPICAL, TYPICAL_LEVEL = 2000, 0.02


def fit_abstention(
    y: Array,
    p: Array,
    statistics: pd.DataFrame,
    *,
    alpha: float = 0.1,
    shifts: Array | None = None,
    groups: Array | None = None,
) -> AbstentionSpec:
    """Fit everything that `aletheia.models.verdict.decide` needs.

    The limits are those of split-conformal prediction, for each class on its own (Mondrian; Vovk et al., "Algorithmic
    Learning in a Random World", 2005, sections 4.2 and 4.5; Angelopoulos and Bates, "Conformal Prediction: A Gentle
    Introduction", 2023): a new genuine face has a probability of at most `real_upper` with probability 1 - alpha or
    more, a new fake one of at least `fake_lower`. That holds for faces that are exchangeable with the validation faces,
    on average over such sets of them: one set of few people may be far off, so their effective number is kept. A
    calibration fitted on the same rows does no harm, since it keeps their order; choosing the best epoch on them may do
    a little, and other cameras or generators do much. The evaluation reports the rates on test rows beside the nominal
    ones.

    Parameters
    ----------
    y, p : ndarray
        (n,) labels (1 for fake) and probabilities of the validation faces.
    statistics : DataFrame
        Of `manifest_statistics`, training faces.
    alpha : float
        Share of either class, between 0 and 1, whose own label may be found implausible.
    shifts : ndarray, optional
        Changes of the logits of validation faces by re-encoding, see `reencoded_logits`; NaN is left out. Without any,
        no face is scored again.
    groups : ndarray, optional
        (n,) the unit that was sampled of each validation face; each its own by default.

    Returns
    -------
    AbstentionSpec
        With fewer than 1 / alpha - 1 validation faces of a class that label is always plausible.

    Raises
    ------
    InputError
        Another alpha, one class only, or probabilities outside 0 to 1.
    """
    y, p = np.asarray(y), np.asarray(p, dtype=np.float64)
    if not 0 < alpha < 1:
        raise InputError(f"abstention_alpha: {alpha} is no share; choose a value between 0 and 1, such as 0.1.")
    if not (y == 0).any() or not (y == 1).any():
        raise InputError("Abstention needs real and fake validation rows; there is one class only.")
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("Abstention needs probabilities from 0 to 1; leave out rows without one.")
    sizes = statistics["face_size"].dropna()
    units, real = np.arange(len(y)) if groups is None else np.asarray(groups), y == 0
    changes = np.abs(shifts[np.isfinite(shifts)]) if shifts is not None else np.zeros(0)
    real_upper, fake_lower = abstention_limits(p[real], p[~real], alpha)
    return AbstentionSpec(
        alpha=alpha,
        real_upper=real_upper,
        fake_lower=fake_lower,
        real_held=held_rows(p[real], units[real], alpha),
        fake_held=held_rows(-p[~real], units[~real], alpha),
        min_face=math.floor(sizes.min()) if len(sizes) else 0.0,
        ranges={name: _range(values) for name in STATISTICS if len(values := statistics[name].dropna())},
        reencode=float(changes.max()) if len(changes) else None,
    )


def fit_typical_faces(
    model: nn.Module, spec: ModelSpec, train: pd.DataFrame, val: pd.DataFrame, folder: str | Path
) -> TypicalSpec | str:
    """Measure the training faces, and set the distance from them on validation faces.

    The validation faces are of other people than the training's. The level that is promised depends on how many they
    are, see `aletheia.models.typical_faces.conformal_distance`.

    Parameters
    ----------
    model, spec
        A network and its description.
    train, val : DataFrame
        Manifests of face crops.
    folder : path
        Of the bundle; ``typical.safetensors`` is written there.

    Returns
    -------
    TypicalSpec or str
        The reason, as a clause, for a network without a declared last map, and where there are too few faces.
    """
    rows = train.sample(min(len(train), _TYPICAL), random_state=0)
    features = manifest_features(model, spec, rows)
    if features is None:
        return f"the network {spec.architecture} does not declare its last map"
    if len(known := features[np.isfinite(features).all(axis=1)]) < 2:
        return "fewer than two training faces could be measured"
    typical = fit_typical(known)
    distances = manifest_distances(model, spec, val, typical)
    limit, promised = conformal_distance(distances, connected_groups(val), TYPICAL_LEVEL)
    n = int(np.isfinite(distances).sum())
    if not 0 < limit < math.inf:
        few = (
            f"its limit is set on {MIN_FACES} validation faces or more, and there were {n} (val_share holds back more)"
        )
        return few if n < MIN_FACES else "all validation faces lie in one place"
    payload = write_typical(folder, typical)
    return TypicalSpec(
        sha256=hashlib.sha256(payload).hexdigest(),
        features=len(typical.mean),
        limit=limit,
        level=promised,
        faces=n,
    )


def conformal_limit(scores: Array, alpha: float) -> float:
    """Return the limit that a new score exceeds with probability alpha at most.

    It is the ceil((n + 1)(1 - alpha))-th smallest of the scores (n,), or inf if there are too few.
    """
    rank = conformal_rank(len(scores), alpha)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


def abstention_limits(real: Array, fake: Array, alpha: float, most_wrong: float | None = None) -> tuple[float, float]:
    """Return the limits `real_upper` and `fake_lower` that faces of both classes ask for.

    Parameters
    ----------
    real, fake : ndarray
        (n,) and (m,) probabilities of genuine faces and of fakes.
    alpha : float
        As of `fit_abstention`.
    most_wrong : float, optional
        Widen the limits to those of `risk_limits`.
    """
    upper, lower = min(conformal_limit(real, alpha), 1.0), max(-conformal_limit(-fake, alpha), 0.0)
    if most_wrong is None:
        return upper, lower
    safe_upper, safe_lower = risk_limits(real, fake, most_wrong)
    return max(upper, safe_upper), min(lower, safe_lower)


def risk_limits(real: Array, fake: Array, most_wrong: float) -> tuple[float, float]:
    """Return the limits beyond which few answers are wrong, both classes counting the same.

    "fake" is answered above the first limit, where the share of genuine faces among the answers is estimated as at most
    `most_wrong`; "real" below the second, likewise. One more error is counted than was seen among one more face, as in
    A. Angelopoulos et al., "Conformal Risk Control", ICLR 2024; but a share among answers is not monotone in the limit,
    so that this is an estimate and no bound: choosing the limit that answers most makes it a little too good
    (selective prediction: Y. Geifman, R. El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017).

    Parameters
    ----------
    real, fake : ndarray
        (n,) and (m,) probabilities of genuine faces and of fakes, of one source that was not learnt from.
    most_wrong : float
        Largest share of wrong answers, in (0, 0.5).

    Returns
    -------
    tuple of float
        `real_upper` and `fake_lower` of the abstention: 1 and 0, so that there is no answer, where no limit does.
    """
    return _risk_limit(real, fake, most_wrong, 1.0), -_risk_limit(-fake, -real, most_wrong, -0.0)


def _risk_limit(wrong: Array, right: Array, most_wrong: float, never: float) -> float:
    """Return the lowest score above which few of the answers are of the wrong class; `never` if there is none."""
    for limit in np.unique(np.concatenate([wrong, right])):
        errors = (np.sum(wrong > limit) + 1) / (len(wrong) + 1)
        hits = np.mean(right > limit) if len(right) else 0.0
        if hits > 0 and errors <= most_wrong * (errors + hits):
            return float(limit)
    return never


def manifest_distances(model: nn.Module, spec: ModelSpec, frame: pd.DataFrame, typical: TypicalFaces) -> Array:
    """Compute the distances (n,) of the crops of a manifest from the training faces; NaN where there is none."""
    features = manifest_features(model, spec, frame)
    return np.full(len(frame), np.nan) if features is None else typical.distances(features)


def manifest_statistics(frame: pd.DataFrame, size: int) -> pd.DataFrame:
    """Measure the statistics of the crops of a manifest.

    Parameters
    ----------
    frame : DataFrame
        With the column path; the face's box (face_x0, …) where it is known.
    size : int
        Side of the network's input, pixels.

    Returns
    -------
    DataFrame
        The rows of `frame`; luma, contrast, sharpness (see `crop_statistics`) and face_size (pixels of the picture).
        NaN where the crop could not be read or the box is unknown.
    """
    images = iterate_images(frame["path"].astype(str).tolist(), size)
    rows = [{} if isinstance(image, Unreadable) else crop_statistics(image) for image in images]
    table = pd.DataFrame(rows, index=frame.index, columns=list(STATISTICS), dtype=np.float64)
    return table.assign(face_size=face_sides(frame))


def reencoded_logits(model: nn.Module, spec: ModelSpec, frame: pd.DataFrame) -> Array:
    """Score faces before and after mild re-encodings of their pictures.

    Parameters
    ----------
    model, spec
        A network and its description.
    frame : DataFrame
        A manifest of face crops.

    Returns
    -------
    ndarray
        (n, 3) logits of the face as it is, as JPEG and scaled (see `aletheia.models.reencoding`). If the picture is not
        available (a delivery of crops, or a video) the crop itself is compressed and never scaled; NaN where there is
        no such version.
    """
    table = np.full((len(frame), 3), np.nan, dtype=np.float32)
    rows = frame.to_dict("records")
    with ThreadPoolExecutor(get_settings().workers) as pool:
        for start in range(0, len(rows), _CHUNK):
            parts = list(pool.map(lambda row: _versions(row, spec), rows[start : start + _CHUNK]))
            logits = crop_logits(model, spec, np.concatenate(parts)) if any(map(len, parts)) else np.zeros(0)
            ends = np.cumsum([len(part) for part in parts])
            for row, values in enumerate(np.split(logits, ends[:-1]), start):
                table[row, : len(values)] = values
    return table


def _versions(row: dict[str, Any], spec: ModelSpec) -> Array:
    """Build the inputs of a row: (3, size, size, 3), (2, …) without a picture, (0, …) without any readable file."""
    size = spec.input_size
    with contextlib.suppress(InputError, OSError):
        if _has_picture(row, spec):
            picture, (face,) = read_image(str(row["original"])), faces_of(pd.DataFrame([row]))
            return np.concatenate([network_input(picture, face, spec)[None], reencoded_inputs(picture, face, spec)])
    try:
        crop = read_image(str(row["path"]))
    except (InputError, OSError):
        return np.zeros((0, size, size, 3), np.uint8)
    return np.stack([resize_rgb(crop, size), resize_rgb(compressed(crop), size)])


def _has_picture(row: dict[str, Any], spec: ModelSpec) -> bool:
    is_located = all(isinstance(row.get(name), str) and row[name] for name in ("original", "face_keypoints"))
    return is_located and spec.crop.policy != "none" and not row.get("frame_time", math.nan) >= 0


def _range(values: pd.Series) -> tuple[float, float]:
    low, high = np.quantile(values, _QUANTILES)
    margin = _WIDENED * (high - low)
    return float(low - margin), float(high + margin)
