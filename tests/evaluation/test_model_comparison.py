"""Two models on the same rows: the difference is that of their AUCs, its interval a paired one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.model_comparison import compare_models, paired_auc
from aletheia.faces.crop_config import CropConfig
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.scoring import score_manifest
from aletheia.stats.bootstrap import percentile_interval


def other(bundle, folder, noise, **changes):
    """The same network with noisy weights in its head's block."""
    import torch

    model, spec = load_bundle(bundle)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.stem.parameters():
            parameter.add_(noise * torch.randn_like(parameter))
    save_bundle(folder, model, spec.model_copy(update=changes))
    return folder


def scored(bundle, test):
    network, spec = load_bundle(bundle)
    found = score_manifest(network, spec, test, progress=False)
    return spec, test.assign(probability=found.probabilities, logit=found.logits)


def test_the_difference_is_that_of_both_aucs(bundle, crops, tmp_path):
    test = crops[1]
    worse = other(bundle, tmp_path / "other", 0.2, data_hash="x")
    spec, scores = scored(bundle, test)
    found = compare_models(spec, scores, test["identity"].to_numpy(), worse, uri="store://x", progress=False)
    y = (test["label"] == "fake").to_numpy()
    theirs = scored(worse, test)[1]["probability"]
    assert found.auc == pytest.approx(roc_auc_score(y, scores["probability"]))
    assert found.other_auc == pytest.approx(roc_auc_score(y, theirs))
    assert found.difference == pytest.approx(found.auc - found.other_auc)
    assert found.low <= found.difference <= found.high and found.n == 120
    assert not found.same and not found.same_data and found.other == "store://x"


def test_pairs_make_the_interval_narrow():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2 == 0
    hard = rng.normal(0, 1.5, 400)
    first, second = (y + hard + rng.normal(0, 0.2, 400) for _ in range(2))
    (one, two), differences = paired_auc(y, first, second + 0.0, seed=1)
    low, high = percentile_interval(differences, 0.95)
    alone = [percentile_interval(paired_auc(y, s, np.zeros(400), seed=1)[1] + 0.5, 0.95) for s in (first, second)]
    assert one - two == pytest.approx(roc_auc_score(y, first) - roc_auc_score(y, second))
    assert low < 0 < high
    assert high - low < 0.5 * min(b - a for a, b in alone)


def test_groups_are_drawn_whole():
    rng = np.random.default_rng(0)
    y, group = np.repeat(np.arange(40) % 2, 10) == 1, np.repeat(np.arange(40), 10)
    shift = np.repeat(rng.normal(0, 1, 40), 10)
    first, second = y + shift + rng.normal(0, 0.1, 400), y + rng.normal(0, 1, 400)
    widths = []
    for groups in (None, group):
        low, high = percentile_interval(paired_auc(y, first, second, groups)[1], 0.95)
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_the_same_model_is_the_same_model(bundle, crops, tmp_path):
    shutil.copytree(bundle, tmp_path / "copy")
    spec, scores = scored(bundle, crops[1])
    found = compare_models(spec, scores, None, tmp_path / "copy", progress=False)
    assert found.same and found.difference == 0 and found.to_dict()["auc"] is None


def test_another_crop_is_cut_again_from_the_picture(bundle, crops, tmp_path):
    test = crops[1]
    cut = other(bundle, tmp_path / "other", 0.0, crop=CropConfig(size=32, margin=0.0))
    spec, scores = scored(bundle, test)
    found = compare_models(spec, scores, None, cut, progress=False)
    # Its middle alone is as bright as the whole noise picture, but for chance.
    assert found.n == 120 and found.other_auc != found.auc
    assert found.other_auc == pytest.approx(found.auc, abs=0.06)
    with pytest.raises(InputError, match="do not say where from"):
        compare_models(spec, scores.drop(columns="original"), None, cut, progress=False)
    gone = scores.assign(original="nowhere.png")
    with pytest.raises(InputError, match="both classes"):
        compare_models(spec, gone, None, cut, progress=False)


def test_evaluate_says_what_cannot_be_compared(bundle, crops, tmp_path):
    (tmp_path / "empty").mkdir()
    found = evaluate_model(
        bundle, *crops, production=("store://y", tmp_path / "empty"), delivery_faces=20, progress=False
    )
    assert "store://y could not be compared with" in found.production.reason
    assert found.to_report().production == found.production
