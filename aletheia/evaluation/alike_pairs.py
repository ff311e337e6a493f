"""AUC of a network among pairs of a fake and a real face that are alike in all that should not matter.

A network that tells women from men has a high AUC where all fakes are women, and one half among women. Compared are
faces of one gender, age and ethnicity, as far as these are known, whose thumbnails make them equally likely to be
fake: within fifths of a propensity score (Rosenbaum and Rubin, "The Central Role of the Propensity Score", Biometrika
70, 1983), which take away some 90 % of the difference between the classes (Cochran, "The Effectiveness of Adjustment
by Subclassification", Biometrics 24, 1968).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aletheia.core.arrays import Array
from aletheia.datasets.schema import as_text
from aletheia.stats.bootstrap import unit_ids
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.estimate import Estimate

#: Columns of the manifest in which pairs are to be alike, as far as they are known.
COLUMNS = ("gender", "age", "ethnicity")
#: Parts of equal size that the thumbnails' propensity score is cut into.
STRATA = 5
#: A column counts when it is known of at least this share of either class.
_KNOWN = 0.5


@dataclass(frozen=True)
class AlikePairs:
    """AUC among pairs that are alike.

    Attributes
    ----------
    auc : Estimate
        Without numbers where no pair is alike.
    share : float
        Share of all pairs that are alike, 0 to 1.
    columns : tuple of str
        In what they are alike.
    """

    auc: Estimate
    share: float
    columns: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `aletheia.release.evaluation_records.AlikeRecord`."""
        estimate = self.auc
        return {
            "auc": estimate.value,
            "auc_low": estimate.low,
            "auc_high": estimate.high,
            "share": self.share,
            "columns": list(self.columns),
        }


def alike_pairs(
    frame: pd.DataFrame, fake: Array, probabilities: Array, thumbnail: Array, groups: ArrayLike | None
) -> AlikePairs:
    """Compute the AUC among pairs that are alike.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the manifest.
    fake : ndarray
        (n,) bool.
    probabilities : ndarray
        (n,) of the network; NaN where it has none.
    thumbnail : ndarray
        (n,) score of a control that sees thumbnails, learnt on other rows; NaN where unknown, empty for none.
    groups : array_like, optional
        (n,) unit that was sampled.
    """
    known = np.isfinite(probabilities)
    strata, columns = [], []
    for column in COLUMNS:
        values = (
            _binned(column, np.asarray(as_text(frame[column]), dtype=object))
            if column in frame
            else np.full(len(frame), "")
        )
        stated = values != ""
        if all((stated & known & part).sum() >= max(_KNOWN * (known & part).sum(), 1) for part in (fake, ~fake)):
            strata.append(values)
            columns.append(column)
    if len(thumbnail):
        strata.append(_fifths(np.where(known, thumbnail, np.nan)))
        columns.append("thumbnail")
    if not strata:
        return AlikePairs(Estimate(float("nan")), 0.0, ())
    cell = np.unique(np.stack([np.asarray(part, dtype=str) for part in strata], axis=1), axis=0, return_inverse=True)[1]
    cell = np.where(known, cell.ravel(), -1)
    fakes, reals = (np.bincount(cell[known & part], minlength=cell.max(initial=-1) + 1) for part in (fake, ~fake))
    pairs = float(fakes.sum()) * float(reals.sum())
    auc = clustered_auc(fake, np.nan_to_num(probabilities), unit_ids(groups, len(fake)), cell).estimate()
    return AlikePairs(auc, float(fakes @ reals) / pairs if pairs else 0.0, tuple(columns))


def _binned(column: str, values: Array) -> Array:
    """Join ages in years to decades; everything else stays."""
    if column != "age":
        return values
    years = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(years), [f"{year // 10:.0f}" for year in np.nan_to_num(years)], values)


def _fifths(scores: Array) -> Array:
    """Cut a score into parts of equally many rows and number them from 0 on; -1 where it is unknown."""
    stated = np.isfinite(scores)
    out = np.full(len(scores), -1)
    if stated.any():
        edges = np.quantile(scores[stated], np.arange(1, STRATA) / STRATA)
        out[stated] = np.searchsorted(edges, scores[stated], side="right")
    return out
