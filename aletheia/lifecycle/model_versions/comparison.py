"""Two registered models side by side: what they were made from, and how they answer the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable, to_records
from aletheia.evaluation.fairness_gaps import largest_gap
from aletheia.evaluation.new_faces import score_faces
from aletheia.evaluation.score_comparison import ScoreComparison, common_rows, compare_scores
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.model_versions.tables import read_table
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.stats.scored_set import ScoredSet
from aletheia.tracking.reader import Reader

if TYPE_CHECKING:
    from aletheia.datasets.pipeline import Dataset

_REPLICATES = 200
#: Fields of a model's description that differ between any two models, or whose difference shows elsewhere.
_INDIVIDUAL = {
    *("weights_sha256", "run", "created", "metrics", "checks", "onnx", "spectra", "profile", "golden", "versions"),
    *("schema_version", "abstention", "other_sources", "mean", "std", "parameters"),
}


@dataclasses.dataclass(frozen=True)
class VersionComparison:
    """What differs between two models.

    Attributes
    ----------
    first, second : str
        Their names.
    recipe : DataFrame
        Columns name, first, second: fields of the descriptions that differ; threshold and data among them.
    scores : ScoreComparison or None
        On the rows that both scored.
    gaps : DataFrame
        Columns column, rate, first, second: the largest gap between two groups of people by each model, on the same
        rows; rates fpr, fnr, auc.
    reasons : list of str
        Why a part is missing.
    """

    first: str
    second: str
    recipe: pd.DataFrame
    scores: ScoreComparison | None
    gaps: pd.DataFrame
    reasons: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "recipe": to_records(self.recipe),
            "scores": self.scores.to_dict() if self.scores else None,
            "gaps": to_records(self.gaps),
            "reasons": self.reasons,
        }


def compare_versions(
    first: ModelVersion, second: ModelVersion, scores_of: Callable[[ModelVersion], pd.DataFrame]
) -> VersionComparison:
    """Compare two registered models.

    Parameters
    ----------
    first, second : ModelVersion
    scores_of : callable
        Returns the rows that a model scored: `stored_scores` or `scores_on`.

    Returns
    -------
    VersionComparison
        A part that cannot be had (files gone, no rows in common) is left out and its reason stated.
    """
    reasons: list[str] = []
    recipe, scores, gaps = _empty("name"), None, _empty("column", "rate")
    try:
        recipe = recipe_differences(*(read_spec(model.fetch(ask=False)) for model in (first, second)))
    except InputError as error:
        reasons.append(f"The recipes are not compared: {error}")
    try:
        frames = [scores_of(model) for model in (first, second)]
        scores = compare_scores(*frames)
        gaps = fairness_differences(
            *frames, thresholds=[read_spec(model.fetch(ask=False)).threshold for model in (first, second)]
        )
    except InputError as error:
        reasons.append(f"Not compared row by row: {error}" if scores is None else f"Fairness is not compared: {error}")
    return VersionComparison(first.name, second.name, recipe, scores, gaps, reasons)


def recipe_differences(first: ModelSpec, second: ModelSpec) -> pd.DataFrame:
    """Return the fields of two descriptions that differ, columns name, first, second; None where one has none."""
    one, two = (_flat(spec.model_dump(mode="json", exclude=_INDIVIDUAL)) for spec in (first, second))
    names = dict.fromkeys((*one, *two))
    rows = [(name, one.get(name), two.get(name)) for name in names if one.get(name) != two.get(name)]
    return pd.DataFrame(rows, columns=["name", "first", "second"])


def fairness_differences(first: pd.DataFrame, second: pd.DataFrame, *, thresholds: list[float]) -> pd.DataFrame:
    """Compute the largest gap between two groups of people for both models, on the rows that both scored.

    Parameters
    ----------
    first, second : DataFrame
        Scores, with the demographic columns in the first.
    thresholds : list of float
        Of the two models.

    Returns
    -------
    DataFrame
        Columns column, rate, first, second; empty where nothing is known of people, or too few.
    """
    rows = common_rows(first, second)
    fake, groups = (rows["label"] == "fake").astype(float), rows.get("identity")
    tables = []
    for name, threshold in zip(("probability", "probability_second"), thresholds, strict=True):
        scored = ScoredSet(fake, rows[name].to_numpy(np.float64), threshold, groups)
        tables.append(largest_gap(rows, scored, replicates=_REPLICATES, permutations=0))
    one, two = (table.set_index(["column", "rate"])["gap"] for table in tables)
    gaps = pd.DataFrame({"first": one, "second": two}).dropna(how="all").reset_index()
    return gaps if len(gaps) else _empty("column", "rate")


def stored_scores(model: ModelVersion, *, reader: Reader, project: str) -> pd.DataFrame:
    """Read the scores that the evaluation of a model left.

    Raises
    ------
    InputError
        When its registration does not name the evaluation, or the file is gone.
    """
    uid = model.labels.get("evaluation", "")
    runs = reader.runs(project, uid) if uid else []
    uri = (runs[0]["status"].get("artifact_uris") or {}).get("scores") if runs else None
    if uri is None:
        raise InputError(f"the evaluation of {model.name} is not recorded; score both with --on SOURCE.")
    try:
        return read_table(str(uri), reader=reader, project=project)
    except InputError as error:
        raise InputError(f"the scores of {model.name} are gone ({error}); score both with --on SOURCE.") from None


def scores_on(model: ModelVersion, *, data: Dataset, seed: int = 0, progress: bool = True) -> pd.DataFrame:
    """Score the faces of a source, cut out as the model was trained; its verdict by its threshold alone.

    Raises
    ------
    InputError
        When its files are missing or damaged, or the source holds no face.
    """
    from aletheia.evaluation.elsewhere import faces_as_in_training

    folder = model.fetch(ask=False)
    faces, _ = faces_as_in_training(data, read_spec(folder), seed=seed, progress=progress)
    return score_faces(folder, faces, progress=progress)


def comparison_sentences(result: VersionComparison) -> list[str]:
    """Say what the comparison shows."""
    lines = [] if result.scores is None else result.scores.sentences(result.first, result.second)
    for row in result.gaps.itertuples(index=False):
        lines.append(
            f"Largest gap of {row.rate} between groups by {row.column}: {row.first:.3f} with {result.first}, "
            f"{row.second:.3f} with {result.second}."
        )
    return [*lines, *result.reasons]


def _empty(*names: str) -> pd.DataFrame:
    return pd.DataFrame(columns=[*names, "first", "second"])


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, part in value.items():
        if isinstance(part, dict):
            flat |= _flat(part, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = to_jsonable(part)
    return flat
