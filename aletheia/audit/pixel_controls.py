"""Controls that see fixed places of the crop alone: learnt from the training rows, scored on the test rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from aletheia.audit.position_control import position_scores
from aletheia.audit.residual_template import template_scores
from aletheia.core.arrays import Array
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.imaging.pixel_cache import Pixels, decode_images
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.tabular import FoldError, Shortcut, make_folds, not_computed

TEMPLATE, WINDOW = "template", "window"
#: Key → readable name, in the order in which they are shown.
PIXEL_CONTROLS = {
    TEMPLATE: "control: template of mean residuals",
    WINDOW: "control: the best small window",
}
#: Crops are brought to this side at most, pixels.
SIZE = 128
#: Training rows at most, drawn at random: both controls have far fewer parameters.
MAX_ROWS = 4000

#: Learnt crops, fake, scored crops, folds → scores, place, share of the crop.
Scorer = Callable[[Array, Array, Array, list[tuple[Array, Array]]], tuple[Array, str, float]]
_SCORERS: dict[str, Scorer] = {TEMPLATE: template_scores, WINDOW: position_scores}


def score_pixel_controls(
    train: pd.DataFrame, test: pd.DataFrame, size: int, *, seed: int = 0, progress: bool = True
) -> dict[str, Shortcut]:
    """Fit each control on the training crops and score the test crops with it.

    Parameters
    ----------
    train, test : DataFrame
        Manifests of face crops.
    size : int
        Side of the crops, pixels.
    seed : int
        Of the folds, and of the draw of training rows where there are more than `MAX_ROWS`.
    progress : bool
        Show progress bars while decoding.

    Returns
    -------
    dict
        Key of `PIXEL_CONTROLS` → outcome on the test rows; with a reason instead of numbers where a class is missing or
        the training rows cannot be cross-validated by person.
    """
    rng = np.random.default_rng(seed)
    if len(train) > MAX_ROWS:
        train = train.iloc[np.sort(rng.choice(len(train), MAX_ROWS, replace=False))]
    learnt, scored = (_decode(part, min(size, SIZE), progress) for part in (train, test))
    fake, y = fake_flags(train)[learnt.rows], fake_flags(test)[scored.rows]
    for name, flags in (("training", fake), ("test", y)):
        if not len(flags) or flags.all() or not flags.any():
            return dict.fromkeys(PIXEL_CONTROLS, not_computed(f"the readable {name} rows are of one class", False))
    try:
        groups = np.unique(connected_groups(train)[learnt.rows], return_inverse=True)[1]
        folds = make_folds(groups, fake, rng)
    except FoldError as error:
        return dict.fromkeys(PIXEL_CONTROLS, not_computed(str(error), False))
    test_groups = connected_groups(test)[scored.rows]
    outcomes = {}
    for key, scorer in _SCORERS.items():
        values, place, share = scorer(learnt.array, fake, scored.array, folds)
        auc = clustered_auc(y, values, test_groups).estimate()
        scores = np.full(len(test), np.nan)
        scores[scored.rows] = values
        features = pd.DataFrame(
            {"feature": [key], "name": [f"{place} ({share:.0%} of the crop)"], "importance": [auc.value - 0.5]}
        ).assign(alone=auc.value)
        outcomes[key] = Shortcut(auc.value, auc.low, auc.high, len(y), features, cross_validated=False, scores=scores)
    return outcomes


def _decode(frame: pd.DataFrame, size: int, progress: bool) -> Pixels:
    return decode_images(frame["path"].astype(str).tolist(), size, progress=progress)
