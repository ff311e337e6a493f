"""The largest gap between groups of people, against fairlearn's values, brute force and exact permutation tests."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.fairness_gaps import COLUMNS, largest_gap
from aletheia.evaluation.subgroups import TOO_FEW
from aletheia.stats.bootstrap import draw_counts
from aletheia.stats.intervals import wilson

# Real rows, those of them called fake, fakes, and those of them missed.
PEOPLE = {"ann": (40, 4, 30, 6), "bea": (25, 7, 50, 5), "cat": (50, 3, 25, 10), "dan": (10, 5, 10, 5)}


def people(*names: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rows: list[tuple[str, int, float]] = []
    for name in names:
        real, false, fake, missed = PEOPLE[name]
        rows += [(name, 0, 0.8)] * false + [(name, 0, 0.2)] * (real - false)
        rows += [(name, 1, 0.3)] * missed + [(name, 1, 0.9)] * (fake - missed)
    frame = pd.DataFrame(rows, columns=["ethnicity", "y", "p"])
    return frame[["ethnicity"]], frame["y"].to_numpy(), frame["p"].to_numpy()


def sample(n=500, values=4, seed=0, size=5):
    """`n` rows in groups of `size` that have one value and errors in common."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) // size
    y = (rng.random(n) < 0.5).astype(int)
    p = np.clip(0.5 + 0.15 * (2 * y - 1) + rng.normal(0, 0.15, n) + rng.normal(0, 0.2, n)[group], 0, 1)
    return pd.DataFrame({"age": rng.choice(list("abcdef"[:values]), n)[group]}), y, p, group


def test_gaps_are_fairlearns():
    # MetricFrame of fairlearn 0.15.0 on these rows: by_group, difference(), group_max() / overall.
    table = largest_gap(*people("ann", "bea", "cat"), 0.5).set_index("rate")
    assert tuple(table.reset_index()[list(COLUMNS)]) == COLUMNS and (table["column"] == "ethnicity").all()
    assert table["gap"].tolist() == pytest.approx([0.22, 0.3, 0.008])
    assert table["highest"].tolist() == ["bea", "cat", "ann"] and table["lowest"].tolist() == ["cat", "bea", "bea"]
    assert table["highest_rate"].tolist() == pytest.approx([0.28, 0.4, 0.98])
    assert table["lowest_rate"].tolist() == pytest.approx([0.06, 0.1, 0.972])
    assert table["ratio"].tolist() == pytest.approx([2.3, 2.0, np.nan], nan_ok=True)
    assert (table["n_values"] == 3).all() and (table["verdict"] == "").all()


def rates_of(y, p, values, rate, names):
    if rate == "auc":
        return [roc_auc_score(y[values == name], p[values == name]) for name in names]
    wrong, fake = ((p >= 0.5), 0) if rate == "fpr" else ((p < 0.5), 1)
    return [wrong[(values == name) & (y == fake)].mean() for name in names]


@pytest.mark.parametrize("rate", ["fpr", "fnr", "auc"])
def test_replicates_are_those_of_repeated_rows(rate):
    frame, y, p, group = sample(300)
    values = frame["age"].to_numpy()
    table = largest_gap(frame, y, p, 0.5, groups=group, min_n=10, replicates=50, permutations=0, seed=3)
    row = table.set_index("rate").loc[rate]
    number = np.unique(group.astype(str), return_inverse=True)[1]
    gaps, ratios = [], []
    for counts in draw_counts(60, 50, np.random.default_rng(3)):
        rows = np.repeat(np.arange(300), counts[number].astype(int))
        rates = rates_of(y[rows], p[rows], values[rows], rate, "abcd")
        gaps.append(np.ptp(rates))
        ratios.append(np.max(rates) / rates_of(y[rows], p[rows], np.full(len(rows), "all"), rate, ["all"])[0])
    assert row["gap"] == pytest.approx(np.ptp(rates_of(y, p, values, rate, "abcd")))
    assert [row["gap_low"], row["gap_high"]] == pytest.approx(list(np.percentile(gaps, [2.5, 97.5])))
    if rate != "auc":
        assert [row["ratio_low"], row["ratio_high"]] == pytest.approx(list(np.percentile(ratios, [2.5, 97.5])))
    assert np.isnan(row["p_value"])


def test_the_p_value_is_the_exact_one_of_two_values():
    # 11 false alarms among 65 real rows; how many of the 40 rows of ann have one, by lot?
    table = largest_gap(*people("ann", "bea"), 0.5, permutations=20_000, replicates=0).set_index("rate")
    hits = np.arange(0, 12)
    gaps = np.abs(hits / 40 - (11 - hits) / 25)
    exact = hypergeom(65, 11, 40).pmf(hits)[gaps >= table.loc["fpr", "gap"] - 1e-12].sum()
    assert 0.05 < exact < 0.1
    assert table.loc["fpr", "p_value"] == pytest.approx(exact, abs=0.006)


@pytest.mark.parametrize("rate", ["fpr", "auc"])
def test_the_p_value_is_that_of_values_shuffled_over_groups(rate):
    frame, y, p, group = sample(240, values=3, seed=7)
    y = (group % 3 > 0).astype(int)  # each group of one class
    values = frame["age"].to_numpy()
    table = largest_gap(frame, y, p, 0.5, groups=group, min_n=5, replicates=0, permutations=2000).set_index("rate")
    rng = np.random.default_rng(1)
    first, stratum = np.arange(0, 240, 5), y[::5]
    as_large = 0
    for _ in range(500):
        label = values[first].copy()
        for fake in (0, 1):
            label[stratum == fake] = rng.permutation(label[stratum == fake])
        as_large += np.ptp(rates_of(y, p, label[group], rate, "abc")) >= table.loc[rate, "gap"] - 1e-12
    assert table.loc[rate, "p_value"] == pytest.approx(as_large / 500, abs=0.06)


def test_the_p_value_of_the_auc_is_the_exact_one_where_a_value_has_one_row_of_a_class():
    p = np.array([0.35, 0.1, 0.2, 0.3, 0.9, 0.4, 0.05, 0.6, 0.7, 0.8, 0.15, 0.55])
    y, values = np.repeat([0, 1], 6), np.array(["a", *"bbbbb", *"aaaaa", "b"])
    table = largest_gap(pd.DataFrame({"age": values}), y, p, 0.5, min_n=1, replicates=0, permutations=5000)
    gaps = []
    for real in range(6):
        for fake in range(6, 12):
            a = np.isin(np.arange(12), [real, *(set(range(6, 12)) - {fake})])
            gaps.append(abs(roc_auc_score(y[a], p[a]) - roc_auc_score(y[~a], p[~a])))
    gap = table.set_index("rate").loc["auc", "gap"]
    assert gap == pytest.approx(gaps[5])
    assert table["p_value"].iloc[2] == pytest.approx(np.mean(np.array(gaps) >= gap - 1e-12), abs=0.02)


def test_p_values_are_even_where_nobody_differs_though_gaps_are_not_zero():
    grouped, single, gaps = [], [], []
    for seed in range(60):
        frame, y, p, group = sample(300, values=3, seed=seed, size=10)
        settings = {"min_n": 10, "permutations": 100, "replicates": 0}
        table = largest_gap(frame, y, p, 0.5, groups=group, **settings)
        grouped.append(table["p_value"].to_numpy())
        single.append(largest_gap(frame, y, p, 0.5, **settings)["p_value"].to_numpy())
        gaps.append(table["gap"].to_numpy())
    assert np.mean(gaps, axis=0)[:2].min() > 0.1  # the bias of a maximum: all true gaps are 0
    assert np.mean(np.array(grouped) < 0.1) == pytest.approx(0.1, abs=0.07)
    assert np.mean(np.array(single)[:, :2] < 0.1) > 0.3  # rows of one person are no independent evidence


def test_a_planted_gap_is_found():
    frame, y, p, group = sample(2000, values=3, seed=1)
    p = np.where((frame["age"] == "b") & (y == 0), np.clip(p + 0.3, 0, 1), p)
    row = largest_gap(frame, y, p, 0.5, groups=group).set_index("rate").loc["fpr"]
    assert row["highest"] == "b" and row["p_value"] < 0.01 and row["gap_low"] > 0.2 and row["ratio_low"] > 1.3
    assert row["gap_low"] < row["gap"] < row["gap_high"] and row["ratio_low"] < row["ratio"] < row["ratio_high"]


def test_no_error_at_all_is_not_certainty():
    y = np.tile([0, 1], 60)
    frame = pd.DataFrame({"gender": np.repeat(["f", "m"], [80, 40])})
    table = largest_gap(frame, y, 0.1 + 0.8 * y, 0.5, groups=np.arange(120) // 2).set_index("rate")
    assert (table["gap"] == 0).all() and (table["gap_low"] == 0).all() and (table["p_value"] == 1).all()
    # 40 and 20 groups without an error: the smaller may be this much worse, and its ranking this much less perfect.
    high, low = wilson(0, 20)[1], wilson(20, 20)[0]
    assert table["gap_high"].tolist() == pytest.approx([high, high, 1 - low])
    assert table[["ratio", "ratio_low", "ratio_high"]].isna().all().all()
    # One value without errors, one with: the former may have some, too.
    p = np.where((frame["gender"] == "f") & (np.arange(120) % 8 == 0), 0.9, 0.1 + 0.8 * y)
    some = largest_gap(frame, y, p, 0.5).set_index("rate").loc["fpr"]
    assert some["gap"] == pytest.approx(0.25)
    draws_low = 0.25 - 1.96 * np.sqrt(0.25 * 0.75 / 40)
    assert some["gap_low"] < draws_low - 0.05 and some["gap_low"] >= 0


def test_values_with_few_rows_are_not_compared():
    frame, y, p = people("ann", "bea", "dan")
    table = largest_gap(frame, y, p, 0.5, replicates=50).set_index("rate")
    assert (table["n_values"] == 2).all() and table.loc["fpr", "gap"] == pytest.approx(0.18)
    # dan counts among all rows, all the same.
    assert table.loc["fpr", "ratio"] == pytest.approx(0.28 / (16 / 75))
    alone = largest_gap(*people("ann", "dan"), 0.5)
    assert (alone["verdict"] == TOO_FEW).all() and alone[["gap", "gap_low", "p_value", "ratio"]].isna().all().all()
    assert (alone["highest"] == "").all() and alone["n_values"].tolist() == [1, 1, 1]


def test_columns_intersections_and_rows_without_a_score():
    frame, y, p, group = sample()
    frame["gender"] = np.where(np.arange(len(frame)) % 2 == 0, "f", "")
    table = largest_gap(frame, y, p, 0.5, groups=group, intersections=True, min_n=5, replicates=20, permutations=20)
    assert table["column"].unique().tolist() == ["gender", "age", "gender × age"]
    assert table["n_values"].tolist() == [1] * 3 + [4] * 6
    gaps = p.copy()
    gaps[100:200] = np.nan
    keep = ~np.isnan(gaps)
    pd.testing.assert_frame_equal(
        largest_gap(frame, y, gaps, 0.5, ["age"], groups=group, replicates=20),
        largest_gap(frame[keep], y[keep], p[keep], 0.5, ["age"], groups=group[keep], replicates=20),
    )
    assert len(largest_gap(frame[[]], y, p, 0.5)) == 0
    with pytest.raises(InputError, match="shoe_size"):
        largest_gap(frame, y, p, 0.5, ["shoe_size"])


@pytest.mark.slow
def test_100_000_rows_take_less_than_40_seconds(many_people):
    frame, y, p, units = many_people
    start = time.process_time()
    largest_gap(frame, y, p, 0.5, groups=units)
    assert time.process_time() - start < 40
