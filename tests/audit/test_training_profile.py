"""Profiles of training faces: names counted, measures cut at their deciles, learners that see no face."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from aletheia.audit import training_profile
from aletheia.audit.training_profile import (
    CROP,
    FILES,
    SPECTRUM,
    count_names,
    face_sides,
    fit_training_profile,
    measured_properties,
)
from aletheia.datasets.manifest import validate_manifest
from aletheia.models.training_profile import SourceCount


@pytest.fixture(scope="module")
def train(crops) -> pd.DataFrame:
    """80 crops whose files of fakes are larger, of two sources."""
    fake = (crops[0]["label"] == "fake").to_numpy()
    age = np.where(np.arange(80) % 2, "33", "30-39")
    source = np.where(np.arange(80) < 60, "studio", "street")
    size = np.random.default_rng(0).integers(1000, 2000, 80) + 900 * fake
    return validate_manifest(crops[0].assign(age=age, source=source, file_bytes=size))


@pytest.fixture(scope="module")
def profile(train):
    return fit_training_profile(train, progress=False)


def test_training_profile_counts_names(profile, train):
    fake, street = train["label"] == "fake", train["source"] == "street"
    assert profile.faces == 80 and profile.groups == 20
    assert profile.sources["street"] == SourceCount(real=int((~fake & street).sum()), fake=int((fake & street).sum()))
    assert profile.generators == train[fake]["generator"].value_counts().to_dict()
    assert profile.people == {"gender": {"f": 40, "m": 40}, "age": {"adult (20–59)": 80}}
    assert count_names(train.assign(source=""))["sources"] == {}


def test_training_profile_cuts_at_deciles(profile, train):
    measure, values = profile.measures["file_bytes_per_pixel"], train["file_bytes"] / 32**2
    assert len(measure.edges) == 9 and measure.median == pytest.approx(values.median(), abs=1e-4)
    assert np.array(measure.shares[:-1]) == pytest.approx(0.1, abs=0.04) and measure.shares[-1] == 0
    # What is the same in all faces has one bin; what is unknown lies in the last.
    assert profile.measures["file_width"].shares == (1, 0) and profile.measures["file_jpeg_quality"].shares == (0, 1)


def test_training_profile_learner_is_a_logistic_regression(profile, train):
    learner, measures = profile.learners[FILES], profile.measures
    measured = measured_properties(train, profile.levels, progress=False)
    bins = {key: measures[key].bins(measured.values[key]) for key in learner.weights}
    table = np.concatenate([np.eye(len(measures[key].shares))[bins[key]] for key in learner.weights], axis=1)
    fake = (train["label"] == "fake").to_numpy()
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=300).fit(table, fake)
    assert learner.logits(bins) == pytest.approx(model.decision_function(table), abs=1e-2)
    assert learner.auc > 0.9  # the planted difference of sizes; the pixels of noise tell next to nothing of places
    assert profile.learners["keypoints"].auc < 0.7


def test_training_profile_without_boxes_measures_less(train):
    bare = train.drop(columns=[name for name in train if name.startswith(("face_", "crop_"))])
    profile = fit_training_profile(bare, progress=False)
    assert {measure.family for measure in profile.measures.values()} == {FILES, CROP, SPECTRUM}
    assert np.isnan(face_sides(bare)).all() and face_sides(train).tolist() == [24.0] * 80


def test_training_profile_of_one_class_has_no_learners(train):
    assert fit_training_profile(train[train["label"] == "real"], progress=False).learners == {}


@pytest.mark.slow
def test_training_profile_draws_some_faces(train, monkeypatch):
    monkeypatch.setattr(training_profile, "MAX_FACES", 40)
    profile = fit_training_profile(train, progress=False)
    assert profile.faces == 80 and sum(profile.generators.values()) == 60
    assert profile == fit_training_profile(train, progress=False)
