"""Trainings without a source, tested on it: what the recipe is worth on pictures from elsewhere, and when to abstain.

Validation and test faces of the training's own sources share cameras, generators and deliveries with it. So the recipe
is trained once more without some sources, and scored on them. The limits of abstention become so wide that each
left-out source keeps them. Of K sources and a new one that are alike in kind the new one is the hardest with
probability 1 / (K + 1) only (Dunn, Wasserman and Ramdas, "Distribution-Free Prediction Sets for Two-Layer Hierarchical
Models", JASA 118, 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.schema import as_text
from aletheia.models.other_sources import LeftOutSource, OtherSources
from aletheia.models.scoring import score_manifest
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.training.abstention import abstention_limits
from aletheia.training.calibration import fit_calibration
from aletheia.training.config import TrainConfig
from aletheia.training.fit import DivergedError, fit_network

#: Faces of a label from which on a source counts as holding it; epochs of a training without a source, at most.
MIN_FACES, MAX_EPOCHS = 20, 8
#: Sources that have to hold both labels, or each label.
BOTH, EACH = 2, 3


class Fold(NamedTuple):
    """Sources that are left out together: those of the genuine faces, and those of the fakes."""

    real: tuple[str, ...]
    fake: tuple[str, ...]

    @property
    def name(self) -> str:
        """The sources in words."""
        return ", ".join(dict.fromkeys((*self.real, *self.fake)))


def source_folds(frame: pd.DataFrame, most: int) -> tuple[list[Fold], str]:
    """Choose the sources to leave out.

    Parameters
    ----------
    frame : DataFrame
        A manifest of the faces that were learnt from.
    most : int
        Folds at most: each costs a training. More sources are left out several at a time.

    Returns
    -------
    folds : list of Fold
        One for each of `BOTH` or more sources that hold both labels; else for `EACH` or more sources of each label.
    reason : str
        Why there are none, as a clause; empty otherwise.
    """
    fake, sources = fake_flags(frame), as_text(frame["source"])
    counts = [pd.Series(sources[part & (sources != "")]).value_counts() for part in (~fake, fake)]
    real, forged = ({str(name): int(n) for name, n in count.items() if n >= MIN_FACES} for count in counts)
    both = {name: real[name] + forged[name] for name in real if name in forged}
    if len(both) >= BOTH:
        return [Fold(names, names) for names in _deal(both, min(most, len(both)))], ""
    if len(real) >= EACH and len(forged) >= EACH:
        k = min(most, len(real), len(forged))
        return [Fold(*pair) for pair in zip(_deal(real, k), _deal(forged, k), strict=True)], ""
    return [], (
        f"{MIN_FACES} faces or more of both labels come from {counted(len(both), 'source')}, genuine ones from "
        f"{len(real)}, fakes from {len(forged)}; {BOTH} of both or {EACH} of each are needed"
    )


def _deal(sizes: dict[str, int], k: int) -> list[tuple[str, ...]]:
    """Deal sources out to k folds, the largest first, each to the fold that has the fewest faces."""
    folds: list[list[str]] = [[] for _ in range(k)]
    loads = [0] * k
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        place = loads.index(min(loads))
        folds[place].append(name)
        loads[place] += sizes[name]
    return [tuple(fold) for fold in folds]


def train_without_sources(
    config: TrainConfig, train: pd.DataFrame, val: pd.DataFrame, *, most: int = 3, progress: bool = True
) -> OtherSources:
    """Train the recipe without each fold of sources, for `MAX_EPOCHS` at most, and score the faces left out.

    Faces that are linked to a left-out one (the same person, a near duplicate) are not learnt from either.

    Parameters
    ----------
    config : TrainConfig
        The recipe; of a fault that was injected nothing is left.
    train, val : DataFrame
        The manifests that the model is fitted on.
    most : int
        Trainings at most; 0: none.
    progress : bool
        Show progress bars.
    """
    if most == 0:
        return OtherSources(reason="no training without a source was asked for")
    rows = pd.concat([train.assign(split="train"), val.assign(split="val")], ignore_index=True)
    folds, reason = source_folds(rows, most)
    if not folds:
        return OtherSources(reason=reason)
    recipe = TrainConfig.parse(config, fault="none", devices=1, max_epochs=min(config.max_epochs, MAX_EPOCHS))
    groups, fake, parts = connected_groups(rows), fake_flags(rows), []
    p, fold_of = np.full(len(rows), np.nan), np.full(len(rows), -1)
    for k, fold in enumerate(folds):
        chosen = _chosen(rows, fold)
        kept = ~np.isin(groups, groups[chosen])
        try:
            p[chosen] = _score(recipe, rows, kept, chosen, progress)
        except (DivergedError, InputError) as error:
            return OtherSources(reason=f"the training without {fold.name} failed: {str(error).rstrip('.')}"[:1000])
        fold_of[chosen & np.isfinite(p)] = k
        parts.append(_left_out(fold, p, fake, groups, fold_of == k, config))
    scored = fold_of >= 0
    auc = clustered_auc(fake[scored], p[scored], groups[scored], fold_of[scored]).estimate()
    return OtherSources(
        auc=_number(auc.value),
        low=_number(auc.low),
        high=_number(auc.high),
        sources=tuple(parts),
        epochs=recipe.max_epochs,
    )


def widen_limits(rules: AbstentionSpec, others: OtherSources) -> AbstentionSpec:
    """Widen the limits of abstention to those of each left-out source; they never become narrower."""
    return rules.model_copy(
        update={
            "real_upper": max(rules.real_upper, *(part.real_upper for part in others.sources), 0.0),
            "fake_lower": min(rules.fake_lower, *(part.fake_lower for part in others.sources), 1.0),
        }
    )


def _chosen(rows: pd.DataFrame, fold: Fold) -> Array:
    fake, sources = fake_flags(rows), as_text(rows["source"])
    chosen: Array = np.where(fake, np.isin(sources, fold.fake), np.isin(sources, fold.real))
    return chosen


def _score(recipe: TrainConfig, rows: pd.DataFrame, kept: Array, chosen: Array, progress: bool) -> Array:
    """Train on the rows that are kept, calibrate on their validation part, and score the chosen rows."""
    is_train = (rows["split"] == "train").to_numpy()
    train, val = (rows[kept & part].reset_index(drop=True) for part in (is_train, ~is_train))
    for name, part in (("training", train), ("validation", val)):
        if set(part["label"]) != {"real", "fake"}:
            raise InputError(f"only one class is left to learn from ({counted(len(part), f'{name} face')})")
    fitted = fit_network(recipe, train, val, progress=progress)
    calibration = fit_calibration(fitted.val_labels, fitted.val_logits, recipe.calibration, balanced=True)
    spec = ModelSpec(
        architecture=recipe.architecture,
        options=recipe.options,
        training={"features": recipe.features},  # so that features of a face are computed once
        input_size=recipe.image_size,
        calibration=calibration,
    )
    return score_manifest(fitted.model, spec, rows[chosen], progress=progress).probabilities.astype(np.float64)


def _left_out(fold: Fold, p: Array, fake: Array, groups: Array, rows: Array, config: TrainConfig) -> LeftOutSource:
    auc = clustered_auc(fake[rows], p[rows], groups[rows]).estimate()
    real, forged = p[rows & ~fake], p[rows & fake]
    limits = {}
    if (alpha := config.abstention_alpha) is not None:
        upper, lower = abstention_limits(real, forged, alpha, config.abstention_wrong)
        limits = {"real_upper": upper, "fake_lower": lower}
    return LeftOutSource(
        name=fold.name[:1000],
        real=len(real),
        fake=len(forged),
        auc=_number(auc.value),
        low=_number(auc.low),
        high=_number(auc.high),
        **limits,
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
