"""Verdicts of two models on new faces, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.evaluation.new_faces import compare_on_new_faces, score_faces
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import predict_manifest
from aletheia.stats.paired_rates import compare_rates


def answers(right: list[bool], label: str = "fake") -> pd.DataFrame:
    """Faces of a person each, with a model's verdicts."""
    verdicts = np.where(right, label, "real" if label == "fake" else "fake")
    people = [f"p{i}" for i in range(len(right))]
    return pd.DataFrame({"label": label, "identity": people, "verdict": verdicts, "probability": 0.5})


def test_counts():
    first, second = [True] * 6 + [False] * 6, [True] * 5 + [False] + [True] * 4 + [False] * 2
    found = compare_on_new_faces(answers(first), answers(second))
    assert (found.n, found.groups, found.mended, found.broken) == (12, 12, 4, 1)
    assert (found.first_right, found.second_right) == (0.5, 0.75)
    expected = compare_rates(np.array(first), np.array(second), np.arange(12))
    assert found.change == expected and found.difference == expected.estimate()
    values = found.to_dict()
    assert (values["difference"], values["standard_error"], values["df"]) == (0.25, expected.standard_error, 11)
    assert "right 50.0% by v1, 75.0% by v2" in found.sentence("v1", "v2")


def test_faces_that_one_could_not_score_are_left_out():
    first, second = answers([True] * 10), answers([True] * 10)
    second.loc[:2, "probability"] = math.nan
    assert compare_on_new_faces(first, second).n == 7
    second["probability"] = math.nan
    with pytest.raises(InputError, match="can be read"):
        compare_on_new_faces(first, second)


def test_few_groups_have_no_test():
    assert compare_on_new_faces(answers([True] * 7), answers([False] * 7)).to_dict()["standard_error"] is None


def test_score_faces_decides_by_the_threshold(brightness_bundle, crops):
    network, spec = load_bundle(brightness_bundle)
    found = score_faces(brightness_bundle, crops[1], progress=False)
    expected = predict_manifest(network, spec, crops[1], progress=False)
    assert found["probability"].to_numpy() == pytest.approx(expected)
    assert ((found["verdict"] == "fake") == (expected >= spec.threshold)).all()
