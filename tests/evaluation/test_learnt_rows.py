"""The audit of the rows that a network got."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.datasets.bias import analyse_bias
from aletheia.evaluation.learnt_rows import audit_rows


@pytest.mark.slow
def test_audit_rows_families_and_columns(crops):
    """Crude crops: the fakes are brighter, which the family of light sees; the gender is that of every fourth row."""
    parts = [part.assign(age=np.where(part["label"] == "fake", "old", "young")) for part in crops]
    families, columns = audit_rows(parts, progress=False)
    found = {family.key: family for family in families}
    assert found["light"].tells and found["light"].auc > 0.7 and "thumbnail" not in found
    assert found["source"].absent and found["delivery"].absent
    v = {column.column: column.cramers_v for column in columns}
    whole = crops[0].assign(split="")
    assert set(v) == {"gender", "age"} and v["age"] == 1
    assert analyse_bias(whole, ["gender"]).cramers_v("gender") < 0.3 and v["gender"] < 0.3


def test_audit_rows_unknown(crops):
    test = crops[1]
    assert audit_rows([test.drop(columns="face_keypoints")], progress=False) == (None, None)
    assert audit_rows([test[test["label"] == "fake"]], progress=False) == (None, None)
