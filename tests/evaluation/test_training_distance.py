"""Test faces beside the training faces: names, measures, features, and learners that see no face."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.audit.training_profile import fit_training_profile, measured_properties
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.manifest import validate_manifest
from aletheia.evaluation.training_distance import compare_with_training
from aletheia.models.spec import AbstentionSpec, ModelSpec, TypicalSpec
from aletheia.models.training_profile import write_profile
from aletheia.models.verdict import DISTANCE
from aletheia.stats.scored_set import ScoredSet

TYPICAL = TypicalSpec(sha256="0" * 64, features=4, limit=2.0, level=0.02, faces=100)


@pytest.fixture(scope="module")
def trained(crops, tmp_path_factory):
    """A folder with the profile of 80 crops, its description, and the profile."""
    folder = tmp_path_factory.mktemp("profile")
    profile = fit_training_profile(validate_manifest(crops[0]), progress=False)
    sha256 = hashlib.sha256(write_profile(folder, profile)).hexdigest()
    rules = AbstentionSpec(alpha=0.1, real_upper=0.5, fake_lower=0.5, typical=TYPICAL)
    return folder, ModelSpec(architecture="attention_cnn", input_size=32, profile=sha256, abstention=rules), profile


def compare(trained, frame, distances=None):
    scored = ScoredSet(fake_flags(frame), np.full(len(frame), 0.5), groups=frame["identity"])
    evidence = pd.DataFrame({} if distances is None else {DISTANCE: distances}, index=frame.index)
    return compare_with_training(*trained[:2], frame, scored, evidence, progress=False)


def test_compare_with_training_at_home(trained, crops):
    record = compare(trained, validate_manifest(crops[1]))
    assert [names.unknown for names in record.names] == [[], [], []] and record.faces == 80 and record.far is None
    assert [names.column for names in record.names] == ["source", "generator", "gender"]
    assert sum(shift.differs for shift in record.shifts) <= 2 and record.shifts[0].distance < 0.4
    assert record.is_known("generator", "swap") and record.is_known("age", "33") is None


def test_compare_with_training_abroad(trained, crops):
    frame = validate_manifest(
        crops[1].assign(width=500, height=500, source="street", generator=lambda d: d["generator"].replace("swap", "x"))
    )
    record = compare(trained, frame, np.where(np.arange(120) < 30, 3.0, 1.0))
    names = {names.column: names for names in record.names}
    assert names["source"].unknown == ["street"] and (names["source"].rows, names["source"].of) == (120, 120)
    assert names["generator"].unknown == ["x"] and names["generator"].rows == (frame["generator"] == "x").sum()
    shifts = {shift.key: shift for shift in record.shifts}
    # All of the training lies in one bin that ends where these begin.
    assert shifts["file_bytes_per_pixel"].distance == pytest.approx(0.9, abs=0.05)
    assert shifts["file_bytes_per_pixel"].differs and shifts["file_bytes_per_pixel"].chance < 0.5
    assert record.far.share == 0.25 and record.far.median == 1.0 and record.far.level == 0.02
    assert record.novelty("street", "x") == "source and generator unknown to the model"
    assert record.novelty("street", "blend") == "source unknown to the model"


def test_compare_with_training_scores_the_learners(trained, crops):
    frame, profile = validate_manifest(crops[1]), trained[2]
    record = compare(trained, frame)
    measured = measured_properties(frame, profile.levels, progress=False)
    bins = {key: profile.measures[key].bins(values) for key, values in measured.values.items()}
    aucs = {given.key: given.auc for given in record.given_away}
    assert set(aucs) == set(profile.learners)
    for key, learner in profile.learners.items():
        assert aucs[key] == pytest.approx(roc_auc_score(fake_flags(frame), learner.logits(bins)))
    told = [abs(given.auc - 0.5) for given in record.given_away]
    assert told == sorted(told, reverse=True)
    # Fakes are brighter in training and test: light gives them away.
    assert aucs["crop"] > 0.7


def test_compare_with_training_of_one_class_has_no_aucs(trained, crops):
    frame = validate_manifest(crops[1][crops[1]["label"] == "real"])
    assert all(np.isnan(given.auc) for given in compare(trained, frame).given_away)


def test_compare_with_training_of_an_earlier_version(trained, crops):
    spec = trained[1].model_copy(update={"profile": ""})
    assert compare((trained[0], spec), validate_manifest(crops[1])) is None
