"""Evaluation of a model on a test set, beside baselines and the model in production."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aletheia.audit.measuring import measure_crops
from aletheia.core.arrays import Array
from aletheia.core.device import evaluating_device
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.grouping import count_known
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.manifest import manifest_hash, validate_manifest
from aletheia.datasets.schema import as_text
from aletheia.datasets.split import check_leakage, split_manifest
from aletheia.evaluation.abstention import crop_evidence, evaluate_abstention
from aletheia.evaluation.aggregation_levels import level_metrics
from aletheia.evaluation.alike_pairs import alike_pairs
from aletheia.evaluation.baselines import compare_with_network, no_baselines, score_baselines
from aletheia.evaluation.crops_alike import compare_crops
from aletheia.evaluation.cross_matrix import cell_table
from aletheia.evaluation.fairness_gaps import largest_gap
from aletheia.evaluation.few_groups import withhold_intervals
from aletheia.evaluation.learnt_rows import audit_rows
from aletheia.evaluation.model_comparison import compare_with_production
from aletheia.evaluation.network_controls import score_network_controls, skipped_network_controls
from aletheia.evaluation.open_part import open_part
from aletheia.evaluation.prevalence import prior_shift
from aletheia.evaluation.result import Evaluation
from aletheia.evaluation.robustness import delivery_curves, deployed_network
from aletheia.evaluation.saliency import compare_saliency
from aletheia.evaluation.seed_spread import training_spread
from aletheia.evaluation.subgroups import generator_table, subgroup_table
from aletheia.evaluation.training_distance import compare_with_training
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.models.typical_faces import read_typical
from aletheia.release.evaluation_records import TriesRecord
from aletheia.release.tries import Tries
from aletheia.stats.bootstrap import unit_ids
from aletheia.stats.calibration_error import expected_calibration_error
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.repeated_tries import winners_optimism
from aletheia.stats.scored_set import ScoredSet
from aletheia.stats.tabular import Shortcut


def evaluate_model(
    model: str | Path,
    train: pd.DataFrame | None,
    test: pd.DataFrame,
    *,
    val: pd.DataFrame | None = None,
    production: tuple[str, Path | None] | None = None,
    others: str | Path | None = None,
    delivery_faces: int = 500,
    network_controls: bool = True,
    seed: int = 0,
    tries: Tries | None = None,
    new_faces: pd.DataFrame | None = None,
    allow_other_crops: bool = False,
    progress: bool = True,
) -> Evaluation:
    """Score the test rows, and beside them detectors that know nothing of faces.

    Parameters
    ----------
    model : path
        Folder of a bundle, or one of its files.
    train : DataFrame or None
        Training rows: the baselines learn from them, and none of their groups may occur in the test rows. None when
        they are not at hand, for a set from elsewhere: then the baselines learn from one half of its people and are
        scored on the other, and leaks stay unknown. Of a set whose groups are too few or too large to be halved, no
        baseline is computed, and each says why.
    test : DataFrame
        Test rows: a manifest of face crops. Those that are sealed are left out, see `open_part`.
    val : DataFrame, optional
        Validation rows: epoch, threshold and calibration were chosen on them, so none of their groups may be in the
        test rows either. They also show whether the model learnt from these very training rows.
    production : (str, path), optional
        URI and folder of the model in production, to be compared with on the same rows; no folder when its files are
        gone.
    others : path, optional
        Trainings of the same recipe with other seeds, as `aletheia.training.seeds.save_others` writes them.
    delivery_faces : int
        Faces, at most, for the delivery curves, each of which is scored some thirty times.
    network_controls : bool
        Train the model's recipe on blanked and on small crops, where training and validation rows are at hand.
    seed : int
        Of baselines and bootstraps.
    tries : Tries, optional
        The models that were evaluated on these test rows before; None where nobody counts.
    new_faces : DataFrame, optional
        Faces, cut out alike, that neither this model nor that in production learnt from: both answer them.
    allow_other_crops : bool
        Score faces that are cut out otherwise than those that the model learnt from.
    progress : bool
        Show progress bars.

    Returns
    -------
    Evaluation
        Without intervals where a class of the test rows has fewer groups than
        `aletheia.stats.clustered_auc.MIN_GROUPS`. Of rows of one class, the rates and tables of that class alone.

    Raises
    ------
    InputError
        An unusable model, manifests that do not fit, no test rows, or none that can be read; faces that are cut out
        otherwise than the model's; test rows that are all sealed.
    """
    if not len(test):
        raise InputError("The test set has no rows. Change the split's fractions, or bring more data.")
    test, n_sealed = open_part(model, validate_manifest(test))
    train, val = (None if part is None else validate_manifest(part) for part in (train, val))
    network, spec = load_bundle(model)
    network.to(evaluating_device())
    crops = compare_crops(test, spec.crop, allow_other=allow_other_crops)
    scored = score_manifest(network, spec, test, progress=progress)
    y, p = fake_flags(test).astype(np.float32), scored.probabilities.astype(np.float64)
    groups, unit = bootstrap_unit(test)
    scored_set = ScoredSet(y, p, spec.threshold, groups, seed)
    scores = test.assign(probability=scored.probabilities, logit=scored.logits)
    learnt, compared, compared_groups, unhalved = train, scores, groups, ""
    if learnt is None:
        learnt, compared, unhalved = _own_halves(scores, seed)
        compared_groups = bootstrap_unit(compared)[0]
    networks = _network_controls(spec, (train, val, test), network_controls, progress)
    # The validation rows are left to the audit, which draws some of very many.
    measures = measure_crops([learnt, compared], progress=progress)
    baselines = (
        no_baselines(compared, spec.crop.size, unhalved, progress=progress)
        if unhalved
        else score_baselines(
            learnt, compared, spec.crop.size, known=measures, networks=networks, seed=seed, progress=progress
        )
    )
    judged = compared["probability"].to_numpy(np.float64)
    rules = spec.abstention.typical if spec.abstention else None
    typical = read_typical(model, rules) if rules else None
    evidence = crop_evidence(network, spec, test, scored.logits, typical)
    abstention = evaluate_abstention(scores, evidence, spec, groups, seed=seed)
    levels = {level: m for level, m in level_metrics(scores, spec, groups, seed=seed).items() if level != "face"}
    metrics = evaluate_scores(scored_set)
    audit, associations = audit_rows(
        [part for part in (train, val, test) if part is not None], known=measures, seed=seed, progress=progress
    )
    evaluation = Evaluation(
        spec=spec,
        scores=scores.assign(**abstention.rows, threshold=spec.threshold),
        metrics=metrics,
        unit=unit,
        levels=levels,
        subgroups=subgroup_table(test, scored_set),
        generators=generator_table(test, scored_set),
        gaps=largest_gap(test, scored_set),
        cells=cell_table(test, scored_set),
        baselines=compare_with_network(baselines, judged, compared_groups),
        alike=alike_pairs(compared, baselines.fake, judged, baselines.outcomes["thumbnail"].scores, compared_groups),
        calibration=expected_calibration_error(scored_set),
        prior=prior_shift(scored_set),
        delivery=delivery_curves(
            network,
            spec,
            test,
            groups,
            max_faces=delivery_faces,
            seed=seed,
            exported=deployed_network(model, spec, network),
            progress=progress,
        ),
        abstention=abstention,
        production=compare_with_production(
            model, spec, scores, groups, production, new_faces=new_faces, seed=seed, progress=progress
        ),
        leaks=_count_leaks(train, val, test),
        own_rows=_learnt_from(spec, train, val),
        spread=None
        if others is None
        else training_spread(network, spec, others, test, scored.probabilities, progress=progress),
        grouping=count_known(test),
        skipped=scored.skipped,
        data_hash=manifest_hash(test),
        audit=audit,
        associations=associations,
        tries=_tries(tries, spec, scored_set),
        crops=crops,
        n_sealed=n_sealed,
        saliency=compare_saliency(network, spec, test, y > 0, unit_ids(groups, len(test)), seed=seed),
        training=compare_with_training(model, spec, test, scored_set, evidence, progress=progress),
    )
    return withhold_intervals(evaluation)


def _tries(tries: Tries | None, spec: ModelSpec, scored: ScoredSet) -> TriesRecord | None:
    """Count the models on these rows, this one included, and bound how much the best of them flatters."""
    if tries is None:
        return None
    number, known = len(tries.models | {spec.weights_sha256}), scored.dropna()
    error = clustered_auc(known.y, known.p, known.ids).standard_error
    return TriesRecord(number=number, optimism=winners_optimism(error, number), test_set=tries.test_set)


def _network_controls(
    spec: ModelSpec, parts: tuple[pd.DataFrame | None, pd.DataFrame | None, pd.DataFrame], wanted: bool, progress: bool
) -> dict[str, Shortcut]:
    train, val, test = parts
    if not wanted:
        return skipped_network_controls("the networks were not to be trained")
    if train is None or val is None:
        return skipped_network_controls("training and validation rows are not both at hand")
    return score_network_controls(spec, train, val, test, progress=progress)


def halves(frame: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a manifest into two halves that share no person, video or near duplicate."""
    split = split_manifest(frame, (0.5, 0.0, 0.5), seed)["split"]
    first, second = (frame[split == side].reset_index(drop=True) for side in ("train", "test"))
    return first, second


def _own_halves(scores: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Halve a set from elsewhere; where that cannot be done, return all of it twice, and why, as a clause."""
    if scores["label"].nunique() < 2:
        return scores, scores, ""  # nothing can be learnt of one class: each baseline says so, and nobody is left out
    try:
        return *halves(scores, seed), ""
    except InputError:
        number = len(np.unique(connected_groups(scores)))
        reason = (
            f"the training rows are not at hand, and the groups of these rows that share a person, a film or a picture "
            f"({number:,}) are too few or too large for two halves, one to learn from and one to be scored"
        )
        return scores, scores, reason


def bootstrap_unit(frame: pd.DataFrame) -> tuple[Array | None, str]:
    """Find the groups of rows that an interval may draw, and describe what they consist of.

    Rows that share a person, a film, a donor or a picture belong to one group, over any number of steps: a face swap
    connects the person whose face it shows with the one in whose picture it stands.

    Returns
    -------
    groups : ndarray or None
        (n,) number of each row's group; None when every row is one of its own.
    description : str
        "groups of 24 people", "groups of 24 people and 9 other pictures" where some are unknown, "groups of 12 films"
        where all are, or "rows".
    """
    groups = connected_groups(frame)
    if len(frame) == groups.max(initial=-1) + 1:
        return None, "rows"
    for one, several, column in (("person", "people", "identity"), ("film", "films", "video")):
        names = as_text(frame[column]) if column in frame else np.array([])
        if known := len(set(names) - {""}):
            unknown = int((names == "").sum())
            others = f" and {counted(unknown, 'other picture')}" if unknown else ""
            return groups, f"groups of {counted(known, one, several)}{others}"
    return groups, f"groups of {counted(len(frame), 'picture')}"


def _learnt_from(spec: ModelSpec, train: pd.DataFrame | None, val: pd.DataFrame | None) -> bool | None:
    """Return whether the model was trained on these very rows; None when that is not known."""
    if train is None or val is None or not spec.data_hash:
        return None
    return manifest_hash(pd.concat([train, val], ignore_index=True)) == spec.data_hash


def _count_leaks(train: pd.DataFrame | None, val: pd.DataFrame | None, test: pd.DataFrame) -> int | None:
    if train is None:
        return None
    learnt = train if val is None else pd.concat([train, val])
    both = pd.concat([learnt.assign(split="train"), test.assign(split="test")], ignore_index=True)
    return len(check_leakage(both))
