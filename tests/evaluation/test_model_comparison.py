"""Comparison of models: the difference of their AUCs, against scikit-learn, and its paired interval."""

from __future__ import annotations

import shutil

import pytest
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.model_comparison import compare_models, compare_with_production
from aletheia.evaluation.new_faces import compare_on_new_faces, score_faces
from aletheia.faces.crop_config import CropConfig
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.scoring import score_manifest
from aletheia.release.evaluation_records import NotCompared, ProductionComparison


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
    scores = score_manifest(network, spec, test, progress=False)
    return spec, test.assign(probability=scores.probabilities, logit=scores.logits)


def test_compare_models_difference_of_aucs(brightness_bundle, crops, tmp_path):
    test = crops[1]
    worse = other(brightness_bundle, tmp_path / "other", 0.2, data_hash="x")
    spec, scores = scored(brightness_bundle, test)
    result = compare_models(spec, scores, test["identity"].to_numpy(), worse, uri="store://x", progress=False)
    y = (test["label"] == "fake").to_numpy()
    other_scores = scored(worse, test)[1]["probability"]
    assert result.auc == pytest.approx(roc_auc_score(y, scores["probability"]))
    assert result.other_auc == pytest.approx(roc_auc_score(y, other_scores))
    assert result.difference == pytest.approx(result.auc - result.other_auc)
    assert result.low <= result.difference <= result.high and result.n == 120
    assert not result.same and not result.same_data and result.other == "store://x"


def test_compare_models_same_weights(brightness_bundle, crops, tmp_path):
    shutil.copytree(brightness_bundle, tmp_path / "copy")
    spec, scores = scored(brightness_bundle, crops[1])
    result = compare_models(spec, scores, None, tmp_path / "copy", progress=False)
    assert result.same and result.difference == 0 and result.to_dict()["auc"] is None


def test_compare_models_other_crop(brightness_bundle, crops, tmp_path):
    test = crops[1]
    cut = other(brightness_bundle, tmp_path / "other", 0.0, crop=CropConfig(size=32, margin=0.0))
    spec, scores = scored(brightness_bundle, test)
    result = compare_models(spec, scores, None, cut, progress=False)
    # Its middle alone is as bright as the whole noise picture, but for chance.
    assert result.n == 120 and result.other_auc != result.auc
    assert result.other_auc == pytest.approx(result.auc, abs=0.06)
    with pytest.raises(InputError, match="do not name the pictures"):
        compare_models(spec, scores.drop(columns="original"), None, cut, progress=False)
    gone = scores.assign(original="nowhere.png")
    with pytest.raises(InputError, match="both classes"):
        compare_models(spec, gone, None, cut, progress=False)


def test_compare_with_production_on_new_faces(brightness_bundle, crops, tmp_path):
    new, test = crops
    worse = other(brightness_bundle, tmp_path / "other", 0.2, data_hash="x")
    spec, scores = scored(brightness_bundle, test)

    def compare(new_faces, folder=worse):
        production = ("store://x", folder)
        return compare_with_production(
            brightness_bundle, spec, scores, None, production, new_faces=new_faces, progress=False
        )

    found = compare(new)
    expected = compare_on_new_faces(*(score_faces(path, new, progress=False) for path in (worse, brightness_bundle)))
    assert found.new_faces == expected and expected.n == len(new)
    record = ProductionComparison(**found.to_dict())
    assert record.new_faces.comparison.p_value() == pytest.approx(expected.change.p_value())
    assert compare(None).new_faces is None and compare(new[:0]).new_faces is None
    gone = compare(new, None)
    assert isinstance(gone, NotCompared) and "files are gone" in gone.reason
