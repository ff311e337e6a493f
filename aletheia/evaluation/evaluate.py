"""Score a test set with a model and say what the score is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.data.manifest import manifest_hash, validate_manifest
from aletheia.data.split import check_leakage
from aletheia.errors import InputError
from aletheia.evaluation.metrics import Metrics, evaluate_scores
from aletheia.evaluation.scores import score_manifest
from aletheia.evaluation.shortcut import shortcut_auc
from aletheia.evaluation.subgroups import generator_table, subgroup_table
from aletheia.evaluation.tabular import Shortcut
from aletheia.models.bundle import load_bundle
from aletheia.models.spec import ModelSpec
from aletheia.training.data import encode_labels


@dataclass(frozen=True)
class Evaluation:
    """What a model scored on a test set.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    scores : DataFrame
        The test manifest with the columns probability, logit (NaN where unreadable) and verdict.
    metrics : Metrics
        With intervals over `unit`.
    unit : str
        What was drawn in the bootstrap: 'identity', 'video' or 'row'.
    subgroups, generators : DataFrame
        See `aletheia.evaluation.subgroups`.
    shortcut : Shortcut or None
        What file properties alone reach on the same rows; None where that could not be computed.
    shortcut_note : str
        Why not.
    leaks : int
        Groups that stand on both sides of training and test.
    skipped : DataFrame
        Columns path and reason: test rows without a score.
    data_hash : str
        Of the test manifest.
    """

    spec: ModelSpec
    scores: pd.DataFrame
    metrics: Metrics
    unit: str
    subgroups: pd.DataFrame
    generators: pd.DataFrame
    shortcut: Shortcut | None
    shortcut_note: str
    leaks: int
    skipped: pd.DataFrame
    data_hash: str

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels (1 for fake) and probabilities of the rows that have a score."""
        scored = self.scores[self.scores["probability"].notna()]
        return encode_labels(scored["label"]).astype(int), scored["probability"].to_numpy(dtype=np.float64)

    def headline(self) -> dict[str, float | int]:
        """Flat numbers for the results of a run."""
        out = self.metrics.flat() | {"leaks": self.leaks, "unreadable": len(self.skipped)}
        if self.shortcut is not None:
            out |= {"shortcut_auc": self.shortcut.auc}
            out |= {"shortcut_auc_low": self.shortcut.low, "shortcut_auc_high": self.shortcut.high}
        return {key: value for key, value in out.items() if np.isfinite(value)}

    def summary(self) -> dict[str, Any]:
        """Everything but the scores, as plain values for JSON."""
        shortcut = None
        if self.shortcut is not None:
            shortcut = {name: _plain(getattr(self.shortcut, name)) for name in ("auc", "low", "high")}
        return {
            **self.metrics.to_dict(),
            "unit": self.unit,
            "shortcut": shortcut,
            "shortcut_note": self.shortcut_note,
            "leaks": self.leaks,
            "fault": self.spec.fault,
            "weights_sha256": self.spec.weights_sha256,
            "run": self.spec.run,
            "test_data_hash": self.data_hash,
            "subgroups": _records(self.subgroups),
            "generators": _records(self.generators),
            "unreadable": self.skipped.to_dict("records"),
        }


def evaluate_model(
    model: str | Path, train: pd.DataFrame, test: pd.DataFrame, *, seed: int = 0, progress: bool = True
) -> Evaluation:
    """Score the test rows and compare with what a trivial shortcut would have scored.

    Parameters
    ----------
    model : path
        Folder of a bundle, or one of its files.
    train : DataFrame
        Training rows: the shortcut learns from them, and none of their groups may occur in the test rows.
    test : DataFrame
        Test rows: a manifest of face crops.
    seed : int
        Of the bootstrap.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        An unusable model, manifests that do not fit, no test rows, or none that can be read.
    """
    if not len(test):
        raise InputError("The test set has no rows. Change the split's fractions, or bring more data.")
    train, test = validate_manifest(train), validate_manifest(test)
    network, spec = load_bundle(model)
    scores = score_manifest(network, spec, test, progress=progress)
    y = encode_labels(test["label"])
    groups, unit = bootstrap_unit(test)
    metrics = evaluate_scores(y, scores.probabilities, spec.threshold, groups, seed=seed)
    shortcut, note = _shortcut(train, test, seed)
    p = scores.probabilities.astype(np.float64)
    verdict = np.where(np.isnan(p), "unreadable", np.where(p >= spec.threshold, "fake", "real"))
    table = {"groups": groups, "seed": seed}
    return Evaluation(
        spec=spec,
        scores=test.assign(probability=scores.probabilities, logit=scores.logits, verdict=verdict),
        metrics=metrics,
        unit=unit,
        subgroups=subgroup_table(test, y, p, spec.threshold, **table),
        generators=generator_table(test, y, p, spec.threshold, **table),
        shortcut=shortcut,
        shortcut_note=note,
        leaks=_leaks(train, test),
        skipped=scores.skipped,
        data_hash=manifest_hash(test),
    )


def bootstrap_unit(frame: pd.DataFrame) -> tuple[np.ndarray | None, str]:
    """Choose what is drawn in the bootstrap: identities where known, else videos, else rows."""
    for column in ("identity", "video"):
        if column in frame and (frame[column].astype(str) != "").any():
            return frame[column].astype(str).to_numpy(), column
    return None, "row"


def _shortcut(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> tuple[Shortcut | None, str]:
    try:
        shortcut = shortcut_auc(train, test, seed=seed)
    except InputError as error:
        return None, str(error)
    return (shortcut, "") if np.isfinite(shortcut.auc) else (None, shortcut.reason)


def _leaks(train: pd.DataFrame, test: pd.DataFrame) -> int:
    both = pd.concat([train.assign(split="train"), test.assign(split="test")], ignore_index=True)
    return len(check_leakage(both))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
