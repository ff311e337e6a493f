"""Codes, cross tables and Cramér's V, against pandas and SciPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.contingency import association

from aletheia.stats.categorical import cramers_v, cross_table, encode, first_rows, join_columns, renumber, rows_by_code


@pytest.mark.parametrize("dtype", [object, "category"])
def test_encode_matches_pandas_categories(dtype):
    texts = np.random.default_rng(0).choice(["b", "a", "", "c", "Z"], 200)
    codes, values = encode(pd.Series(texts).astype(dtype))
    expected = pd.Categorical(texts, categories=sorted(set(texts) - {""}))
    assert values.tolist() == list(expected.categories)
    np.testing.assert_array_equal(codes, expected.codes)
    assert codes.dtype == np.int64


def test_encode_leaves_unused_categories_out():
    column = pd.Series(pd.Categorical(["x", None, "y", ""], categories=["unused", "y", "x", ""]))
    codes, values = encode(column)
    assert values.tolist() == ["x", "y"] and codes.tolist() == [0, -1, 1, -1]


def test_encode_many_values_keep_order_of_appearance():
    texts = [f"v{i}" for i in np.random.default_rng(0).permutation(1500)]
    column = pd.Series([*texts, texts[0]])
    for spelled in (column, column.astype("category")):
        codes, values = encode(spelled)
        assert values.tolist() == texts and codes.tolist() == [*range(1500), 0]


def test_first_rows():
    assert first_rows(np.array([2, -1, 0, 2, 0], dtype=np.int8), 4).tolist() == [2, 5, 0, 5]


def test_join_columns_of_two_categoricals():
    first, second = pd.Series(["a", "b"], dtype="category"), pd.Series(["c", "a"], dtype="category", index=[5, 6])
    joined = join_columns(first, second)
    assert joined.tolist() == ["a", "b", "c", "a"] and joined.cat.categories.tolist() == ["a", "b", "c"]
    assert join_columns(first, second.astype(object)).tolist() == ["a", "b", "c", "a"]
    assert join_columns(pd.Series([1]), pd.Series([], dtype=int)).dtype == int


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-1, 30), min_size=1, max_size=40), st.sampled_from([31, 100_000]))
def test_renumber_matches_numpy_unique(codes, size):
    """By counting, and by sorting where the codes may be large."""
    codes = np.array(codes)
    used, places = renumber(codes, size)
    np.testing.assert_array_equal(used, np.setdiff1d(codes, [-1]))
    np.testing.assert_array_equal(np.append(used, -1)[places], codes)
    assert (places[codes == -1] == -1).all()


def test_cross_table_matches_pandas():
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 4, 500), rng.integers(0, 3, 500)
    np.testing.assert_array_equal(cross_table(rows, columns, (4, 3)), pd.crosstab(rows, columns))
    rows[::5], columns[::7] = -1, -1
    is_known = (rows >= 0) & (columns >= 0)
    np.testing.assert_array_equal(cross_table(rows, columns, (4, 3)), pd.crosstab(rows[is_known], columns[is_known]))
    assert cross_table(rows[:0], columns[:0], (2, 5)).shape == (2, 5)


@pytest.mark.parametrize("seed", range(5))
def test_cramers_v_matches_scipy(seed):
    table = np.random.default_rng(seed).integers(1, 30, (4, 3))
    assert cramers_v(table) == pytest.approx(association(table, method="cramer"))
    padded = np.pad(table, ((0, 1), (1, 0)))  # empty rows and columns do not count
    assert cramers_v(padded) == pytest.approx(association(table, method="cramer"))


def test_cramers_v_limits():
    assert cramers_v(np.diag([3, 5, 9])) == pytest.approx(1)
    assert cramers_v(np.outer([1, 2], [3, 4])) == pytest.approx(0)
    assert cramers_v(np.array([[3, 4]])) == 0 and np.isnan(cramers_v(np.array([[3], [4]])))


def test_rows_by_code_sorts_stably() -> None:
    codes = np.random.default_rng(0).integers(0, 50, 1000)
    np.testing.assert_array_equal(rows_by_code(codes, 60), np.argsort(codes, kind="stable"))
    assert rows_by_code(np.empty(0, dtype=np.int64), 1).shape == (0,)
