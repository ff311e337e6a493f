"""Two models on the same rows: is the new one better, by more than chance?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable
from aletheia.faces.extraction import faces_of
from aletheia.imaging.reading import read_image
from aletheia.models.bundle import load_bundle
from aletheia.models.preprocessing import network_input
from aletheia.models.scoring import predict_crops, score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.stats.bootstrap import GroupedScores, draw_counts, percentile_interval
from aletheia.stats.metrics import unit_ids

_CHUNK = 256


@dataclass(frozen=True)
class Comparison:
    """AUC of a new model minus that of another on the same rows.

    Attributes
    ----------
    other : str
        URI of the other model.
    same : bool
        Both have the same weights; nothing was compared.
    auc, other_auc, difference, low, high : float
        On the rows that both could score; interval of the difference by paired bootstrap.
    n : int
        Those rows.
    same_data : bool
        Both were trained on the same rows. If not, the other one may have seen some of these.
    weights_sha256 : str
        Of the other model.
    """

    other: str
    same: bool
    auc: float
    other_auc: float
    difference: float
    low: float
    high: float
    n: int
    same_data: bool
    weights_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for NaN."""
        return {key: to_jsonable(value) for key, value in asdict(self).items()}


def compare_models(
    spec: ModelSpec,
    scores: pd.DataFrame,
    groups: Array | None,
    other: str | Path,
    *,
    uri: str = "",
    seed: int = 0,
    progress: bool = True,
) -> Comparison:
    """Score the same rows with another model.

    Parameters
    ----------
    spec : ModelSpec
        Of the new model.
    scores : DataFrame
        Test rows with its ``probability``.
    groups : ndarray, optional
        (n,) unit of the bootstrap.
    other : path
        Bundle of the other model. When it takes faces cut out otherwise, they are cut out again from the pictures.

    Raises
    ------
    InputError
        When no row could be scored by both, or only rows of one class.
    """
    network, theirs = load_bundle(other)
    nan = float("nan")
    same_data = bool(spec.data_hash) and spec.data_hash == theirs.data_hash
    if theirs.weights_sha256 == spec.weights_sha256 and theirs.crop.cuts_alike(spec.crop):
        return Comparison(uri or str(other), True, nan, nan, 0.0, 0.0, 0.0, len(scores), True, theirs.weights_sha256)
    if theirs.crop.cuts_alike(spec.crop):
        second = score_manifest(network, theirs, scores, progress=progress).probabilities
    else:
        second = _cut_again(network, theirs, scores)
    first = scores["probability"].to_numpy(np.float64)
    both = np.isfinite(first) & np.isfinite(second)
    y = (scores["label"] == "fake").to_numpy()[both]
    if y.all() or not y.any():
        raise InputError(f"{uri or other} could not score rows of both classes; there is nothing to compare.")
    drawn = unit_ids(groups, len(scores))[both]
    aucs, differences = paired_auc(y, first[both], second[both].astype(np.float64), drawn, seed=seed)
    low, high = percentile_interval(differences, 0.95)
    return Comparison(
        uri or str(other),
        False,
        aucs[0],
        aucs[1],
        aucs[0] - aucs[1],
        low,
        high,
        int(both.sum()),
        same_data,
        theirs.weights_sha256,
    )


def paired_auc(
    y: Array,
    first: Array,
    second: Array,
    groups: Array | None = None,
    *,
    replicates: int = 2000,
    seed: int = 0,
) -> tuple[tuple[float, float], Array]:
    """Both AUCs, and their difference in each replicate: the same groups are drawn for both, so that what makes a
    draw hard for one makes it hard for the other, too.
    """
    data = [GroupedScores(y, p, groups) for p in (first, second)]
    ones = np.ones(data[0].n_groups)
    one, two = (float(scores.ranking_metrics(ones)[0]) for scores in data)
    counts = draw_counts(data[0].n_groups, replicates, np.random.default_rng(seed))
    differences = [data[0].ranking_metrics(row)[0] - data[1].ranking_metrics(row)[0] for row in counts]
    return (one, two), np.array(differences)


def _cut_again(network: Any, spec: ModelSpec, scores: pd.DataFrame) -> Array:
    """Probabilities (n,), NaN where the picture cannot be read."""
    if "face_keypoints" not in scores or "original" not in scores:
        raise InputError("The model in production takes faces cut out otherwise, and the rows do not say where from.")
    out = np.full(len(scores), np.nan)
    pending: list[tuple[int, Array]] = []

    def flush() -> None:
        if pending:
            rows, crops = zip(*pending, strict=True)
            out[list(rows)] = predict_crops(network, spec, np.stack(crops))
            pending.clear()

    for row, (path, face) in enumerate(zip(scores["original"], faces_of(scores), strict=True)):
        try:
            pending.append((row, network_input(read_image(str(path)), face, spec)))
        except InputError:
            continue
        if len(pending) == _CHUNK:
            flush()
    flush()
    return out
