"""AUC among alike pairs: by hand, and where a network sees nothing but gender."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.evaluation.alike_pairs import alike_pairs
from aletheia.stats.clustered_auc import clustered_auc

NONE = np.empty(0)


def test_alike_pairs_by_hand():
    frame = pd.DataFrame({"gender": ["f", "f", "f", "m", "m", "m"]})
    fake = np.array([True, False, False, True, True, False])
    p = np.array([0.9, 0.1, 0.95, 0.6, 0.2, 0.4])
    result = alike_pairs(frame, fake, p, NONE, None)
    # Women: .9 against .1 and .95; men: .6 and .2 against .4.
    assert result.auc.value == pytest.approx(2 / 4)
    assert result.share == pytest.approx(4 / 9) and result.columns == ("gender",)


def test_alike_pairs_network_that_sees_gender():
    rng = np.random.default_rng(0)
    gender = rng.choice(["female", "male"], 600)
    fake = (gender == "female") & (rng.random(600) < 0.5)
    p = np.where(gender == "female", 0.7, 0.3) + rng.normal(0, 0.05, 600)
    frame, groups = pd.DataFrame({"gender": gender, "age": ""}), np.arange(600) // 5
    assert roc_auc_score(fake, p) > 0.8
    result = alike_pairs(frame, fake, p, NONE, groups)
    assert result.auc.low < 0.5 < result.auc.high and result.columns == ("gender",)
    # A thumbnail that tells the gender does the same where it is not in the manifest.
    thumbnail = np.where(gender == "female", 0.6, 0.1) + rng.normal(0, 0.01, 600)
    hidden = alike_pairs(frame.drop(columns="gender"), fake, p, thumbnail, groups)
    assert hidden.auc.value < 0.6 and hidden.columns == ("thumbnail",)


def test_alike_pairs_one_stratum_is_the_whole_auc():
    rng = np.random.default_rng(1)
    fake, groups = np.arange(200) % 2 == 0, np.arange(200) // 10
    p = rng.normal(0.4 + 0.2 * fake, 0.2)
    result = alike_pairs(pd.DataFrame({"gender": ["f"] * 200}), fake, p, NONE, groups)
    assert result.auc == clustered_auc(fake, p, groups).estimate() and result.share == 1


def test_alike_pairs_unreadable_rows_ages_and_unknown_columns():
    frame = pd.DataFrame({"age": ["21", "29", "35", "38", "60+"], "gender": ["f", "", "", "f", ""]})
    fake = np.array([True, False, True, False, False])
    result = alike_pairs(frame, fake, np.array([0.8, 0.2, 0.3, 0.6, 0.1]), NONE, None)
    assert result.columns == ("age",)  # the gender of two real faces in three is not known
    assert (result.auc.value, result.share) == (0.5, pytest.approx(2 / 6))
    result = alike_pairs(frame, fake, np.array([0.8, 0.2, np.nan, 0.6, 0.1]), NONE, None)
    assert (result.auc.value, result.share) == (1.0, pytest.approx(1 / 3))


def test_alike_pairs_nobody_alike_and_nothing_known():
    fake, p = np.array([True, True, False, False]), np.array([0.9, 0.8, 0.1, 0.2])
    apart = alike_pairs(pd.DataFrame({"gender": ["f", "f", "m", "m"]}), fake, p, NONE, None)
    assert not apart.auc.is_defined and apart.share == 0 and apart.columns == ("gender",)
    assert alike_pairs(pd.DataFrame({"gender": [""] * 4}), fake, p, NONE, None).columns == ()
    assert set(apart.to_dict()) == {"auc", "auc_low", "auc_high", "share", "columns"}
