"""Probabilities of crops and manifests."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import predict_crops, predict_manifest, score_manifest


def by_hand(model, image: np.ndarray) -> float:
    """The same in plain steps: scale, normalise, forward, Platt."""
    x = (image / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    with torch.no_grad():
        logit = model(torch.tensor(x, dtype=torch.float32).permute(2, 0, 1)[None]).item()
    return 1 / (1 + np.exp(-(2.0 * logit + 0.5)))


def test_predict_manifest_order(bundle, crops):
    model, spec = load_bundle(bundle)
    frame = crops[1].sample(frac=1, random_state=0)
    expected = np.array([by_hand(model, read_image(path)) for path in frame["path"]])
    assert expected.std() > 0.02
    for batch_size in (1, 7, 64, 1000):
        p = predict_manifest(model, spec, frame, batch_size, progress=False)
        assert p.dtype == np.float32 and p.shape == (120,)
        np.testing.assert_allclose(p, expected, atol=2e-6)
    arrays = np.stack([read_image(path) for path in frame["path"]])
    np.testing.assert_allclose(predict_crops(model, spec, arrays), expected, atol=2e-6)


def test_predict_crops_resizes(bundle):
    model, spec = load_bundle(bundle)
    crop = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    small = cv2.resize(crop, (32, 32), interpolation=cv2.INTER_AREA)
    assert predict_crops(model, spec, crop[None])[0] == pytest.approx(by_hand(model, small), abs=1e-6)


def test_score_manifest_unreadable_rows(bundle, crops, tmp_path):
    model, spec = load_bundle(bundle)
    frame = crops[1].head(6).copy()
    (tmp_path / "zero.png").write_bytes(b"")
    frame.iloc[1, frame.columns.get_loc("path")] = str(tmp_path / "zero.png")
    frame.iloc[4, frame.columns.get_loc("path")] = str(tmp_path / "missing.png")
    scores = score_manifest(model, spec, frame, batch_size=4, progress=False)
    assert np.isnan(scores.probabilities).tolist() == [False, True, False, False, True, False]
    assert np.isnan(scores.logits).tolist() == [False, True, False, False, True, False]
    assert scores.skipped["path"].tolist() == [str(tmp_path / "zero.png"), str(tmp_path / "missing.png")]
    assert scores.skipped["reason"].str.len().gt(0).all()
    whole = predict_manifest(model, spec, crops[1].head(6), progress=False)
    np.testing.assert_array_equal(scores.probabilities[[0, 2, 3, 5]], whole[[0, 2, 3, 5]])


def test_predict_manifest_empty(bundle):
    model, spec = load_bundle(bundle)
    assert predict_manifest(model, spec, pd.DataFrame({"path": []}), progress=False).shape == (0,)
    assert predict_crops(model, spec, np.zeros((0, 32, 32, 3), dtype=np.uint8)).shape == (0,)


@pytest.mark.parametrize(
    "crops", [np.zeros((32, 32, 3), np.uint8), np.zeros((1, 32, 32, 3)), np.zeros((1, 0, 32, 3), np.uint8)]
)
def test_predict_crops_invalid_arrays(bundle, crops):
    model, spec = load_bundle(bundle)
    with pytest.raises(InputError, match="Face crops"):
        predict_crops(model, spec, crops)
