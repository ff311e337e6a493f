"""Families of the audit on the test rows of a network: models that see next to nothing of a face."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.audit.measures import CONTROLS, FAMILIES, NOT_PRESENT
from aletheia.audit.measuring import CROPS, measure_faces
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.stats.tabular import Columns, Shortcut, not_computed, score_table

#: Key of all families together but the controls.
TOGETHER = "all"


def score_families(
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    known: pd.DataFrame | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, Shortcut]:
    """Fit each family of measures, and all together, on the training crops and score the test crops with it.

    A network that scores less than the best of them on the same rows has shown nothing about faces.

    Parameters
    ----------
    train, test : DataFrame
        Manifests of extracted faces.
    known : DataFrame, optional
        Measures of crops that are at hand, see :func:`~aletheia.audit.measuring.measure_crops`.
    seed : int
        Of the trees and the bootstrap (over connected groups, 95 %).

    Returns
    -------
    dict
        Key of :data:`~aletheia.audit.measures.FAMILIES`, or :data:`TOGETHER` → outcome on the test rows;
        with a reason instead of numbers where a class is missing, or a measure is missing or the same everywhere.

    Raises
    ------
    InputError
        For manifests without boxes and keypoints.
    """
    parts = (train, test)
    flags = [fake_flags(part) for part in parts]
    for name, fake in zip(("training", "test"), flags, strict=True):
        if not len(fake) or fake.all() or not fake.any():
            return dict.fromkeys((*FAMILIES, TOGETHER), not_computed(f"the {name} rows are of one class", False))
    measures = [measure_faces(part, CROPS, known=known, workers=workers, progress=progress) for part in parts]
    groups = connected_groups(test)
    folds = [(np.arange(len(train)), np.arange(len(test)))]
    outcomes = {}
    families = {key: columns for key, (_, columns) in FAMILIES.items()}
    families[TOGETHER] = {
        column: name for key in FAMILIES if key not in CONTROLS for column, name in families[key].items()
    }
    for key, names in families.items():
        if not measures[0][list(names)].nunique().gt(1).any():
            outcomes[key] = not_computed(NOT_PRESENT, False)
            continue
        columns = Columns(tuple(names), tuple(names.values()), (False,) * len(names))
        fit, scored = (
            (part[list(names)].to_numpy(np.float64), fake) for part, fake in zip(measures, flags, strict=True)
        )
        rng = np.random.default_rng(seed)
        outcomes[key] = score_table(columns, fit, scored, folds, groups, rng, seed=seed, cross_validated=False)
    return outcomes
