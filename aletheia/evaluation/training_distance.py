"""How far test faces lie from those that the model was trained on, and what the training data gave away without faces.

Everything is computed from the profile in the model's bundle, so that no training face has to be at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from aletheia.audit.measures import CONTROLS
from aletheia.audit.training_profile import Properties, measured_properties
from aletheia.core.arrays import Array
from aletheia.datasets.age_bins import binned_text
from aletheia.datasets.schema import DEMOGRAPHICS
from aletheia.models.spec import ModelSpec
from aletheia.models.training_profile import MeasureProfile, TrainingProfile, read_profile
from aletheia.models.verdict import DISTANCE
from aletheia.release.training_records import FarRecord, GivenAwayRecord, NamesRecord, ShiftRecord, TrainingRecord
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

_DRAWS, _LEVEL = 200, 0.95  # of samples that show how large a distance chance makes
_SHOWN = 200  # names of a column
_CHANCE = 0.5


def compare_with_training(
    model: str | Path,
    spec: ModelSpec,
    frame: pd.DataFrame,
    scored: ScoredSet,
    evidence: pd.DataFrame,
    *,
    progress: bool = True,
) -> TrainingRecord | None:
    """Set test faces beside the training faces.

    Parameters
    ----------
    model : path
        Folder of the bundle, or one of its files.
    spec : ModelSpec
        The model.
    frame : DataFrame
        (n rows) manifest of the test crops.
    scored : ScoredSet
        The same n rows; its groups are the unit of the intervals.
    evidence : DataFrame
        Of `aletheia.evaluation.abstention.crop_evidence`, the same rows.
    progress : bool
        Show a progress bar.

    Returns
    -------
    TrainingRecord or None
        None for a model of an earlier version, whose bundle does not describe its training faces.
    """
    if not spec.profile:
        return None
    profile = read_profile(model, spec.profile)
    measured = measured_properties(frame, profile.levels, progress=progress)
    bins = {
        key: measure.bins(measured.values[key]) for key, measure in profile.measures.items() if key in measured.values
    }
    return TrainingRecord(
        faces=profile.faces,
        names=_names(profile, frame),
        shifts=_shifts(profile, measured, bins, scored),
        far=_far(spec, evidence, scored),
        given_away=_given_away(profile, bins, scored),
    )


def _names(profile: TrainingProfile, frame: pd.DataFrame) -> list[NamesRecord]:
    """Compare sources, generators and groups of people; a column that either side leaves empty is left out."""
    trained: dict[str, set[str]] = {"source": set(profile.sources), "generator": set(profile.generators)}
    trained |= {column: set(profile.people.get(column, ())) for column in DEMOGRAPHICS}
    out = []
    for column, known in trained.items():
        if column not in frame:
            continue
        texts = binned_text(frame, column)
        texts = texts[texts != ""]
        values, counts = np.unique(texts.astype(str), return_counts=True)
        if not len(values):
            continue
        folded = {name.casefold() for name in known}
        is_new = np.array([value.casefold() not in folded for value in values], dtype=bool)
        out.append(
            NamesRecord(
                column=column,
                known=values[~is_new].tolist()[:_SHOWN],
                unknown=values[is_new].tolist()[:_SHOWN],
                rows=int(counts[is_new].sum()),
                of=int(counts.sum()),
            )
        )
    return out


def _shifts(
    profile: TrainingProfile, measured: Properties, bins: Mapping[str, Array], scored: ScoredSet
) -> list[ShiftRecord]:
    """Compare the measures, the one that lies farthest off first; controls (pixels of thumbnails) are left out."""
    rng, n_groups = np.random.default_rng(scored.seed), len(np.unique(scored.ids))
    out = []
    for key, found in bins.items():
        measure = profile.measures[key]
        if measure.family in CONTROLS:
            continue
        values = measured.values[key]
        known = values[~np.isnan(values)]
        shares = np.bincount(found, minlength=len(measure.shares)) / max(len(found), 1)
        out.append(
            ShiftRecord(
                key=key,
                name=measure.name,
                family=measure.family,
                distance=_distance(shares, np.array(measure.shares)),
                chance=_chance(measure, n_groups, rng),
                median=float(np.median(known)) if len(known) else float("nan"),
                trained_median=float("nan") if measure.median is None else measure.median,
            )
        )
    return sorted(out, key=lambda shift: -shift.distance)


def _distance(shares: Array, others: Array) -> float:
    """Compute the total variation distance of two distributions over bins."""
    return float(min(np.abs(shares - others).sum() / 2, 1.0))


def _chance(measure: MeasureProfile, n: int, rng: np.random.Generator) -> float:
    """Return the distance that samples of n independent faces of the training stay below."""
    shares = np.array(measure.shares)
    shares = shares / shares.sum()
    draws = rng.multinomial(n, shares, size=_DRAWS) / max(n, 1)
    return float(np.quantile(np.abs(draws - shares).sum(axis=1) / 2, _LEVEL))


def _far(spec: ModelSpec, evidence: pd.DataFrame, scored: ScoredSet) -> FarRecord | None:
    rules = spec.abstention.typical if spec.abstention else None
    if rules is None or DISTANCE not in evidence:
        return None
    distances = evidence[DISTANCE].to_numpy(np.float64)
    known = np.isfinite(distances)
    if not known.any():
        return None
    share = clustered_rate(distances[known] > rules.limit, scored.ids[known])
    return FarRecord(**share.to_columns("share"), level=rules.level, median=float(np.median(distances[known])))


def _given_away(profile: TrainingProfile, bins: Mapping[str, Array], scored: ScoredSet) -> list[GivenAwayRecord]:
    """Score the test faces by the learners of the training faces, those first that tell most, either way round."""
    out = []
    for key, learner in profile.learners.items():
        if set(learner.weights) - set(bins):
            continue
        auc = clustered_auc(scored.y, learner.logits(bins), scored.ids).estimate()
        trained = float("nan") if learner.auc is None else learner.auc
        limits = {"auc": auc.value, "low": auc.low, "high": auc.high}
        out.append(GivenAwayRecord(key=key, name=learner.name, trained_auc=trained, **limits))
    return sorted(out, key=lambda record: -np.nan_to_num(abs(record.auc - _CHANCE)))
