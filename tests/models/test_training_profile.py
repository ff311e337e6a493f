"""The profile of a model's training faces: bins, learners, and a file that may come from a stranger."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.models.model_files import PROFILE
from aletheia.models.training_profile import (
    Learner,
    MeasureProfile,
    SourceCount,
    TrainingProfile,
    read_profile,
    write_profile,
)

MEASURE = MeasureProfile(name="mean luma", family="crop", edges=(1.0, 2.5), shares=(0.2, 0.5, 0.2, 0.1), median=2.0)
PROFILE_OF = TrainingProfile(
    faces=100,
    groups=40,
    sources={"studio": SourceCount(real=60, fake=40)},
    generators={"swap": 40},
    people={"gender": {"female": 50}},
    measures={"luma": MEASURE},
    learners={"crop": Learner(name="crop alone", intercept=0.5, weights={"luma": (1.0, -2.0, 3.0, 0.25)}, auc=0.8)},
)


def test_measure_profile_bins_match_digitize():
    values = np.array([-9.0, 0.99, 1.0, 2.4, 2.5, 1e9])
    assert MEASURE.bins(values).tolist() == np.digitize(values, MEASURE.edges).tolist()
    assert MEASURE.bins(np.array([np.nan])).tolist() == [3]


def test_learner_logits_add_one_weight_of_each_measure():
    bins = {"luma": MEASURE.bins(np.array([0.0, 1.5, 3.0, np.nan]))}
    assert PROFILE_OF.learners["crop"].logits(bins).tolist() == [1.5, -1.5, 3.5, 0.75]


def test_profile_read_as_written(tmp_path):
    payload = write_profile(tmp_path, PROFILE_OF)
    assert read_profile(tmp_path, hashlib.sha256(payload).hexdigest()) == PROFILE_OF
    with pytest.raises(InputError, match="SHA-256"):
        read_profile(tmp_path, "0" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(faces=-1), "faces"),
        (lambda d: d.update(other=1), "other"),
        (lambda d: d.update(sealed=["no hash"]), "sealed"),
        (lambda d: d["measures"]["luma"].update(edges=[2.5, 1.0]), "edges must rise"),
        (lambda d: d["measures"]["luma"].update(shares=[1.0]), "two more shares"),
        (lambda d: d["learners"]["crop"]["weights"].update(luma=[1.0]), "does not fit the measure luma"),
        (lambda d: d["learners"]["crop"]["weights"].update(hue=[1.0]), "does not fit the measure hue"),
        (lambda d: d["learners"]["crop"].update(intercept="inf"), "intercept"),
        (lambda d: d["measures"].update({str(k): d["measures"]["luma"] for k in range(1001)}), "1000"),
    ],
)
def test_profile_of_a_stranger_is_refused(tmp_path, change, message):
    values = json.loads(PROFILE_OF.model_dump_json())
    change(values)
    content = json.dumps(values).encode()
    (tmp_path / PROFILE).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_profile(tmp_path, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b"[" * 100_000, b"x" * 2_000_001])
def test_profile_that_is_no_profile_is_refused(tmp_path, content):
    (tmp_path / PROFILE).write_bytes(content)
    with pytest.raises(InputError):
        read_profile(tmp_path, hashlib.sha256(content).hexdigest())
