"""Measures of crops, taken once for all that needs them."""

from __future__ import annotations

import numpy as np

from aletheia.audit.measures import COLUMNS
from aletheia.audit.measuring import CROPS, measure_crops, measure_faces


def test_measure_crops_agree_with_those_of_each_part(crops):
    train, test = crops
    known = measure_crops([train, test, test], progress=False)
    assert sorted(known.index) == sorted({*train["path"], *test["path"]}) and tuple(known.columns) == COLUMNS
    for part in (train, test):
        np.testing.assert_array_equal(known.loc[part["path"]], measure_faces(part, CROPS, progress=False))
    assert measure_crops([train, test.drop(columns="face_keypoints")], progress=False) is None


def test_measure_faces_takes_what_is_known(crops):
    test = crops[1].iloc[:6]
    known = measure_crops([test.iloc[:2]], progress=False) + 1
    measures = measure_faces(test, CROPS, known=known, progress=False)
    np.testing.assert_array_equal(measures.iloc[:2], known)
    np.testing.assert_array_equal(measures.iloc[2:], measure_faces(test.iloc[2:], CROPS, progress=False))
