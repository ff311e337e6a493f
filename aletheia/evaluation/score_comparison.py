"""Comparison of two evaluations by the scores that they left, on the test rows that both hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.evaluation.few_groups import no_interval_reason
from aletheia.stats.clustered_auc import auc_difference, clustered_auc
from aletheia.stats.estimate import Estimate

#: What makes a row the same in two evaluations: the picture's content, the face in it, and the moment of the film.
KEY = ("sha256", "face_index", "frame_time")
_OF_MODEL = ("probability", "verdict", "threshold")
_ENDS = ("", "_second")  # of the columns of either model
_LABELS = ("real", "fake")


@dataclass(frozen=True)
class ScoreComparison:
    """Two models on the rows that both were tested on.

    Attributes
    ----------
    n : int
        Those rows.
    only_first, only_second : int
        Rows that only one of the evaluations holds, or that only one model could score.
    first_auc, second_auc : float
        On the common rows.
    difference : Estimate
        The second AUC minus the first, with a 95 % interval for groups of rows that share a person, film or donor;
        without one where a class has fewer than `aletheia.stats.clustered_auc.MIN_GROUPS` of them, as everywhere.
    first_answered, second_answered : float
        Share of the common rows that the model answers, 0 to 1: its verdict is not "cannot tell".
    first_only_right, second_only_right : int
        Common rows that only one of the models answers rightly (neither wrong nor "cannot tell").
    first_only_right_at_threshold, second_only_right_at_threshold : int or None
        Likewise if both answered every row by their thresholds; None where an evaluation of an earlier version did not
        keep its threshold.
    flipped : int
        Common rows on which the two verdicts differ.
    """

    n: int
    only_first: int
    only_second: int
    first_auc: float
    second_auc: float
    difference: Estimate
    first_answered: float
    second_answered: float
    first_only_right: int
    second_only_right: int
    flipped: int
    first_only_right_at_threshold: int | None = None
    second_only_right_at_threshold: int | None = None

    def sentences(self, first: str, second: str) -> list[str]:
        """Say whether the second model is better, and how the two answer the same rows; each by its name."""
        lines = [
            f"On the {self.n:,} test rows of both: AUC {self.first_auc:.3f} of {first}, {self.second_auc:.3f} of "
            f"{second}; difference {self.difference:+.3f}: {self._judge(first, second)}.",
            *self._answers(first, second),
        ]
        if self.only_first or self.only_second:
            rows = counted(self.only_first, "row")
            lines.append(f"In {first} alone: {rows}; in {second} alone: {self.only_second:,}.")
        return lines

    def _judge(self, first: str, second: str) -> str:
        if not self.difference.has_interval:
            return "too few groups of rows to say which is better"
        if self.difference.low > 0:
            return f"{second} is better"
        if self.difference.high < 0:
            return f"{first} is better"
        return "neither is shown to be better"

    def _answers(self, first: str, second: str) -> list[str]:
        """Say how many rows each model answers, and how many one alone gets right: so, and at the thresholds."""
        lines = [
            f"{first} answers {self.first_answered:.1%} of them, {second} {self.second_answered:.1%}; rightly answered "
            f"by {first} alone: {self.first_only_right:,}; by {second} alone: {self.second_only_right:,}; answered "
            f"differently: {self.flipped:,}."
            if self.first_answered or self.second_answered
            else f"Neither answers any of them: all are “cannot tell” to {first} and to {second}."
        ]
        alone = (self.first_only_right_at_threshold, self.second_only_right_at_threshold)
        if None in alone:
            return [*lines, "Answers at the thresholds are not known: an evaluation is of an earlier version."]
        at_threshold = f"right by {first} alone: {alone[0]:,}; by {second} alone: {alone[1]:,}"
        return [*lines, f"If both answered every row by their thresholds, {at_threshold}."]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None for NaN."""
        values = {name: to_jsonable(value) for name, value in asdict(self).items()}
        return values | {"difference": self.difference.to_dict()}


def compare_scores(first: pd.DataFrame, second: pd.DataFrame) -> ScoreComparison:
    """Compare two evaluations row by row.

    Parameters
    ----------
    first, second : DataFrame
        The artifact `scores` of two evaluations: the test rows with `probability`, and `verdict` and `threshold` where
        there are.

    Raises
    ------
    InputError
        When no row, or rows of one class only, are in both.
    """
    one, two = (_scored(frame) for frame in (first, second))
    both = _merged(one, two)
    y = (both["label"] == "fake").to_numpy()
    if not len(both) or y.all() or not y.any():
        raise InputError(
            f"The two evaluations share {len(both):,} of {len(one):,} and {len(two):,} test rows, not of both classes: "
            "they cannot be compared row by row. Use the same data set, shares and seed."
        )
    groups = connected_groups(both)
    real, fake = (len(np.unique(groups[y == label])) for label in (False, True))
    aucs = [clustered_auc(y, both[name].to_numpy(np.float64), groups) for name in ("probability_second", "probability")]
    answers = [both[f"verdict{end}"] for end in _ENDS]
    right = _only(*((answer == both["label"]).to_numpy() for answer in answers))
    limits = [both[f"threshold{end}"].to_numpy(np.float64) for end in _ENDS]
    fakes = [both[f"probability{end}"].to_numpy(np.float64) >= limit for end, limit in zip(_ENDS, limits, strict=True)]
    known = bool(np.isfinite(limits).all())
    difference = auc_difference(*aucs).estimate()
    by_threshold = _only(*(called == y for called in fakes)) if known else (None, None)
    return ScoreComparison(
        n=len(both),
        only_first=len(one) - len(both),
        only_second=len(two) - len(both),
        first_auc=aucs[1].value,
        second_auc=aucs[0].value,
        difference=Estimate(difference.value, n=difference.n) if no_interval_reason(real, fake) else difference,
        first_answered=float(answers[0].isin(_LABELS).mean()),
        second_answered=float(answers[1].isin(_LABELS).mean()),
        first_only_right=right[0],
        second_only_right=right[1],
        first_only_right_at_threshold=by_threshold[0],
        second_only_right_at_threshold=by_threshold[1],
        flipped=int((both["verdict"] != both["verdict_second"]).sum()),
    )


def common_rows(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that both evaluations scored, with the second's as `probability_second`, `verdict_second`.

    Raises
    ------
    InputError
        When these are no scores of an evaluation.
    """
    return _merged(_scored(first), _scored(second))


def _merged(one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    return one.merge(two[[*KEY, *_OF_MODEL]], on=list(KEY), suffixes=("", "_second"))


def _only(first: Array, second: Array) -> tuple[int, int]:
    """Count the rows where only the first holds, and only the second."""
    return int((first & ~second).sum()), int((second & ~first).sum())


def _scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were scored, each face once."""
    missing = [name for name in ("sha256", "label", "probability") if name not in frame]
    if missing:
        raise InputError(f"These scores have no column {', '.join(missing)}: they cannot be compared row by row.")
    defaults = (("face_index", 0), ("verdict", ""), ("threshold", np.nan))
    extra = {name: default for name, default in defaults if name not in frame}
    out = frame.assign(**extra)
    moments = out["frame_time"] if "frame_time" in out else pd.Series(np.nan, out.index)
    out["frame_time"] = moments.fillna(-1.0).round(3)  # a missing value would not equal itself
    return out[np.isfinite(out["probability"])].drop_duplicates(list(KEY))
