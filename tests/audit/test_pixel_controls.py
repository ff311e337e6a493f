"""Controls of fixed places on manifests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.audit import pixel_controls
from aletheia.audit.pixel_controls import PIXEL_CONTROLS, TEMPLATE, WINDOW, score_pixel_controls
from aletheia.datasets.manifest import validate_manifest

from ..factories import soft_crops


def write(folder, crops, fake, people) -> pd.DataFrame:
    folder.mkdir()
    paths = [folder / f"{k}.png" for k in range(len(crops))]
    for path, crop in zip(paths, crops, strict=True):
        Image.fromarray(crop).save(path)
    labels = np.where(fake, "fake", "real")
    names = [f"{folder.name}-{k}" for k in people]
    return validate_manifest(pd.DataFrame({"path": map(str, paths), "label": labels, "identity": names}))


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """120 and 80 crops, half of which carry a bright mark; two of each person."""
    folder, fake = tmp_path_factory.mktemp("marked"), np.arange(200) % 2 == 0
    crops = soft_crops(200, 5)
    crops[fake, 4:8, 24:28] = np.minimum(crops[fake, 4:8, 24:28].astype(int) + 40, 255)
    people = np.arange(200) // 2
    return (
        write(folder / "train", crops[:120], fake[:120], people[:120]),
        write(folder / "test", crops[120:], fake[120:], people[120:]),
    )


@pytest.mark.slow
def test_score_pixel_controls_of_marked_crops(marked):
    train, test = marked
    test = test.copy()
    test.loc[3, "path"] = "/data/gone.png"
    outcomes = score_pixel_controls(train, test, 32, progress=False)
    assert list(outcomes) == list(PIXEL_CONTROLS)
    for key in (TEMPLATE, WINDOW):
        outcome = outcomes[key]
        assert outcome.auc > 0.95 and outcome.low <= outcome.auc <= outcome.high and outcome.n == 79
        assert np.flatnonzero(np.isnan(outcome.scores)).tolist() == [3] and len(outcome.leading) == 1
        assert "from the left" in outcome.leading[0]


@pytest.mark.slow
def test_score_pixel_controls_labels_that_mean_nothing(marked):
    train, test = marked
    rng = np.random.default_rng(0)
    shuffled = train.assign(label=rng.permutation(train["label"].to_numpy()))
    outcomes = score_pixel_controls(shuffled, test, 32, progress=False)
    assert all(0.2 < outcome.auc < 0.8 for outcome in outcomes.values())


def test_score_pixel_controls_folds_keep_people_apart(marked, monkeypatch):
    train, test = marked
    seen = []

    def scorer(learnt, fake, scored, folds):
        seen.extend(folds)
        return np.zeros(len(scored)), "nowhere", 0.0

    monkeypatch.setattr(pixel_controls, "_SCORERS", {TEMPLATE: scorer})
    score_pixel_controls(train, test, 32, progress=False)
    people = train["identity"].to_numpy()
    assert len(seen) > 1
    assert not any(set(people[fit]) & set(people[held_out]) for fit, held_out in seen)


def test_score_pixel_controls_most_rows(marked, monkeypatch):
    monkeypatch.setattr(pixel_controls, "MAX_ROWS", 60)
    lengths = []

    def scorer(learnt, fake, scored, folds):
        lengths.append(len(learnt))
        return np.zeros(len(scored)), "nowhere", 0.0

    monkeypatch.setattr(pixel_controls, "_SCORERS", {WINDOW: scorer})
    score_pixel_controls(*marked, 32, progress=False)
    assert lengths == [60]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"label": "real"}, "of one class"), ({"identity": "ann"}, "single connected group")],
)
def test_score_pixel_controls_reason_instead_of_numbers(marked, change, reason):
    train, test = marked
    outcomes = score_pixel_controls(train.assign(**change), test, 32, progress=False)
    assert all(reason in outcome.reason and np.isnan(outcome.auc) for outcome in outcomes.values())
