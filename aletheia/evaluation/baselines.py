"""Trivial detectors scored on the rows that a network is judged by: the network has to beat each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aletheia.audit.controls import TOGETHER, score_families
from aletheia.audit.file_properties import shortcut_auc
from aletheia.audit.measures import CONTROLS, FAMILIES, NOT_PRESENT
from aletheia.audit.pixel_controls import PIXEL_CONTROLS, score_pixel_controls
from aletheia.audit.spectrum_baseline import frequency_baseline, spectra
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.evaluation.network_controls import NETWORK_CONTROLS, skipped_network_controls
from aletheia.stats.bootstrap import unit_ids
from aletheia.stats.clustered_auc import auc_difference, clustered_auc
from aletheia.stats.paired_difference import PairedDifference
from aletheia.stats.tabular import Shortcut, not_computed

FILES, SPECTRUM = "files", "spectrum"
#: Kinds of baselines that are judged together, beside those that have a check of their own.
CONTROL, FAMILY = "control", "family"


class Baseline(NamedTuple):
    """Readable name of a baseline, and its kind where it is judged with others."""

    name: str
    kind: str = ""


#: The baselines by key, in the order in which they are shown.
BASELINES = {
    FILES: Baseline("file properties alone"),
    **{key: Baseline(FAMILIES[key][0], CONTROL) for key in CONTROLS},
    **{key: Baseline(name) for key, name in PIXEL_CONTROLS.items()},
    SPECTRUM: Baseline("frequency spectrum alone"),
    **{key: Baseline(name) for key, name in NETWORK_CONTROLS.items()},
    **{key: Baseline(f"{FAMILIES[key][0]} alone", FAMILY) for key in FAMILIES if key not in CONTROLS},
    TOGETHER: Baseline("all families of the audit together", FAMILY),
}


@dataclass(frozen=True)
class Baselines:
    """Scores of trivial detectors.

    Attributes
    ----------
    outcomes : dict
        By key of :data:`BASELINES`, with a reason where there are no numbers.
    spectra : ndarray
        (n, bins) power spectra of the rows that were scored, NaN where unreadable.
    fake : ndarray
        (n,) bool, labels of these rows.
    differences : dict
        By key: AUC of the network minus that of the baseline on the rows that both scored, see `compare_with_network`.
    """

    outcomes: dict[str, Shortcut]
    spectra: Array
    fake: Array
    differences: dict[str, PairedDifference] = field(default_factory=dict)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return plain values for JSON, None for numbers that were not computed."""
        return {
            key: {
                "name": BASELINES[key].name,
                "kind": BASELINES[key].kind,
                "absent": outcome.reason == NOT_PRESENT,
                **{name: to_jsonable(getattr(outcome, name)) for name in ("auc", "low", "high")},
                "reason": outcome.reason,
                "leading": outcome.leading,
                **self._difference(key),
            }
            for key, outcome in self.outcomes.items()
        }

    def _difference(self, key: str) -> dict[str, Any]:
        if (difference := self.differences.get(key)) is None:
            return {}
        values = {"difference": difference.value, "standard_error": difference.standard_error, "df": difference.df}
        return {name: to_jsonable(value) for name, value in values.items()}


def score_baselines(
    train: pd.DataFrame,
    test: pd.DataFrame,
    size: int,
    *,
    known: pd.DataFrame | None = None,
    networks: Mapping[str, Shortcut] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Baselines:
    """Fit each baseline on the training rows and score the test rows with it.

    Parameters
    ----------
    train, test : DataFrame
        Manifests of face crops.
    size : int
        Side of the crops in pixels: enlarged, they would lose their highest frequencies.
    known : DataFrame, optional
        Measures of crops that are at hand, see `aletheia.audit.measuring.measure_crops`.
    networks : mapping, optional
        Outcomes of `aletheia.evaluation.network_controls` on the test rows, which take a training each.
    seed : int
        Of the models and the shuffles.
    progress : bool
        Show progress bars.
    """
    outcomes: dict[str, Shortcut] = {}
    try:
        outcomes[FILES] = shortcut_auc(train, test, seed=seed)
    except InputError as error:
        outcomes[FILES] = not_computed(str(error), False)
    try:
        outcomes |= score_families(train, test, known=known, seed=seed, progress=progress)
    except InputError as error:
        outcomes |= dict.fromkeys((*FAMILIES, TOGETHER), not_computed(str(error), False))
    outcomes |= score_pixel_controls(train, test, size, seed=seed, progress=progress)
    outcomes |= networks or skipped_network_controls("the networks were not trained")
    learnt, scored = (_spectra(part, size, progress) for part in (train, test))
    fake = fake_flags(test)
    groups = (connected_groups(train), connected_groups(test))
    outcomes[SPECTRUM] = frequency_baseline(learnt, fake_flags(train), scored, fake, groups, seed)
    return Baselines({key: outcomes[key] for key in BASELINES}, scored, fake)


def no_baselines(test: pd.DataFrame, size: int, reason: str, *, progress: bool = True) -> Baselines:
    """Return the baselines of rows from which and for which none can be learnt, each with the reason.

    Parameters
    ----------
    test : DataFrame
        Manifest of face crops; their spectra are computed, as nothing is learnt for them.
    size : int
        Side of the crops in pixels.
    reason : str
        Why, as a clause.
    progress : bool
        Show progress bars.
    """
    outcomes = dict.fromkeys(BASELINES, not_computed(reason, False))
    return Baselines(outcomes, _spectra(test, size, progress), fake_flags(test))


def _spectra(part: pd.DataFrame, size: int, progress: bool) -> Array:
    return spectra(part, max(size + size % 2, 32), progress=progress)  # the transform takes even sizes only


def compare_with_network(baselines: Baselines, probabilities: Array, groups: ArrayLike | None) -> Baselines:
    """Compare a network with each baseline on the same rows.

    Parameters
    ----------
    baselines : Baselines
    probabilities : ndarray
        (n,) of the network, for the rows that the baselines scored; NaN where it could not.
    groups : array_like, optional
        (n,) unit that was sampled.

    Returns
    -------
    Baselines
        With `differences` of the baselines that have numbers.
    """
    ids, differences = unit_ids(groups, len(probabilities)), {}
    for key, outcome in baselines.outcomes.items():
        if outcome.reason:
            continue
        both = np.isfinite(probabilities) & np.isfinite(outcome.scores)
        network, trivial = (
            clustered_auc(baselines.fake[both], scores[both], ids[both]) for scores in (probabilities, outcome.scores)
        )
        differences[key] = auc_difference(network, trivial)
    return replace(baselines, differences=differences)
