"""Comparison of two evaluations by the scores that they left, on the test rows that both hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.stats.clustered_auc import auc_difference, clustered_auc
from aletheia.stats.estimate import Estimate

#: What makes a row the same in two evaluations: the picture's content, the face in it, and the moment of the film.
KEY = ("sha256", "face_index", "frame_time")


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
        The second AUC minus the first, with a 95 % interval for groups of rows that share a person, film or donor.
    first_only_right, second_only_right : int
        Common rows that only one of the models answers rightly (neither wrong nor "cannot tell").
    flipped : int
        Common rows on which the two verdicts differ.
    """

    n: int
    only_first: int
    only_second: int
    first_auc: float
    second_auc: float
    difference: Estimate
    first_only_right: int
    second_only_right: int
    flipped: int

    def sentences(self, first: str, second: str) -> list[str]:
        """Say whether the second model is better, and how the two answer the same rows; each by its name."""
        lines = [
            f"On the {self.n:,} test rows of both: AUC {self.first_auc:.3f} of {first}, {self.second_auc:.3f} of "
            f"{second}; difference {self.difference:+.3f}: {self._judge(first, second)}.",
            f"Rightly answered by {first} alone: {self.first_only_right:,}; by {second} alone: "
            f"{self.second_only_right:,}. Answered differently: {self.flipped:,}.",
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

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None for NaN."""
        values = {name: to_jsonable(value) for name, value in asdict(self).items()}
        return values | {"difference": self.difference.to_dict()}


def compare_scores(first: pd.DataFrame, second: pd.DataFrame) -> ScoreComparison:
    """Compare two evaluations row by row.

    Parameters
    ----------
    first, second : DataFrame
        The artifact `scores` of two evaluations: the test rows with `probability`, and `verdict` where there is one.

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
    aucs = [clustered_auc(y, both[name].to_numpy(np.float64), groups) for name in ("probability_second", "probability")]
    right = [(both[name] == both["label"]).to_numpy() for name in ("verdict", "verdict_second")]
    return ScoreComparison(
        n=len(both),
        only_first=len(one) - len(both),
        only_second=len(two) - len(both),
        first_auc=aucs[1].value,
        second_auc=aucs[0].value,
        difference=auc_difference(*aucs).estimate(),
        first_only_right=int((right[0] & ~right[1]).sum()),
        second_only_right=int((right[1] & ~right[0]).sum()),
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
    return one.merge(two[[*KEY, "probability", "verdict"]], on=list(KEY), suffixes=("", "_second"))


def _scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were scored, each face once."""
    missing = [name for name in ("sha256", "label", "probability") if name not in frame]
    if missing:
        raise InputError(f"These scores have no column {', '.join(missing)}: they cannot be compared row by row.")
    extra = {name: default for name, default in (("face_index", 0), ("verdict", "")) if name not in frame}
    out = frame.assign(**extra)
    moments = out["frame_time"] if "frame_time" in out else pd.Series(np.nan, out.index)
    out["frame_time"] = moments.fillna(-1.0).round(3)  # a missing value would not equal itself
    return out[np.isfinite(out["probability"])].drop_duplicates(list(KEY))
