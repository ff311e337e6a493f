"""Comparison of two models on the same rows: the difference of their AUCs with a paired interval."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable
from aletheia.evaluation.new_faces import NewFaces, compare_on_new_faces, score_faces
from aletheia.faces.extraction import faces_of
from aletheia.imaging.reading import read_image
from aletheia.models.bundle import load_bundle
from aletheia.models.preprocessing import network_input
from aletheia.models.scoring import predict_crops, score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.release.evaluation_records import NotCompared
from aletheia.stats.bootstrap import unit_ids
from aletheia.stats.clustered_auc import auc_difference, clustered_auc
from aletheia.stats.noninferiority import logit_error

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
        On the rows that both could score; interval of the difference by `aletheia.stats.clustered_auc`.
    n : int
        Those rows.
    same_data : bool
        Both were trained on the same rows. If not, the other one may have seen some of these.
    weights_sha256 : str
        Of the other model.
    standard_error, df : float, int
        Of the difference, see `aletheia.stats.paired_difference.PairedDifference`.
    logit_error : float
        Standard error of the difference of the logits, see `aletheia.stats.noninferiority`.
    new_faces : NewFaces, optional
        Verdicts on faces that neither learnt from, where there are any; the other model is the first.
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
    standard_error: float = float("nan")
    df: int = 0
    logit_error: float = float("nan")
    new_faces: NewFaces | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None for NaN."""
        found = {field.name: to_jsonable(getattr(self, field.name)) for field in fields(self)}
        return found | {"new_faces": self.new_faces.to_dict() if self.new_faces else None}


def compare_with_production(
    model: str | Path,
    spec: ModelSpec,
    scores: pd.DataFrame,
    groups: Array | None,
    production: tuple[str, Path | None] | None,
    *,
    new_faces: pd.DataFrame | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Comparison | NotCompared | None:
    """Compare with the model in production on the test rows, and on new faces where there are any.

    Parameters
    ----------
    model : path
        Folder of the new model's bundle, or one of its files.
    spec, scores, groups, seed, progress
        As of `compare_models`.
    production : (str, path), optional
        URI and folder of the model in production; no folder when its files are gone. None: there is no such model.
    new_faces : DataFrame, optional
        Faces, cut out as both models take them, that neither learnt from.
    """
    if production is None:
        return None
    uri, folder = production
    if folder is None:
        return NotCompared(reason=f"{uri} could not be compared with: its files are gone")
    try:
        found = compare_models(spec, scores, groups, folder, uri=uri, seed=seed, progress=progress)
        if found.same or new_faces is None or not len(new_faces):
            return found
        frames = [score_faces(path, new_faces, progress=progress) for path in (folder, model)]
        return replace(found, new_faces=compare_on_new_faces(*frames))
    except InputError as error:
        return NotCompared(reason=f"{uri} could not be compared with: {error}")


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
    uri : str
        Name of the other model in results and messages; by default its path.
    seed : int
        Of the bootstrap.
    progress : bool
        Show progress bars.

    Raises
    ------
    InputError
        When no row could be scored by both, or only rows of one class.
    """
    network, other_spec = load_bundle(other)
    name, nan = uri or str(other), float("nan")
    if other_spec.weights_sha256 == spec.weights_sha256 and other_spec.crop.cuts_alike(spec.crop):
        return Comparison(name, True, nan, nan, 0.0, 0.0, 0.0, len(scores), True, other_spec.weights_sha256)
    if other_spec.crop.cuts_alike(spec.crop):
        second = score_manifest(network, other_spec, scores, progress=progress).probabilities
    else:
        second = _cut_again(network, other_spec, scores)
    first = scores["probability"].to_numpy(np.float64)
    both = np.isfinite(first) & np.isfinite(second)
    y = (scores["label"] == "fake").to_numpy()[both]
    if y.all() or not y.any():
        raise InputError(f"{name} could not score rows of both classes; there is nothing to compare.")
    ids = unit_ids(groups, len(scores))[both]
    aucs = [clustered_auc(y, scores[both], ids) for scores in (first, second.astype(np.float64))]
    paired = auc_difference(*aucs)
    difference = paired.estimate()
    return Comparison(
        other=name,
        same=False,
        auc=aucs[0].value,
        other_auc=aucs[1].value,
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        n=int(both.sum()),
        same_data=bool(spec.data_hash) and spec.data_hash == other_spec.data_hash,
        weights_sha256=other_spec.weights_sha256,
        standard_error=paired.standard_error,
        df=paired.df,
        logit_error=logit_error(*aucs),
    )


def _cut_again(network: Any, spec: ModelSpec, scores: pd.DataFrame) -> Array:
    """Score faces cut out of their pictures as another model takes them: (n,), NaN where a picture is unreadable."""
    if "face_keypoints" not in scores or "original" not in scores:
        raise InputError(
            "The model in production takes faces cut out otherwise, and the rows do not name the pictures."
        )
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
