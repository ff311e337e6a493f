from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.audit.file_properties import FEATURES, file_features, shortcut_auc
from aletheia.core.errors import InputError
from aletheia.datasets.manifest import validate_manifest
from aletheia.stats.grouped_auc import weighted_auc


def manifest(n: int, seed: int = 0, **columns: object) -> pd.DataFrame:
    """Delivery at random, independent of the label."""
    rng = np.random.default_rng(seed)
    df = pd.DataFrame(
        {
            "path": [f"{seed}/{i}" for i in range(n)],
            "label": rng.choice(["real", "fake"], n),
            "width": rng.integers(200, 1000, n),
            "height": rng.integers(200, 1000, n),
            "format": rng.choice(["jpeg", "png"], n),
            "jpeg_quality": rng.choice([75.0, 90.0, np.nan], n),
            "chroma": rng.choice(["4:2:0", "4:4:4", ""], n),
            "file_bytes": rng.integers(10_000, 90_000, n),
            "has_exif": rng.random(n) < 0.5,
            "phash": rng.integers(1, 2**63, n, dtype=np.uint64),
        }
    )
    return validate_manifest(df.assign(**columns))


def planted(df: pd.DataFrame, share: float, seed: int = 5) -> pd.DataFrame:
    """JPEG quality gives the label away in a share of the rows."""
    is_planted = np.random.default_rng(seed).random(len(df)) < share
    quality = np.where(df["label"] == "fake", 75.0, 95.0)
    return df.assign(jpeg_quality=np.where(is_planted, quality, df["jpeg_quality"]))


def test_shortcut_auc_without_shortcut() -> None:
    outcome = shortcut_auc(manifest(1500))
    assert outcome.low < 0.5 < outcome.high or abs(outcome.auc - 0.5) < 0.05
    assert 0.02 < outcome.high - outcome.low < 0.12
    assert "no property" in outcome.sentence() or outcome.low > 0.5


def test_shortcut_auc_planted_confound() -> None:
    train, test = planted(manifest(1200), 0.9), planted(manifest(600, seed=1), 0.9)
    for outcome in (shortcut_auc(train), shortcut_auc(train, test)):
        assert outcome.auc > 0.9
        assert outcome.low > 0.85
        assert outcome.features["feature"].iloc[0] == "jpeg_quality"
        assert outcome.features["importance"].iloc[0] > 0.2
        assert "JPEG quality" in outcome.sentence()
    assert shortcut_auc(train, manifest(600, seed=1)).auc < 0.6


@pytest.mark.parametrize(
    "feature", ["format", "chroma", "has_exif", "width", "bytes_per_pixel", "progressive", "aspect"]
)
def test_shortcut_auc_every_property(feature: str) -> None:
    df = manifest(500)
    fake = (df["label"] == "fake").to_numpy()
    changes = {
        "format": {"format": np.where(fake, "webp", "jpeg")},
        "chroma": {"chroma": np.where(fake, "4:2:0", "")},
        "has_exif": {"has_exif": fake},
        "progressive": {"progressive": fake},
        "width": {"width": np.where(fake, 256, 300)},
        "aspect": {"height": np.where(fake, df["width"], df["width"] * 2)},
        "bytes_per_pixel": {"file_bytes": (df["width"] * df["height"] * np.where(fake, 0.1, 0.2)).astype(int)},
    }[feature]
    outcome = shortcut_auc(df.assign(**changes))
    assert outcome.auc > 0.98
    assert outcome.features.set_index("feature").loc[feature, "alone"] > 0.98


def test_shortcut_auc_redundant_properties() -> None:
    df = manifest(600)
    fake = df["label"] == "fake"
    outcome = shortcut_auc(df.assign(has_exif=fake, chroma=np.where(fake, "4:2:0", "4:4:4")))
    assert {"EXIF present", "chroma subsampling"} <= set(outcome.leading)


def test_shortcut_auc_folds_keep_people_together() -> None:
    # Every person has a size of their own, which says nothing about anybody else: rows split at random would
    # let the model recognise people.
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(60), 10)
    df = manifest(600, identity=[f"p{p}" for p in person])
    label = np.where(rng.random(60) < 0.5, "real", "fake")[person]
    df = df.assign(label=label, width=1000 + 10 * rng.permutation(60)[person], height=500, file_bytes=50_000)
    df = df.assign(format="jpeg", jpeg_quality=90.0, chroma="4:2:0", has_exif=False)
    assert shortcut_auc(df).auc < 0.7
    assert shortcut_auc(df.assign(identity="")).auc > 0.9


def test_shortcut_auc_not_computed() -> None:
    df = manifest(100)
    real_only = df[df["label"] == "real"]
    both = df.assign(identity=np.where(df["label"] == "real", "ann", ""))
    for outcome, reason in (
        (shortcut_auc(real_only), "all real"),
        (shortcut_auc(df, real_only), "test rows are all real"),
        (shortcut_auc(real_only, df), "train rows are all real"),
        (shortcut_auc(df, df.iloc[:0]), "no rows"),
        (shortcut_auc(both), "single connected group"),
    ):
        assert np.isnan(outcome.auc)
        assert reason in outcome.reason
        assert outcome.sentence().startswith("The shortcut AUC was not computed")
        assert outcome.leading == []
    with pytest.raises(InputError):
        shortcut_auc(df.iloc[:0])


def test_shortcut_auc_unknown_properties() -> None:
    df = manifest(300).assign(width=0, height=0, file_bytes=0, jpeg_quality=np.nan)
    assert np.isnan(file_features(df, {"format": np.array(["jpeg"]), "chroma": np.array([])})[:, :3]).all()
    assert 0.3 < shortcut_auc(df).auc < 0.7
    assert 0.2 < shortcut_auc(manifest(300), manifest(200, seed=2, format="tiff")).auc < 0.8


def test_shortcut_auc_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    df = planted(manifest(400, identity=[f"p{i % 100}" for i in range(400)]), 0.5)
    first, again = shortcut_auc(df, seed=3), shortcut_auc(df, seed=3)
    assert (first.auc, first.low, first.high) == (again.auc, again.low, again.high)
    monkeypatch.setattr("aletheia.audit.file_properties.MAX_ROWS", 200)
    assert shortcut_auc(df).n <= 200


def test_weighted_auc_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y, scores = rng.random(300) < 0.4, rng.integers(0, 12, 300) / 12
    weights = rng.integers(0, 4, (5, 300)).astype(float)
    got = weighted_auc(y, scores, np.zeros(300, int), weights)
    for value, weight in zip(got, weights, strict=True):
        assert value == pytest.approx(roc_auc_score(y, scores, sample_weight=weight))
    fold = rng.integers(0, 3, 300)
    pairs = [
        (y[fold == f].sum() * (~y[fold == f]).sum(), roc_auc_score(y[fold == f], scores[fold == f])) for f in range(3)
    ]
    expected = sum(n * auc for n, auc in pairs) / sum(n for n, _ in pairs)
    assert weighted_auc(y, scores, fold, np.ones((1, 300)))[0] == pytest.approx(expected)
    assert np.isnan(weighted_auc(np.ones(3, bool), np.ones(3), np.zeros(3, int), np.ones((1, 3)))[0])


def test_file_features_columns() -> None:
    assert file_features(manifest(10), {"format": np.array(["jpeg"]), "chroma": np.array(["4:2:0"])}).shape == (
        10,
        len(FEATURES),
    )


def test_shortcut_auc_property_known_in_one_fold():
    """One JPEG among PNGs: its quality is unknown throughout wherever it is not."""
    df = validate_manifest(
        pd.DataFrame(
            {
                "path": [f"{k}.png" for k in range(60)],
                "label": ["real", "fake"] * 30,
                "format": "png",
                "jpeg_quality": [np.nan] * 59 + [90.0],
                "width": 100,
                "height": 100,
                "file_bytes": np.arange(60) + 5000,
                "identity": [f"p{k // 4}" for k in range(60)],
            }
        )
    )
    outcome = shortcut_auc(df)
    assert not outcome.reason and 0 < outcome.auc < 1
