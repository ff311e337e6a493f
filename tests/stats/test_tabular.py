"""Predictions from tables, against scikit-learn's own trees and permutation importance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from aletheia.stats.tabular import (
    MAX_EXPLAINED,
    Columns,
    FoldError,
    Shortcut,
    make_folds,
    make_trees,
    not_computed,
    score_table,
    without_unknown,
)

COLUMNS = Columns(("signal", "noise"), ("the signal", "the noise"), (False, False))


def table(n, seed=0, strength=1.5):
    rng = np.random.default_rng(seed)
    fake = np.arange(n) % 2 == 0
    return np.stack([rng.normal(size=n) + strength * fake, rng.normal(size=n)], axis=1), fake


@pytest.fixture(scope="module")
def scored():
    """Result on a test table of its own, and both tables."""
    fit, test = table(600), table(400, seed=1)
    folds = [(np.arange(600), np.arange(400))]
    options = {"seed": 3, "cross_validated": False}
    result = score_table(COLUMNS, fit, test, folds, np.arange(400), np.random.default_rng(0), **options)
    return result, fit, test


def test_score_table_auc_matches_scikit_learn(scored):
    result, (x, fake), (x_test, y) = scored
    model = make_trees(3, COLUMNS.categorical, 600).fit(x, fake)
    assert result.auc == pytest.approx(roc_auc_score(y, model.predict_proba(x_test)[:, 1]))
    assert result.low < result.auc < result.high and result.n == 400 and not result.cross_validated


def test_score_table_importance_matches_scikit_learn(scored):
    result, (x, fake), (x_test, y) = scored
    model = make_trees(3, COLUMNS.categorical, 600).fit(x, fake)
    expected = permutation_importance(model, x_test, y, scoring="roc_auc", n_repeats=20, random_state=0)
    importance = result.features.set_index("feature")["importance"]
    assert importance["signal"] == pytest.approx(expected.importances_mean[0], abs=0.03)
    assert importance["noise"] == pytest.approx(expected.importances_mean[1], abs=0.03)


def test_score_table_single_columns(scored):
    result, (x, fake), (x_test, y) = scored
    alone = result.features.set_index("feature")["alone"]
    tree = DecisionTreeClassifier(max_leaf_nodes=12, min_samples_leaf=10, random_state=3).fit(x[:, :1], fake)
    assert alone["signal"] == pytest.approx(roc_auc_score(y, tree.predict_proba(x_test[:, :1])[:, 1]))
    assert alone["signal"] == pytest.approx(roc_auc_score(y, x_test[:, 0]), abs=0.05)
    assert alone["noise"] == pytest.approx(0.5, abs=0.06)
    assert result.features["name"].tolist() == ["the signal", "the noise"] and result.leading[0] == "the signal"


def test_score_table_cross_validated_matches_folds_by_hand():
    x, fake = table(200)
    groups = np.arange(200) // 2
    folds = make_folds(groups, fake, np.random.default_rng(0))
    result = score_table(COLUMNS, (x, fake), (x, fake), folds, groups, np.random.default_rng(0))
    aucs, pairs = [], []
    for fit, test in folds:
        p = make_trees(0, COLUMNS.categorical, len(fit)).fit(x[fit], fake[fit]).predict_proba(x[test])[:, 1]
        aucs.append(roc_auc_score(fake[test], p))
        pairs.append(fake[test].sum() * (~fake[test]).sum())
    assert result.auc == pytest.approx(np.average(aucs, weights=pairs)) and result.cross_validated


def test_score_table_wide_table_without_single_columns():
    x, fake = table(120)
    width = MAX_EXPLAINED + 1
    columns = Columns(*[tuple(map(str, range(width)))] * 2, (False,) * width)
    wide = np.concatenate([x, np.random.default_rng(0).normal(size=(120, width - 2))], axis=1)
    folds = make_folds(np.arange(120), fake, np.random.default_rng(0))
    result = score_table(columns, (wide, fake), (wide, fake), folds, np.arange(120), np.random.default_rng(0))
    assert len(result.features) == 0 and result.auc > 0.6 and result.leading == []


@pytest.mark.parametrize("n_groups", [4, 23, 60])
def test_make_folds_keep_groups_together(n_groups):
    rng = np.random.default_rng(n_groups)
    groups = np.concatenate([np.arange(n_groups), rng.integers(0, n_groups, 300)])
    fake = (groups % 2 == 0) ^ (rng.random(len(groups)) < 0.1)
    folds = make_folds(groups, fake, rng)
    assert 2 <= len(folds) <= 5
    for fit, test in folds:
        assert not set(groups[fit]) & set(groups[test])
        np.testing.assert_array_equal(np.sort(np.concatenate([fit, test])), np.arange(len(groups)))
        for rows in (fit, test):
            assert set(fake[rows]) == {False, True}
    assert np.bincount(np.concatenate([test for _, test in folds])).max() == 1


@pytest.mark.parametrize(
    ("groups", "fake", "reason"),
    [
        ([0, 1, 2], [True, True, True], "the rows are all fake"),
        ([0, 1, 2], [False, False, False], "the rows are all real"),
        ([0, 0, 1, 2], [True, True, False, False], "single connected group"),
    ],
)
def test_make_folds_impossible(groups, fake, reason):
    with pytest.raises(FoldError, match=reason):
        make_folds(np.array(groups), np.array(fake), np.random.default_rng(0))


def test_without_unknown_zeroes_columns_unknown_in_the_first():
    nan = np.nan
    learnt, other = without_unknown(np.array([[nan, 1, nan], [nan, 2, 5]]), np.array([[7, nan, 8]]))
    np.testing.assert_array_equal(learnt, [[0, 1, nan], [0, 2, 5]])
    np.testing.assert_array_equal(other, [[0, nan, 8]])


def test_make_trees_take_unknown_values():
    x, fake = table(100)
    x[::3, 1] = np.nan
    assert make_trees(0, (False, False), 100).fit(x, fake).predict_proba(x).shape == (100, 2)


def test_shortcut_leading_by_importance_or_alone():
    features = pd.DataFrame(
        {"name": list("abcde"), "importance": [0.2, 0.02, 0.0, 0.0, 0.0], "alone": [0.7, 0.5, 0.75, 0.59, 0.5]}
    )
    assert Shortcut(0.8, 0.7, 0.9, 100, features).leading == ["a", "b", "c"]


def test_shortcut_sentence():
    features = pd.DataFrame({"name": ["size"], "importance": [0.3], "alone": [0.8]})
    sentence = Shortcut(0.8, 0.7, 0.9, 100, features).sentence()
    assert sentence.endswith("AUC 0.80 (0.70 to 0.90); what gives it away: size.")
    assert "no property" in Shortcut(0.52, 0.45, 0.6, 100, features).sentence()


def test_not_computed_has_reason_and_no_numbers():
    result = not_computed("there are no rows", False)
    assert not result.estimate.is_defined and result.leading == [] and not result.cross_validated
    assert result.sentence() == "The shortcut AUC was not computed: there are no rows."
